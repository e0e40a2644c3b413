//! What happens to an answer on its way: it is slow, it comes in pieces, it breaks off. It is applied to the bytes as they are sent,
//! after they were compressed.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::stream;
use http_body_util::BodyExt as _;
use tokio::time::Instant;

/// What happens to an answer on its way. It is an extension of the answer until then.
#[derive(Debug, Clone, Default)]
pub(crate) struct OnTheWay {
    /// Bytes a second.
    pub bandwidth: Option<u32>,
    /// How large the pieces are, and how long it is until the next.
    pub pieces: Option<(usize, Duration)>,
    /// After how many bytes the connection ends.
    pub breaks_off: Option<usize>,
}

/// How many bytes go at once where only the bandwidth counts.
const PIECE: usize = 1400;
/// How long a connection gets for what it has been given, before it ends.
const FLUSHED_WITHIN: Duration = Duration::from_millis(5);

impl OnTheWay {
    fn is_nothing(&self) -> bool {
        self.bandwidth.is_none() && self.pieces.is_none() && self.breaks_off.is_none()
    }

    fn piece(&self) -> usize {
        self.pieces.map_or(PIECE, |(piece, _)| piece)
    }

    /// How long it takes until a piece is there.
    fn takes(&self, bytes: usize) -> Duration {
        let sent = self.bandwidth.map_or(Duration::ZERO, |rate| {
            let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
            Duration::from_secs_f64(f64::from(bytes) / f64::from(rate))
        });
        sent.max(self.pieces.map_or(Duration::ZERO, |(_, every)| every))
    }
}

/// An answer's bytes, as they still have to go.
struct Going {
    rest: Bytes,
    sent: usize,
    way: OnTheWay,
    due: Instant,
}

impl Going {
    async fn next(mut self) -> Option<(Result<Bytes, std::io::Error>, Self)> {
        if self.rest.is_empty() {
            return None;
        }
        let left = self.way.breaks_off.map_or(usize::MAX, |after| after.saturating_sub(self.sent));
        if left == 0 {
            // What came before goes out first.
            tokio::time::sleep(FLUSHED_WITHIN).await;
            self.rest = Bytes::new();
            return Some((Err(std::io::ErrorKind::ConnectionAborted.into()), self));
        }
        let piece = self.rest.split_to(self.way.piece().min(left).min(self.rest.len()));
        self.due += self.way.takes(piece.len());
        tokio::time::sleep_until(self.due).await;
        self.sent += piece.len();
        Some((Ok(piece), self))
    }
}

/// Sends each answer as its extension says.
pub(crate) async fn send(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let way = response.extensions_mut().remove::<OnTheWay>().unwrap_or_default();
    if way.is_nothing() {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(collected) = body.collect().await else { return Response::from_parts(parts, Body::empty()) };
    let rest = collected.to_bytes();
    // Who gets less must be able to tell.
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(rest.len()));
    let going = Going { rest, sent: 0, way, due: Instant::now() };
    Response::from_parts(parts, Body::from_stream(stream::unfold(going, Going::next)))
}

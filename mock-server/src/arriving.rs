//! A request's body as it arrives: so long, so slow, and so much of all of them at once.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Method, StatusCode, header};
use onecity_protocol::limits::PACKAGE_BYTES;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// Largest request, in bytes; a package that is put into a registry may be larger.
const LONGEST: usize = 4 << 20;
/// Bodies up to this many bytes have always room: there are only so many connections.
const SMALL: usize = 64 << 10;
/// Room for all others together, in units of the same size: 256 MiB.
static ROOM: Semaphore = Semaphore::const_new(4096);

/// A body that has arrived, with the room that it takes while it is under way.
pub(crate) struct Arrived {
    pub bytes: Bytes,
    _room: Option<SemaphorePermit<'static>>,
}

/// Reads a body. One that says nothing of its length takes as much room as it may have.
pub(crate) async fn read(
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    body: Body,
    takes: Duration,
) -> Result<Arrived, StatusCode> {
    let is_package = *method == Method::PUT && path.starts_with("/registry/");
    let most = if is_package { PACKAGE_BYTES } else { LONGEST };
    let said = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let is_chunked = headers.contains_key(header::TRANSFER_ENCODING);
    let expected = said.unwrap_or(if is_chunked { most } else { 0 });
    if expected > most {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let reading = async {
        let units = u32::try_from(expected.div_ceil(SMALL)).unwrap_or(u32::MAX);
        let room = if expected > SMALL { ROOM.acquire_many(units).await.ok() } else { None };
        (to_bytes(body, most).await, room)
    };
    match timeout(takes, reading).await {
        Ok((Ok(bytes), room)) => Ok(Arrived { bytes, _room: room }),
        Ok((Err(error), _)) => {
            let is_long =
                std::error::Error::source(&error).is_some_and(|source| source.is::<http_body_util::LengthLimitError>());
            Err(if is_long { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::BAD_REQUEST })
        }
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}

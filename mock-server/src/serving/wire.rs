//! A connection that can be cut off, as a network does it: the other side gets a reset and not a proper end. It has its place among
//! the others for as long as it is there, also when it has become a WebSocket.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use super::Seat;

/// Cuts a connection off.
#[derive(Clone, Default)]
pub(crate) struct Cut(Arc<(AtomicBool, Notify)>);

impl Cut {
    /// The connection ends now, with a reset.
    pub(crate) fn off(&self) {
        self.0.0.store(true, Ordering::Release);
        self.0.1.notify_one();
    }

    /// Waits until it is cut off.
    pub(super) async fn happens(&self) {
        self.0.1.notified().await;
    }

    fn is_off(&self) -> bool {
        self.0.0.load(Ordering::Acquire)
    }
}

/// A connection that ends with a reset once it was cut off.
pub(super) struct Wire {
    stream: TcpStream,
    cut: Cut,
    /// Fires once somebody else gets its place.
    gives_way: Pin<Box<OwnedNotified>>,
    has_given_way: bool,
    seat: Seat,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, cut: Cut, seat: Seat) -> Self {
        Self { stream, cut, gives_way: Box::pin(seat.gives_way()), has_given_way: false, seat }
    }
}

impl Wire {
    /// Whether it still has its place; who reads or writes is woken once it has not.
    fn stays(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if self.has_given_way || self.gives_way.as_mut().poll(context).is_ready() {
            self.has_given_way = true;
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }
}

impl Wire {
    fn has_moved(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.seat.place.moves();
        }
        written
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.cut.is_off() {
            // What was not sent is thrown away, and the other side told so (RFC 9293 §3.10.4, ABORT).
            let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.stays(context)?;
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stays(context)?;
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.has_moved(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stays(context)?;
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.has_moved(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stays(context)?;
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if flushed.is_ready() {
            self.seat.place.has_written();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

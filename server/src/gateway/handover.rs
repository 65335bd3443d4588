//! A plain connection's socket, which a handler may take from under hyper.
//!
//! hyper gives up a socket only for a protocol of another name. A file without an end is none, but to write it a thousand
//! times over is work for the thread that writes streams anyway, not for a task, a channel and a buffer each.

use super::door::{Held, Seated};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

type Slot = Arc<Mutex<Option<Seated<TcpStream>>>>;

/// A request's way to the socket that it came by.
#[derive(Clone)]
pub(super) struct Handover(Slot);

/// hyper's end. When the socket was taken, its client seems to have gone, and what is still written goes nowhere.
pub(super) struct Lent(Slot);

/// The two ends of one socket.
pub(super) fn lend(seated: Seated<TcpStream>) -> (Lent, Handover) {
    let slot = Arc::new(Mutex::new(Some(seated)));
    (Lent(slot.clone()), Handover(slot))
}

impl Handover {
    /// The socket, and its place among the connections. `None`: it is gone.
    pub(super) fn take(&self) -> Option<(TcpStream, Held)> {
        lock(&self.0).take().map(Seated::into_parts)
    }
}

/// However long a request's handler keeps the other end.
impl Drop for Lent {
    fn drop(&mut self) {
        drop(lock(&self.0).take());
    }
}

fn lock(slot: &Slot) -> MutexGuard<'_, Option<Seated<TcpStream>>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

impl AsyncRead for Lent {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut *lock(&self.0) {
            Some(seated) => Pin::new(seated).poll_read(cx, buf),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Lent {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *lock(&self.0) {
            Some(seated) => Pin::new(seated).poll_write(cx, buf),
            None => Poll::Ready(Ok(buf.len())),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut *lock(&self.0) {
            Some(seated) => Pin::new(seated).poll_write_vectored(cx, bufs),
            None => Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum())),
        }
    }

    /// As a socket's.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *lock(&self.0) {
            Some(seated) => Pin::new(seated).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *lock(&self.0) {
            Some(seated) => Pin::new(seated).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

//! Where HTTP comes in: how many connections there are, and how long each may take to say what it wants.

use super::tls::Tls;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use carillon_config::limits::Limits;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{sleep, timeout};
use tower::Service;

/// What a failed `accept` waits for: file descriptors and memory come back when somebody leaves.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Who is at the other end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Remote(pub(super) SocketAddr);

/// Serves until `stop`; then waits until every connection has ended, WebSockets too.
///
/// Errors: the listener is broken for good.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    limits: &Limits,
    router: Router,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let (alive, mut gone) = mpsc::channel(1);
    let (stopping, stopped) = watch::channel(false);
    let mut places = Places::new(limits, alive);
    let mut stop = pin!(stop);
    loop {
        let next = async {
            let permit = places.permit().await;
            accept(&listener).await.map(|(stream, remote)| (permit, stream, remote))
        };
        let (permit, stream, remote) = tokio::select! {
            next = next => next?,
            () = &mut stop => break,
        };
        let Some(place) = places.take(permit, remote.ip()) else {
            tracing::debug!(%remote, "too many connections of this address");
            continue;
        };
        let connection = Connection {
            remote,
            router: router.clone(),
            header_within: limits.header_within(),
            stopped: stopped.clone(),
        };
        tokio::spawn(connection.run(stream, tls.clone(), place));
    }
    drop((listener, places));
    let _ = stopping.send(true);
    // Yields `None` when the last place is free.
    let _: Option<Infallible> = gone.recv().await;
    Ok(())
}

async fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    loop {
        match listener.accept().await {
            Ok(accepted) => return Ok(accepted),
            Err(error) if is_broken(&error) => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "HTTP: accepting failed");
                sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

/// The listener's own fault, which no waiting mends: not a descriptor, not a socket, not listening.
fn is_broken(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EBADF | libc::ENOTSOCK | libc::EINVAL | libc::EOPNOTSUPP))
}

struct Connection {
    remote: SocketAddr,
    router: Router,
    header_within: Duration,
    stopped: watch::Receiver<bool>,
}

impl Connection {
    async fn run(self, stream: TcpStream, tls: Option<Tls>, place: Place) {
        // Frames are small and wait for nothing.
        let _ = stream.set_nodelay(true);
        let Some(tls) = tls else { return self.serve(Seated { io: stream, _place: place }).await };
        match timeout(self.header_within, tls.acceptor().accept(stream)).await {
            Ok(Ok(stream)) => self.serve(Seated { io: stream, _place: place }).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        }
    }

    async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, io: Seated<S>) {
        let Self { remote, router, header_within, mut stopped } = self;
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(Remote(remote)));
            router.clone().call(request.map(Body::new))
        });
        let mut http = http1::Builder::new();
        // Also for the next request's on a connection that is kept.
        http.timer(TokioTimer::new()).header_read_timeout(header_within);
        let mut connection = pin!(http.serve_connection(TokioIo::new(io), service).with_upgrades());
        let ended = tokio::select! {
            ended = &mut connection => ended,
            () = async { drop(stopped.wait_for(|stopped| *stopped).await) } => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%remote, %error, "a connection ended early");
        }
    }
}

type ByAddress = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// All the connections there may be.
struct Places {
    free: Arc<Semaphore>,
    by_address: ByAddress,
    per_address: usize,
    alive: mpsc::Sender<Infallible>,
}

impl Places {
    fn new(limits: &Limits, alive: mpsc::Sender<Infallible>) -> Self {
        let free = Arc::new(Semaphore::new(limits.http_connections));
        Self { free, by_address: ByAddress::default(), per_address: limits.http_connections_per_address, alive }
    }

    /// Waits while all places are taken.
    async fn permit(&self) -> OwnedSemaphorePermit {
        self.free.clone().acquire_owned().await.expect("the semaphore is never closed")
    }

    /// `None`: this address has too many.
    fn take(&mut self, permit: OwnedSemaphorePermit, from: IpAddr) -> Option<Place> {
        let from = counted(from);
        if let Some(from) = from {
            let mut counts = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
            let count = counts.entry(from).or_default();
            if *count >= self.per_address {
                return None;
            }
            *count += 1;
        }
        let by_address = self.by_address.clone();
        Some(Place { from, by_address, _permit: permit, _alive: self.alive.clone() })
    }
}

/// The address that a connection counts for. `None`: loopback, where a proxy stands for everybody. An IPv6 host has
/// at least a /64 to choose its addresses from.
fn counted(from: IpAddr) -> Option<IpAddr> {
    match from.to_canonical() {
        from if from.is_loopback() => None,
        IpAddr::V4(v4) => Some(v4.into()),
        IpAddr::V6(v6) => Some(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into()),
    }
}

/// One connection's, from its beginning to the end of its WebSocket.
struct Place {
    from: Option<IpAddr>,
    by_address: ByAddress,
    _permit: OwnedSemaphorePermit,
    _alive: mpsc::Sender<Infallible>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(from) = self.from else { return };
        let mut counts = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&from) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&from);
            }
        }
    }
}

/// A stream that keeps its place as long as it lives, whoever owns it after an upgrade.
struct Seated<S> {
    io: S,
    _place: Place,
}

impl<S: AsyncRead + Unpin> AsyncRead for Seated<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Seated<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn places_are_counted_by_address_and_freed() {
        let limits = Limits { http_connections: 4, http_connections_per_address: 2, ..Limits::default() };
        let (alive, _gone) = mpsc::channel(1);
        let mut places = Places::new(&limits, alive);
        let from = |text: &str| text.parse::<IpAddr>().expect("an address");
        let mut held = Vec::new();
        for address in ["203.0.113.1", "203.0.113.1", "2001:db8::1", "2001:db8::ffff:2"] {
            let permit = places.permit().await;
            held.push(places.take(permit, from(address)).expect("a place"));
        }
        assert_eq!(places.free.available_permits(), 0);
        held.pop();
        let permit = places.permit().await;
        assert!(places.take(permit, from("::ffff:203.0.113.1")).is_none(), "the third of one address");
        let permit = places.permit().await;
        assert!(places.take(permit, from("2001:db8::3")).is_some());
        drop(held);
        assert!(places.by_address.lock().expect("sound").is_empty());
    }

    #[test]
    fn loopback_stands_for_everybody() {
        for address in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(counted(address.parse().expect("an address")), None, "{address}");
        }
    }
}

//! Where HTTP comes in: how many connections there are, and how long each may take to say what it wants.

use super::handover::{Handover, lend};
use super::tls::Tls;
use crate::places::{Place, Places};
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use carillon_config::limits::Limits;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::cell::Cell;
use std::convert::Infallible;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
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
    let places = Places::new(limits.http_connections, limits.http_connections_per_address);
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
        tokio::spawn(connection.run(stream, tls.clone(), (place, alive.clone())));
    }
    drop((listener, alive));
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
    async fn run(self, stream: TcpStream, tls: Option<Tls>, place: Held) {
        // Frames are small and wait for nothing.
        let _ = stream.set_nodelay(true);
        let Some(tls) = tls else {
            let (lent, handover) = lend(Seated { io: stream, place });
            return self.serve(lent, Some(handover)).await;
        };
        match timeout(self.header_within, tls.acceptor().accept(stream)).await {
            Ok(Ok(stream)) => self.serve(Seated { io: stream, place }, None).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        }
    }

    /// `handover`: the way to the socket, where one may have it.
    async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, io: S, handover: Option<Handover>) {
        let Self { remote, router, header_within, mut stopped } = self;
        // The first request's alone: behind it, hyper may still hold what is to be written of an earlier answer.
        let handover = Cell::new(handover);
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(Remote(remote)));
            if let Some(handover) = handover.take() {
                request.extensions_mut().insert(handover);
            }
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

/// What says that a connection goes on.
pub(super) type Held = (Place, mpsc::Sender<Infallible>);

/// A stream that keeps its place as long as it lives, whoever owns it after an upgrade.
pub(super) struct Seated<S> {
    io: S,
    place: Held,
}

impl<S> Seated<S> {
    pub(super) fn into_parts(self) -> (S, Held) {
        (self.io, self.place)
    }
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

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    /// What has it, is handed bodies as they are: hyper copies them into a buffer of its own for what has it not.
    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

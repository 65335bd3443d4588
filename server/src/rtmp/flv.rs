//! A player by HTTP-FLV, as it comes to RTMP's thread: with its socket, which is written as those of players by RTMP are;
//! or, where hyper keeps that, by the response's body, with a few messages in flight. In either case what waits is in the
//! engine's outbox, where what is late is left out.

use super::{Handle, Input};
use bytes::Bytes;
use carillon_rtmp::{Address, BadAddress, ConnectionId, Refusal};
use futures_util::Stream;
use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use tokio::sync::{mpsc, oneshot};

/// Messages on their way to the HTTP connection.
const IN_FLIGHT: usize = 8;

/// Somebody wants to play.
pub struct FlvRequest {
    pub(super) remote: IpAddr,
    pub(super) address: Result<Address, BadAddress>,
    pub(super) way: Way,
    /// Answered when the file begins.
    pub(super) started: Option<oneshot::Sender<Result<(), Refusal>>>,
}

/// How a player gets what it plays.
pub(super) enum Way {
    /// Its socket comes, too. `chunked`: the file is framed for HTTP/1.1.
    Socket {
        chunked: bool,
    },
    Pipe(Pipe),
}

/// A player that was told nothing yet, and has something to play. Dropped, it is gone.
pub struct FlvSeat {
    handle: Handle,
    connection: ConnectionId,
    handed: bool,
}

impl FlvSeat {
    /// The file goes to `stream`, which does not block. `place` is dropped when that ends.
    pub fn hand_over(mut self, stream: std::net::TcpStream, place: Place) {
        self.handed = true;
        self.handle.send(Input::FlvSocket { connection: self.connection, stream, place });
    }
}

impl Drop for FlvSeat {
    fn drop(&mut self) {
        if !self.handed {
            self.handle.send(Input::FlvGone { connection: self.connection });
        }
    }
}

/// What a connection holds as long as it lives.
pub type Place = Box<dyn Send>;

/// The thread's end of a player by a response's body.
pub(super) struct Pipe {
    out: mpsc::Sender<Bytes>,
    /// There was no room; whoever makes some says so.
    full: Arc<AtomicBool>,
}

impl Pipe {
    /// Hands over what `next` gives as long as there is room. `false`: nobody takes it any more.
    pub(super) fn fill(&self, mut next: impl FnMut() -> Option<Bytes>) -> bool {
        loop {
            let Ok(permit) = self.out.try_reserve() else {
                if self.out.is_closed() {
                    return false;
                }
                self.full.store(true, Ordering::SeqCst);
                // Room that was made before the flag stood was told of by nobody.
                if self.out.capacity() == 0 || !self.full.swap(false, Ordering::SeqCst) {
                    return true;
                }
                continue;
            };
            match next() {
                Some(bytes) => permit.send(bytes),
                None => return true,
            }
        }
    }
}

/// The response's body. Dropped, the player is gone.
pub struct FlvBody {
    parts: mpsc::Receiver<Bytes>,
    full: Arc<AtomicBool>,
    handle: Handle,
    connection: ConnectionId,
}

impl Handle {
    /// Asks to play; yields the body as soon as there is something to play.
    ///
    /// Errors: the engine's or the room's refusal. `Overloaded`: the thread has ended, too.
    pub async fn play_flv(&self, remote: IpAddr, address: Result<Address, BadAddress>) -> Result<FlvBody, Refusal> {
        let connection = self.next_connection();
        let (out, parts) = mpsc::channel(IN_FLIGHT);
        let full = Arc::new(AtomicBool::new(false));
        // Made before the answer: a client that goes away while it waits is gone by its drop.
        let body = FlvBody { parts, full: full.clone(), handle: self.clone(), connection };
        self.ask_flv(connection, remote, address, Way::Pipe(Pipe { out, full })).await.map(|()| body)
    }

    /// Asks to play on a socket that is handed over when there is something to play; `chunked`: in chunks of HTTP/1.1.
    ///
    /// Errors: as those of `play_flv`.
    pub async fn seat_flv(
        &self,
        remote: IpAddr,
        address: Result<Address, BadAddress>,
        chunked: bool,
    ) -> Result<FlvSeat, Refusal> {
        let connection = self.next_connection();
        let seat = FlvSeat { handle: self.clone(), connection, handed: false };
        self.ask_flv(connection, remote, address, Way::Socket { chunked }).await.map(|()| seat)
    }

    async fn ask_flv(
        &self,
        connection: ConnectionId,
        remote: IpAddr,
        address: Result<Address, BadAddress>,
        way: Way,
    ) -> Result<(), Refusal> {
        let (started, answer) = oneshot::channel();
        let request = Box::new(FlvRequest { remote, address, way, started: Some(started) });
        self.send(Input::Flv { connection, request });
        answer.await.unwrap_or(Err(Refusal::Overloaded))
    }
}

impl Stream for FlvBody {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let part = self.parts.poll_recv(cx);
        if part.is_ready() && self.full.swap(false, Ordering::SeqCst) {
            self.handle.send(Input::FlvRoom { connection: self.connection });
        }
        part.map(|part| part.map(Ok))
    }
}

impl Drop for FlvBody {
    fn drop(&mut self) {
        self.handle.send(Input::FlvGone { connection: self.connection });
    }
}

//! RTMP's thread: one epoll loop owns the sockets of all publishers and players, and the engine between them.
//!
//! A fan-out is hundreds of small writes for each picture. A task, a wake-up and a channel for each of them would cost
//! more than the write itself; here it is a `writev` from the player's outbox, in the pass that read the picture.

mod flv;
mod push;
mod socket;
mod thread;

pub use flv::{FlvBody, FlvRequest, FlvSeat, Place};
pub use push::PushId;
pub use thread::{Listeners, Prepared, TlsConfig, prepare, start};

use bytes::Bytes;
use carillon_rtmp::{Command, ConnectionId, Flow, Stats, StreamKey, Target};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use tokio::sync::oneshot;

/// What the thread is told.
pub enum Input {
    /// For the engine as it stands. From the control side: its answer to a question, and its word when it takes one
    /// back; there are never more of these than questions, and one connection asks one at a time. From the bridge: which
    /// streams it takes, and which it makes. Publishers that can are asked to connect elsewhere or later by `Drain`.
    Hub(Command),
    /// A player by HTTP-FLV; their number is bounded by that of HTTP connections.
    Flv {
        connection: ConnectionId,
        request: Box<FlvRequest>,
    },
    /// The socket of one that was told that there is something to play.
    FlvSocket {
        connection: ConnectionId,
        stream: std::net::TcpStream,
        place: Place,
    },
    /// This stream is to be published on another server as well, until it is stopped. The control side bounds them.
    Push {
        push: PushId,
        stream: StreamKey,
        target: Target,
    },
    StopPush {
        push: PushId,
    },
    /// What the name server said of a push's host.
    Resolved {
        push: PushId,
        address: Option<SocketAddr>,
    },
    /// It took something, and can take more.
    FlvRoom {
        connection: ConnectionId,
    },
    FlvGone {
        connection: ConnectionId,
    },
    /// A piece of a stream that the bridge makes.
    Produced {
        stream: StreamKey,
        flow: Flow,
        at: u32,
        payload: Bytes,
    },
    Stats(oneshot::Sender<Stats>),
    Stop,
}

/// The other threads' end.
#[derive(Clone)]
pub struct Handle {
    inputs: Sender<Input>,
    waker: Arc<mio::Waker>,
    /// Numbers of connections, of sockets and of players by HTTP alike.
    connections: Arc<AtomicU64>,
}

impl Handle {
    /// What is said after the thread's end is said to nobody.
    pub fn send(&self, input: Input) {
        if self.inputs.send(input).is_ok() {
            let _ = self.waker.wake();
        }
    }

    fn next_connection(&self) -> ConnectionId {
        ConnectionId(self.connections.fetch_add(1, Ordering::Relaxed))
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("rtmp::Handle")
    }
}

//! The one thread that owns chat, calls, sessions and the store. Everything that is not media passes here, in order.

mod bridging;
mod callbacks;
mod pump;
mod rest;
mod streams;
#[cfg(test)]
mod tests;
mod thread;
mod whip;

pub use rest::RestRequest;
pub use thread::{Parts, start};

use carillon_proto::gateway::{ClientFrame, ErrorBody};
use carillon_proto::id::{AppId, RoomId, UserId};
use carillon_rtmp::{Address, AdmissionId, ConnectionId, Flows, Role, StreamKey};
use carillon_sfu::Output;
use std::net::IpAddr;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use tokio::sync::{mpsc, oneshot};

/// The other threads' end.
#[derive(Debug, Clone)]
pub struct Handle(SyncSender<Input>);

impl Handle {
    /// The input comes back where the channel is full or the control thread is gone.
    pub fn send(&self, input: Input) -> Result<(), Box<Input>> {
        self.0.try_send(input).map_err(|e| match e {
            TrySendError::Full(input) | TrySendError::Disconnected(input) => Box::new(input),
        })
    }

    /// What a media worker said; it keeps what does not fit now. Where the control thread is gone nobody is left to tell.
    pub(crate) fn media(&self, output: Output) -> Result<(), Output> {
        match self.0.try_send(Input::Media(output)) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => Ok(()),
            Err(TrySendError::Full(Input::Media(output))) => Err(output),
            Err(TrySendError::Full(_)) => unreachable!("the input that was sent comes back"),
        }
    }
}

/// `inputs` may wait for the control thread (`limits.control_queue`). Full means that it cannot keep up: sockets are
/// told to come later.
pub fn channel(inputs: usize) -> (Handle, Receiver<Input>) {
    let (sender, receiver) = sync_channel(inputs);
    (Handle(sender), receiver)
}

/// One WebSocket. A session may outlive several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId(pub u64);

/// What the control thread is told. The channel is bounded: a sender that finds it full refuses its client.
#[derive(Debug)]
pub enum Input {
    SocketOpened {
        socket: SocketId,
        from: IpAddr,
        out: mpsc::Sender<SocketOut>,
    },
    /// `Err`: the text was no frame; the session answers or ends.
    SocketFrame {
        socket: SocketId,
        frame: Result<ClientFrame, ErrorBody>,
    },
    SocketClosed {
        socket: SocketId,
    },
    Whip(WhipRequest, oneshot::Sender<Result<WhipAnswer, ErrorBody>>),
    WhipDelete {
        resource: String,
        done: oneshot::Sender<bool>,
    },
    Rest(RestRequest, oneshot::Sender<Result<serde_json::Value, ErrorBody>>),
    /// A stream's client wants to publish or play; the answer goes to RTMP's thread.
    StreamAdmit(StreamQuestion),
    /// It does not any more. `on_purpose`: it does not come back.
    StreamLeft {
        admission: AdmissionId,
        on_purpose: bool,
    },
    /// Which of sound and picture a published stream has now.
    StreamFlows {
        stream: StreamKey,
        flows: Flows,
    },
    /// A connection publishes this stream, or does not any more.
    StreamPublished {
        stream: StreamKey,
        on: bool,
    },
    /// Players want this stream, and no connection publishes it.
    StreamWanted {
        stream: StreamKey,
        on: bool,
    },
    /// What became of a callback.
    Posted(crate::postman::Posted),
    /// What a media worker wants known.
    Media(Output),
    /// What /metrics shows of everything but media.
    Stats(oneshot::Sender<Stats>),
    /// Says goodbye to everybody; the thread ends when all is written.
    Stop,
}

/// What a socket's writer is told; the channel is bounded, full means the client does not read.
#[derive(Debug)]
pub enum SocketOut {
    Text(String),
    Close { code: u16, reason: String },
}

/// May this connection publish, or play?
#[derive(Debug)]
pub struct StreamQuestion {
    pub connection: ConnectionId,
    pub admission: AdmissionId,
    pub role: Role,
    pub address: Box<Address>,
}

/// A WHIP or WHEP offer.
#[derive(Debug)]
pub struct WhipRequest {
    pub app: AppId,
    pub room: RoomId,
    pub user: String,
    /// The Bearer value.
    pub user_sig: String,
    pub private_map_key: Option<String>,
    pub direction: WhipDirection,
    pub sdp: String,
    /// A PATCH or repeated POST to this resource: the same seat renegotiates.
    pub resource: Option<String>,
}

#[derive(Debug)]
pub enum WhipDirection {
    Publish,
    Play { from: Option<UserId> },
}

#[derive(Debug)]
pub struct WhipAnswer {
    pub resource: String,
    pub sdp: String,
}

/// Counters of the control thread and of the engines it owns.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    pub sessions: crate::gateway::session::Stats,
    pub chat: carillon_chat::Stats,
    pub calls: carillon_call::Stats,
    pub callbacks: callbacks::Stats,
    pub media_rooms: u64,
    pub media_seats: u64,
    /// Transactions that made something durable, and the time they took.
    pub commits: u64,
    pub commit_micros: u64,
    pub commit_failures: u64,
    /// Media commands that found a worker's mailbox full.
    pub worker_refusals: u64,
}

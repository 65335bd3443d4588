//! The one thread that owns chat, calls, sessions and the store. Everything that is not media passes here, in order.

use carillon_proto::gateway::{ClientFrame, ErrorBody};
use carillon_proto::id::{AppId, RoomId, UserId};
use std::net::IpAddr;
use tokio::sync::{mpsc, oneshot};

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
    Stop,
}

/// What a socket's writer is told; the channel is bounded, full means the client does not read.
#[derive(Debug)]
pub enum SocketOut {
    Text(String),
    Close { code: u16, reason: String },
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

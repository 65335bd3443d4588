//! The vocabulary of the RTMP engine.

use crate::address::{Address, BadAddress, StreamKey};
use crate::client::Target;
use crate::media::Media;
use crate::stream::Flows;
use std::net::IpAddr;

/// One connection of the shell: a socket, or a player by HTTP-FLV. The shell's number, never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// One question whether a connection may do something, and the permission that comes of it. Never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AdmissionId(pub u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    Publish,
    Play,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// A socket of a client. Answered by `Close` where there are too many.
    Open {
        connection: ConnectionId,
        remote: IpAddr,
    },
    /// A player by HTTP-FLV. Answered by `FlvStarted` or `FlvRefused`; until it is, it waits.
    OpenFlv {
        connection: ConnectionId,
        remote: IpAddr,
        address: Result<Address, BadAddress>,
        /// The file goes out as the chunks of an HTTP response, its last one among them. Else `take_flv` yields it bare.
        chunked: bool,
    },
    /// A socket to another server, on which this stream is to be published; `Close` says that it came to an end.
    Push {
        connection: ConnectionId,
        stream: StreamKey,
        target: Target,
    },
    /// The socket is closed, or the request was dropped. Nothing is said of the connection any more.
    Closed {
        connection: ConnectionId,
    },
    /// The answer to `Output::Admit`. `allowed`: what it may send, or get. `expected`: the publisher is in the room, by
    /// whatever kind of media, so that a stream may come of it.
    Admitted {
        connection: ConnectionId,
        admission: AdmissionId,
        expected: bool,
        allowed: Flows,
    },
    /// The other answer.
    Refused {
        connection: ConnectionId,
        admission: AdmissionId,
        refusal: Refusal,
    },
    /// The permission is taken back: whoever has it is told, and closed.
    Evict {
        connection: ConnectionId,
        admission: AdmissionId,
    },
    /// Hand everything of a stream out, from the configuration and the picture that players start with on.
    Tap {
        stream: StreamKey,
        on: bool,
    },
    /// The server makes this stream by itself (`Hub::handle_produced`). No effect while a connection publishes it.
    Produce {
        stream: StreamKey,
    },
    EndProduced {
        stream: StreamKey,
    },
    /// The connection that publishes this stream is told that its pictures are not as browsers need them.
    Warn {
        stream: StreamKey,
        warning: Warning,
    },
    /// The node stops: publishers are asked to connect again, to `tc_url` where one is given.
    Drain {
        tc_url: Option<String>,
    },
}

/// What a publisher should change. It goes on meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Warning {
    /// Browsers get fewer pictures a second.
    BFramesLeftOut,
    /// Browsers get a picture in a while.
    KeyframesOnly,
    /// Who joins waits.
    KeyframesApart,
}

impl Warning {
    /// Of `onStatus`, whose level is "warning".
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::BFramesLeftOut | Self::KeyframesOnly => "NetStream.Publish.BFrames",
            Self::KeyframesApart => "NetStream.Publish.KeyframesApart",
        }
    }

    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::BFramesLeftOut => {
                "B-frames do not reach browsers, which see fewer pictures: set the encoder's B-frames to 0 (x264: bframes=0)"
            }
            Self::KeyframesOnly => {
                "browsers see keyframes alone, as other pictures need B-frames: set the encoder's B-frames to 0 (x264: bframes=0)"
            }
            Self::KeyframesApart => {
                "who joins waits for a keyframe: set the keyframe interval to 2 s or less (x264: keyint=2*fps)"
            }
        }
    }
}

/// Why somebody may not publish or play.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Refusal {
    /// The address names no stream.
    Address,
    /// The signature, or who it names, is not good for this.
    Unauthorized,
    /// The room takes nobody of that name.
    Denied,
    /// There is no such stream, and none to be expected.
    NotFound,
    /// The server has too much to do.
    Overloaded,
}

impl Refusal {
    /// All of them, by name.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Address, "address"),
        (Self::Unauthorized, "unauthorized"),
        (Self::Denied, "denied"),
        (Self::NotFound, "not_found"),
        (Self::Overloaded, "overloaded"),
    ];
}

#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// May this connection do that? Answered by `Admitted` or `Refused`.
    Admit {
        connection: ConnectionId,
        admission: AdmissionId,
        role: Role,
        address: Box<Address>,
    },
    /// What was admitted is over, or was not wanted any more. `on_purpose`: it was ended; else it may come back.
    Left {
        admission: AdmissionId,
        on_purpose: bool,
    },
    /// A publisher's flows came or went. All false when it stops.
    Flows {
        stream: StreamKey,
        flows: Flows,
    },
    /// A connection publishes this stream, or does not any more. Between its loss and its return it still does.
    Published {
        stream: StreamKey,
        on: bool,
    },
    /// Somebody wants to play a stream that no connection publishes, or nobody does any more.
    Wanted {
        stream: StreamKey,
        on: bool,
    },
    /// A player of a stream that the server makes waits for a picture that stands alone.
    KeyframeWanted {
        stream: StreamKey,
    },
    /// For whoever tapped the stream.
    Tapped {
        stream: StreamKey,
        media: Media,
    },
    /// The FLV file begins; its bytes come by `Hub::take_flv`.
    FlvStarted {
        connection: ConnectionId,
    },
    FlvRefused {
        connection: ConnectionId,
        refusal: Refusal,
    },
    /// Everything that was to be said is written, or will never be: close the socket. Answered by `Closed`.
    Close {
        connection: ConnectionId,
    },
}

/// What the engine's next timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// A look at one connection: its deadlines, its pings, whether it reads.
    Connection,
    /// A flow of a stream may have ended, or a lost publisher does not come back.
    Stream,
    /// Sound has waited long enough for a picture to go with.
    Sound,
}

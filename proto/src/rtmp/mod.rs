//! RTMP (Adobe, "Real-Time Messaging Protocol" 1.0, and veovera's "Enhanced RTMP" v1 and v2): handshake, chunks, messages.
//!
//! Unlike the rest of this crate the handshake and the chunk reader and writer keep state between calls, because the
//! format itself does: a chunk is not readable without those before it. They are plain values that the owner of a
//! connection holds; they see bytes and nothing else.

pub mod chunk;
mod connect;
mod control;
pub mod handshake;
mod message;

pub use connect::{Ability, CAPS_RECONNECT, Connect, Enhanced};
pub use control::{BandwidthLimit, Control};
pub use message::{Body, Command, Data, Status, split_aggregate};

use bytes::Bytes;

/// Longest video message (and aggregate). A keyframe of a 4K camera at 60 Mbit/s stays below 2 MiB.
pub const VIDEO_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Longest message of any other kind: a second of PCM sound, or AMF0 far larger than any client sends.
pub const OTHER_BYTES_MAX: usize = 64 * 1024;

/// One message, whole: chunks put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub kind: MessageKind,
    /// Message stream: 0 for the connection itself, else what `createStream` gave out.
    pub stream: u32,
    /// Milliseconds on the sender's clock, modulo 2^32. Starts anywhere and is not to be trusted.
    pub timestamp: u32,
    pub payload: Bytes,
}

/// The message type id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageKind {
    SetChunkSize,
    Abort,
    Acknowledgement,
    UserControl,
    WindowAckSize,
    SetPeerBandwidth,
    Audio,
    Video,
    DataAmf3,
    SharedObjectAmf3,
    CommandAmf3,
    Data,
    SharedObject,
    Command,
    Aggregate,
    Other(u8),
}

impl MessageKind {
    pub fn from_id(id: u8) -> Self {
        match id {
            1 => Self::SetChunkSize,
            2 => Self::Abort,
            3 => Self::Acknowledgement,
            4 => Self::UserControl,
            5 => Self::WindowAckSize,
            6 => Self::SetPeerBandwidth,
            8 => Self::Audio,
            9 => Self::Video,
            15 => Self::DataAmf3,
            16 => Self::SharedObjectAmf3,
            17 => Self::CommandAmf3,
            18 => Self::Data,
            19 => Self::SharedObject,
            20 => Self::Command,
            22 => Self::Aggregate,
            id => Self::Other(id),
        }
    }

    pub fn id(self) -> u8 {
        match self {
            Self::SetChunkSize => 1,
            Self::Abort => 2,
            Self::Acknowledgement => 3,
            Self::UserControl => 4,
            Self::WindowAckSize => 5,
            Self::SetPeerBandwidth => 6,
            Self::Audio => 8,
            Self::Video => 9,
            Self::DataAmf3 => 15,
            Self::SharedObjectAmf3 => 16,
            Self::CommandAmf3 => 17,
            Self::Data => 18,
            Self::SharedObject => 19,
            Self::Command => 20,
            Self::Aggregate => 22,
            Self::Other(id) => id,
        }
    }

    /// How long a message of this kind may be, in either direction.
    pub fn bytes_max(self) -> usize {
        if matches!(self, Self::Video | Self::Aggregate) { VIDEO_BYTES_MAX } else { OTHER_BYTES_MAX }
    }
}

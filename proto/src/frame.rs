//! Whole encoded pictures and pieces of sound, as they pass between the engine of one wire and the engine of another.

use bytes::Bytes;
use std::time::Instant;

/// How a frame's payload is encoded, and so how it is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FrameCodec {
    /// The NAL units of one access unit, each behind a 4-byte length. No access unit delimiters, no filler; SPS and PPS
    /// stand in front of each IDR.
    H264,
    /// One frame as RFC 6386 section 9 begins it.
    Vp8,
    /// One superframe.
    Vp9,
    /// One temporal unit, its OBUs with sizes and without temporal delimiter.
    Av1,
    /// As `H264`: VPS, SPS and PPS stand in front of each IDR.
    H265,
    /// One packet (RFC 6716 section 3).
    Opus,
    /// One raw frame of 1,024 samples (960 where the configuration says so), without ADTS header. The configuration
    /// travels apart.
    Aac,
}

/// One whole encoded picture or piece of sound, between the wire it came by and the wire it leaves by. The frames of a
/// track come in decode order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub codec: FrameCodec,
    /// When it is to be seen or heard, on the server's monotonic clock: the same line for all tracks of a publisher.
    pub at: Instant,
    /// A decoder that has nothing may start here. Always true for sound.
    pub key: bool,
    pub payload: Bytes,
}

impl FrameCodec {
    /// Sound rather than picture.
    pub fn is_audio(self) -> bool {
        match self {
            Self::Opus | Self::Aac => true,
            Self::H264 | Self::Vp8 | Self::Vp9 | Self::Av1 | Self::H265 => false,
        }
    }
}

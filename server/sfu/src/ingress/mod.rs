//! Media entering: what is kept of a packet, and one publication's RTP streams.

mod hold;
mod lateness;
mod layer;
mod marks;
mod publication;
mod section;
mod sender_clock;
mod stats;

pub(crate) use marks::{Marks, Vp8Numbers};
pub(crate) use publication::{PathState, Publication, Received, Taken, kind_of};
pub(crate) use section::{Carriage, Elements, Inbound};

use crate::transport::Codec;
use bytes::Bytes;
use carillon_proto::rtp::{RtpTime, SeqExt};
use std::time::Instant;

/// One media packet of a source, as all its subscribers share it. Never changed once kept.
#[derive(Debug, Clone)]
pub(crate) struct Packet {
    /// The source's own number.
    pub(crate) seq: SeqExt,
    /// The source's own time.
    pub(crate) time: RtpTime,
    pub(crate) arrival: Instant,
    /// When subscribers get it: later where its path has jitter.
    pub(crate) leaves: Instant,
    pub(crate) marker: bool,
    pub(crate) codec: Codec,
    /// Without RED, RTX or padding around it. Empty where the source sent padding only.
    pub(crate) payload: Bytes,
    pub(crate) marks: Marks,
    /// The audio level element's byte (RFC 6464).
    pub(crate) level: Option<u8>,
    /// The video orientation element's byte.
    pub(crate) orientation: Option<u8>,
    /// The video content type element's byte.
    pub(crate) content_type: Option<u8>,
}

#[cfg(test)]
impl Packet {
    pub(crate) fn for_test(seq: u64, arrival: Instant, payload: Bytes) -> Self {
        Self {
            seq: SeqExt(seq),
            time: RtpTime(0),
            arrival,
            leaves: arrival,
            marker: false,
            codec: Codec::Vp8,
            payload,
            marks: Marks::default(),
            level: None,
            orientation: None,
            content_type: None,
        }
    }
}

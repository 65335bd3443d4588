//! Picture loss indication (RFC 4585 section 6.3.1).

use super::{FMT_PLI, PT_PAYLOAD_FEEDBACK, begin_feedback, end, feedback_sources};
use crate::rtp::Ssrc;
use crate::wire::Malformed;

/// `media`'s receiver has no picture to build on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pli {
    pub sender: Ssrc,
    pub media: Ssrc,
}

impl Pli {
    pub(super) fn parse(body: &[u8]) -> Result<Self, Malformed> {
        feedback_sources(body).map(|(sender, media)| Self { sender, media })
    }
}

/// Appends one request for `media`.
pub fn write(out: &mut Vec<u8>, sender: Ssrc, media: Ssrc) {
    let start = begin_feedback(out, PT_PAYLOAD_FEEDBACK, FMT_PLI, sender, media);
    end(out, start);
}

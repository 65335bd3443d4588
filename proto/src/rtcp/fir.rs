//! Full intra request (RFC 5104 section 4.3.1).

use super::{FMT_FIR, PT_PAYLOAD_FEEDBACK, begin_feedback, end, feedback_sources, put_u32};
use crate::rtp::Ssrc;
use crate::wire::{Malformed, u8_at, u32_at};

/// Keyframes that are asked for, each with the request's number: a repeat of the same number asks nothing new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fir<'a> {
    pub sender: Ssrc,
    entries: &'a [u8],
}

impl<'a> Fir<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        // The media source of the common header is unused (section 4.3.1.2).
        let (sender, _) = feedback_sources(body)?;
        let entries = body.get(8..).unwrap_or_default();
        if !entries.len().is_multiple_of(8) {
            return Err(Malformed::Length);
        }
        Ok(Self { sender, entries })
    }

    pub fn entries(&self) -> impl Iterator<Item = (Ssrc, u8)> + use<'a> {
        self.entries.chunks_exact(8).filter_map(|e| Some((Ssrc(u32_at(e, 0).ok()?), u8_at(e, 4).ok()?)))
    }
}

/// Appends one request for `media`; `number` goes up by one with each new request.
pub fn write(out: &mut Vec<u8>, sender: Ssrc, media: Ssrc, number: u8) {
    let start = begin_feedback(out, PT_PAYLOAD_FEEDBACK, FMT_FIR, sender, Ssrc(0));
    put_u32(out, media.0);
    put_u32(out, u32::from(number) << 24);
    end(out, start);
}

#[cfg(test)]
mod tests {
    use super::super::{Rtcp, packets};
    use super::*;

    #[test]
    fn request_survives_its_round_trip() {
        let mut out = Vec::new();
        write(&mut out, Ssrc(1), Ssrc(2), 200);
        let Some(Ok(Rtcp::Fir(fir))) = packets(&out).next() else { panic!() };
        assert_eq!((fir.sender, fir.entries().collect::<Vec<_>>()), (Ssrc(1), vec![(Ssrc(2), 200)]));
        assert_eq!(Fir::parse(&[0; 12]), Err(Malformed::Length));
    }
}

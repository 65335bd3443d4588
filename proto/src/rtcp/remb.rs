//! Receiver estimated maximum bitrate (draft-alvestrand-rmcat-remb-03 section 2.2).

use super::{FMT_APPLICATION, PT_PAYLOAD_FEEDBACK, begin_feedback, end, put_u32};
use crate::rtp::Ssrc;
use crate::wire::{Malformed, u8_at, u24_at, u32_at};

const NAME: &[u8; 4] = b"REMB";

/// Most the receiver thinks that the path from all `sources` together bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remb<'a> {
    pub sender: Ssrc,
    /// Bits per second, with 18 bits of precision.
    pub bitrate_bps: u64,
    sources: &'a [u8],
}

impl<'a> Remb<'a> {
    pub(super) fn is_remb(body: &[u8]) -> bool {
        body.get(8..12) == Some(NAME)
    }

    pub(super) fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let sender = Ssrc(u32_at(body, 0)?);
        let count = usize::from(u8_at(body, 12)?);
        let rate = u24_at(body, 13)?;
        let sources = body.get(16..16 + 4 * count).ok_or(Malformed::Truncated)?;
        let (exponent, mantissa) = (rate >> 18, u64::from(rate & 0x3_ffff));
        let bitrate_bps = if mantissa.leading_zeros() >= exponent { mantissa << exponent } else { u64::MAX };
        Ok(Self { sender, bitrate_bps, sources })
    }

    pub fn sources(&self) -> impl Iterator<Item = Ssrc> + use<'a> {
        self.sources.chunks_exact(4).filter_map(|c| u32_at(c, 0).ok()).map(Ssrc)
    }
}

/// Appends an estimate, rounded down to 18 significant bits; sources past the 255th are left out.
pub fn write(out: &mut Vec<u8>, sender: Ssrc, bitrate_bps: u64, sources: &[Ssrc]) {
    let sources = &sources[..sources.len().min(255)];
    let start = begin_feedback(out, PT_PAYLOAD_FEEDBACK, FMT_APPLICATION, sender, Ssrc(0));
    out.extend_from_slice(NAME);
    let exponent = (64 - bitrate_bps.leading_zeros()).saturating_sub(18);
    let mantissa = (bitrate_bps >> exponent) as u32;
    put_u32(out, (sources.len() as u32) << 24 | exponent << 18 | mantissa);
    sources.iter().for_each(|s| put_u32(out, s.0));
    end(out, start);
}

#[cfg(test)]
mod tests {
    use super::super::{Rtcp, packets};
    use super::*;

    #[test]
    fn rate_survives_its_round_trip_to_18_bits() {
        for rate in [0, 1, 262_143, 262_144, 6_000_000, u64::MAX] {
            let mut out = Vec::new();
            write(&mut out, Ssrc(1), rate, &[Ssrc(2), Ssrc(3)]);
            let Some(Ok(Rtcp::Remb(remb))) = packets(&out).next() else { panic!() };
            assert_eq!(remb.sources().collect::<Vec<_>>(), [Ssrc(2), Ssrc(3)]);
            assert!(remb.bitrate_bps <= rate && rate - remb.bitrate_bps <= rate >> 17, "{rate}");
        }
    }

    #[test]
    fn an_exponent_past_64_bits_is_the_largest_rate() {
        let mut out = Vec::new();
        write(&mut out, Ssrc(1), 0, &[]);
        out[17] = 0xff;
        out[18] = 0xff;
        let Some(Ok(Rtcp::Remb(remb))) = packets(&out).next() else { panic!() };
        assert_eq!(remb.bitrate_bps, u64::MAX);
    }

    #[test]
    fn other_application_feedback_is_no_remb() {
        let mut out = Vec::new();
        write(&mut out, Ssrc(1), 1, &[]);
        out[12] = b'X';
        assert!(matches!(packets(&out).next(), Some(Ok(Rtcp::Other { .. }))));
    }
}

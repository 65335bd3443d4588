//! Report blocks, the same in sender and receiver reports (RFC 3550 section 6.4.1).

use super::{CompactNtp, put_u32};
use crate::rtp::Ssrc;
use crate::wire::{Malformed, u8_at, u24_at, u32_at};

pub(super) const BLOCK_BYTES: usize = 24;

/// Most blocks in one packet: the count has five bits.
pub const MAX_BLOCKS: usize = 31;

/// What a receiver says about one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportBlock {
    /// The stream that is reported on.
    pub ssrc: Ssrc,
    /// Lost share since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Lost since the start: 24 bits, signed (duplicates count against it).
    pub cumulative_lost: i32,
    /// Highest sequence number with 16 bits of rollovers.
    pub highest_seq: u32,
    /// Interarrival jitter in ticks of the media clock.
    pub jitter: u32,
    /// LSR: the last sender report's time; zero where none came yet.
    pub last_sender_report: CompactNtp,
    /// DLSR: from that report's arrival to this one, in 1/65536 s.
    pub delay_since_last: u32,
}

impl ReportBlock {
    fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        Ok(Self {
            ssrc: Ssrc(u32_at(bytes, 0)?),
            fraction_lost: u8_at(bytes, 4)?,
            cumulative_lost: (u24_at(bytes, 5)? << 8).cast_signed() >> 8,
            highest_seq: u32_at(bytes, 8)?,
            jitter: u32_at(bytes, 12)?,
            last_sender_report: CompactNtp(u32_at(bytes, 16)?),
            delay_since_last: u32_at(bytes, 20)?,
        })
    }

    /// Losses outside the field's 24 bits are cut at its ends, as RFC 3550 appendix A.3 does.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        put_u32(out, self.ssrc.0);
        let lost = self.cumulative_lost.clamp(-0x80_0000, 0x7f_ffff).cast_unsigned() & 0xff_ffff;
        put_u32(out, u32::from(self.fraction_lost) << 24 | lost);
        put_u32(out, self.highest_seq);
        put_u32(out, self.jitter);
        put_u32(out, self.last_sender_report.0);
        put_u32(out, self.delay_since_last);
    }
}

/// The blocks in `bytes`, whose length was checked by `take`.
pub(super) fn blocks(bytes: &[u8]) -> impl Iterator<Item = ReportBlock> + use<'_> {
    bytes.chunks_exact(BLOCK_BYTES).filter_map(|b| ReportBlock::parse(b).ok())
}

/// The bytes of `count` blocks at `at`; what follows them is a profile's own and is skipped.
pub(super) fn take(body: &[u8], at: usize, count: u8) -> Result<&[u8], Malformed> {
    body.get(at..at + BLOCK_BYTES * usize::from(count)).ok_or(Malformed::Truncated)
}

//! Redundant audio data (RFC 2198): older blocks before the newest one, each with its age and length.

use crate::rtp::Pt;
use crate::wire::{Malformed, u8_at, u32_at};

/// Most blocks in one packet, the primary included. Chromium's NetEq reads no more (`kMaxRedBlocks`).
pub const MAX_BLOCKS: usize = 32;
/// Oldest block that the header can name: 14 bits of media clock ticks, 341 ms at 48 kHz.
pub const MAX_OFFSET: u16 = 0x3fff;
/// Longest redundant block: 10 bits.
pub const MAX_BLOCK_BYTES: usize = 0x3ff;

const REDUNDANT_HEADER_BYTES: usize = 4;

/// A payload that was sent once already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedBlock<'a> {
    pub pt: Pt,
    /// Ticks before the packet's own RTP time, at most `MAX_OFFSET`.
    pub offset: u16,
    pub data: &'a [u8],
}

/// A RED payload, its lengths checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Red<'a> {
    headers: &'a [u8],
    blocks: &'a [u8],
    pub primary_pt: Pt,
    pub primary: &'a [u8],
}

impl<'a> Red<'a> {
    pub fn parse(payload: &'a [u8]) -> Result<Self, Malformed> {
        let (mut at, mut block_bytes) = (0, 0);
        while u8_at(payload, at)? & 0x80 != 0 {
            block_bytes += (u32_at(payload, at)? & 0x3ff) as usize;
            at += REDUNDANT_HEADER_BYTES;
            if at / REDUNDANT_HEADER_BYTES >= MAX_BLOCKS {
                return Err(Malformed::TooMany);
            }
        }
        let primary_pt = Pt(u8_at(payload, at)?);
        let (headers, rest) = payload.split_at_checked(at).ok_or(Malformed::Truncated)?;
        let rest = rest.get(1..).unwrap_or_default();
        let (blocks, primary) = rest.split_at_checked(block_bytes).ok_or(Malformed::Truncated)?;
        Ok(Self { headers, blocks, primary_pt, primary })
    }

    /// The older blocks in the order of the packet, oldest first by convention. A block may be empty.
    pub fn redundant(&self) -> impl Iterator<Item = RedBlock<'a>> + use<'a> {
        let mut rest = self.blocks;
        self.headers.chunks_exact(REDUNDANT_HEADER_BYTES).filter_map(move |header| {
            let word = u32_at(header, 0).ok()?;
            let (data, after) = rest.split_at_checked((word & 0x3ff) as usize)?;
            rest = after;
            Some(RedBlock { pt: Pt((word >> 24) as u8 & 0x7f), offset: (word >> 10) as u16 & MAX_OFFSET, data })
        })
    }
}

/// Appends a RED payload: `redundant` oldest first, then the primary. False, with nothing written, where there are more
/// blocks, older ones or longer ones than the format carries.
#[must_use]
pub fn write(out: &mut Vec<u8>, redundant: &[RedBlock<'_>], primary_pt: Pt, primary: &[u8]) -> bool {
    let fits = |b: &RedBlock<'_>| b.offset <= MAX_OFFSET && b.data.len() <= MAX_BLOCK_BYTES;
    if redundant.len() >= MAX_BLOCKS || !redundant.iter().all(fits) {
        return false;
    }
    for block in redundant {
        let head = 0x80 | u32::from(block.pt.0 & 0x7f);
        let word = head << 24 | u32::from(block.offset) << 10 | block.data.len() as u32;
        out.extend_from_slice(&word.to_be_bytes());
    }
    out.push(primary_pt.0 & 0x7f);
    redundant.iter().for_each(|b| out.extend_from_slice(b.data));
    out.extend_from_slice(primary);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_red_survives_its_round_trip() {
        let data = [7; MAX_BLOCK_BYTES];
        let blocks: Vec<_> = (0..MAX_BLOCKS as u16 - 1)
            .map(|i| RedBlock { pt: Pt(111), offset: MAX_OFFSET - i * 500, data: &data[..usize::from(i) * 33] })
            .collect();
        let mut out = Vec::new();
        assert!(write(&mut out, &blocks, Pt(111), b"newest"));
        let red = Red::parse(&out).expect("well-formed");
        assert_eq!(red.redundant().collect::<Vec<_>>(), blocks);
        assert_eq!((red.primary_pt, red.primary), (Pt(111), &b"newest"[..]));
    }

    #[test]
    fn what_the_format_cannot_carry_is_not_written() {
        let block = RedBlock { pt: Pt(1), offset: 0, data: &[] };
        let mut out = Vec::new();
        assert!(!write(&mut out, &[block; MAX_BLOCKS], Pt(1), &[]));
        assert!(!write(&mut out, &[RedBlock { offset: MAX_OFFSET + 1, ..block }], Pt(1), &[]));
        assert!(!write(&mut out, &[RedBlock { data: &[0; MAX_BLOCK_BYTES + 1], ..block }], Pt(1), &[]));
        assert!(out.is_empty());
    }

    #[test]
    fn broken_payloads_are_refused() {
        for bad in [&[][..], &[0x80], &[0xef, 0, 0, 5], &[0xef, 0, 0, 5, 0x6f, 1, 2, 3, 4]] {
            assert_eq!(Red::parse(bad), Err(Malformed::Truncated), "{bad:?}");
        }
        assert_eq!(Red::parse(&[0x80; 200]), Err(Malformed::TooMany));
        assert_eq!(Red::parse(&[0x6f]).map(|r| r.primary.len()), Ok(0));
    }
}

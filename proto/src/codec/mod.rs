//! What a forwarding server must read of codec payloads: where a picture starts, whether it stands alone, which layer it
//! belongs to. Nothing is decoded.

pub mod aac;
pub mod av1;
mod bits;
pub mod h264;
pub mod opus;
pub mod vp8;
pub mod vp9;

use crate::wire::{Malformed, Parsed, u8_at, u16_at};

/// The video codecs that are forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum VideoCodec {
    Vp8,
    Vp9,
    H264,
    Av1,
}

impl VideoCodec {
    /// The encoding name of `a=rtpmap`, which compares without case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vp8 => "VP8",
            Self::Vp9 => "VP9",
            Self::H264 => "H264",
            Self::Av1 => "AV1",
        }
    }

    /// True where a subscriber who has nothing yet can start with the packet of this payload. Broken payloads are no start.
    pub fn starts_keyframe(self, payload: &[u8]) -> bool {
        match self {
            Self::Vp8 => vp8::starts_keyframe(payload),
            Self::Vp9 => vp9::starts_keyframe(payload),
            Self::H264 => h264::starts_keyframe(payload),
            Self::Av1 => av1::starts_keyframe(payload),
        }
    }
}

/// A picture's running number as VP8 and VP9 descriptors carry it, in 7 or 15 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureId {
    pub value: u16,
    /// 15 bits.
    pub is_wide: bool,
}

impl PictureId {
    /// Reads one and says how many bytes it takes (RFC 7741 section 4.2, RFC 9628 section 4.2: M, then 7 or 15 bits).
    fn parse(payload: &[u8], at: usize) -> Parsed<(Self, usize)> {
        let first = u8_at(payload, at)?;
        if first & 0x80 == 0 {
            return Ok((Self { value: u16::from(first), is_wide: false }, 1));
        }
        Ok((Self { value: u16_at(payload, at)? & 0x7fff, is_wide: true }, 2))
    }

    /// Highest value of this width.
    pub fn mask(self) -> u16 {
        if self.is_wide { 0x7fff } else { 0x7f }
    }

    /// Overwrites the id at `at` with `value`, cut to the width that stands there.
    fn rewrite(self, payload: &mut [u8], at: usize, value: u16) -> Parsed<()> {
        let bytes = payload.get_mut(at..).ok_or(Malformed::Truncated)?;
        match (self.is_wide, bytes) {
            (true, [high, low, ..]) => [*high, *low] = (value & 0x7fff | 0x8000).to_be_bytes(),
            (false, [byte, ..]) => *byte = (value & 0x7f) as u8,
            (true, [] | [_]) | (false, []) => return Err(Malformed::Truncated),
        }
        Ok(())
    }
}

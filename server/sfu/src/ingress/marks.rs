//! What forwarding must know of a payload: where decoding can start, and the picture numbers that are rewritten.

use crate::transport::Codec;

/// Read once per packet, used for every subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Marks {
    /// The packet opens a frame from which decoding can start.
    pub(crate) keyframe: bool,
    pub(crate) vp8: Option<Vp8Numbers>,
}

/// Where the picture numbers lie in a VP8 payload (RFC 7741 section 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Vp8Numbers {
    /// Offset, 15 bits wide instead of 7, value.
    pub(crate) picture_id: Option<(u8, bool, u16)>,
    /// Offset, value.
    pub(crate) tl0: Option<(u8, u8)>,
}

impl Marks {
    /// A payload that is no payload of its codec has no marks: it is forwarded, decoders drop it.
    pub(crate) fn read(codec: Codec, payload: &[u8]) -> Self {
        match codec {
            Codec::Opus => Self::default(),
            Codec::Vp8 => vp8(payload).unwrap_or_default(),
            Codec::Vp9 | Codec::H264(_) | Codec::Av1 => Self { keyframe: true, vp8: None },
        }
    }
}

fn vp8(payload: &[u8]) -> Option<Marks> {
    let first = *payload.first()?;
    let mut numbers = Vp8Numbers::default();
    let mut at = 1;
    if first & 0x80 != 0 {
        let flags = *payload.get(1)?;
        at = 2;
        if flags & 0x80 != 0 {
            let high = *payload.get(at)?;
            let wide = high & 0x80 != 0;
            let value = if wide { u16::from_be_bytes([high & 0x7f, *payload.get(at + 1)?]) } else { u16::from(high) };
            numbers.picture_id = Some((at as u8, wide, value));
            at += if wide { 2 } else { 1 };
        }
        if flags & 0x40 != 0 {
            numbers.tl0 = Some((at as u8, *payload.get(at)?));
            at += 1;
        }
        if flags & 0x30 != 0 {
            at += 1;
        }
    }
    let starts = first & 0x17 == 0x10;
    let keyframe = starts && payload.get(at)? & 1 == 0;
    Some(Marks { keyframe, vp8: Some(numbers) })
}

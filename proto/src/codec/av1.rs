//! AV1 payloads (AV1 RTP payload specification v1.0 section 4.4): the aggregation header and the OBUs behind it.

use crate::wire::{Malformed, Parsed, u8_at};

/// `obu_type` values of the AV1 bitstream specification section 6.2.2.
pub const OBU_SEQUENCE_HEADER: u8 = 1;
pub const OBU_FRAME_HEADER: u8 = 3;
pub const OBU_FRAME: u8 = 6;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AggregationHeader {
    /// Z: the first element goes on from the packet before.
    pub continues: bool,
    /// Y: the last element goes on in the next packet.
    pub is_continued: bool,
    /// W: elements in the packet, the last without a length; 0 where each has one.
    pub elements: u8,
    /// N: first packet of a coded video sequence, thus of a keyframe.
    pub starts_sequence: bool,
}

impl AggregationHeader {
    pub fn parse(payload: &[u8]) -> Result<Self, Malformed> {
        let byte = u8_at(payload, 0)?;
        let header = Self {
            continues: byte & 0x80 != 0,
            is_continued: byte & 0x40 != 0,
            elements: (byte >> 4) & 3,
            starts_sequence: byte & 0x08 != 0,
        };
        // "If N is equal to 1 then Z must be equal to 0" (section 4.4).
        if header.continues && header.starts_sequence { Err(Malformed::Value) } else { Ok(header) }
    }
}

/// True for the first packet of a keyframe.
pub fn starts_keyframe(payload: &[u8]) -> bool {
    AggregationHeader::parse(payload).is_ok_and(|h| h.starts_sequence)
}

/// The OBU elements of a payload: the first and last may be parts. An element with a broken length yields an error and
/// ends the walk.
pub fn elements(payload: &[u8]) -> impl Iterator<Item = Result<&[u8], Malformed>> + use<'_> {
    let total = payload.first().map_or(0, |b| (b >> 4) & 3);
    let mut rest = payload.get(1..).unwrap_or_default();
    let mut number = 0;
    std::iter::from_fn(move || {
        if rest.is_empty() || (total != 0 && number == total) {
            return None;
        }
        number = if total == 0 { 0 } else { number + 1 };
        let step = if total != 0 && number == total { Ok((rest, &[][..])) } else { split_element(rest) };
        rest = step.map_or(&[], |(_, after)| after);
        Some(step.map(|(element, _)| element))
    })
}

/// The `obu_type` of an element that starts an OBU.
pub fn obu_type(element: &[u8]) -> Option<u8> {
    element.first().map(|b| (b >> 3) & 0x0f)
}

fn split_element(bytes: &[u8]) -> Parsed<(&[u8], &[u8])> {
    let (len, len_bytes) = leb128(bytes)?;
    let rest = bytes.get(len_bytes..).unwrap_or_default();
    usize::try_from(len).ok().and_then(|len| rest.split_at_checked(len)).ok_or(Malformed::Truncated)
}

/// AV1 specification section 4.10.5: at most eight bytes, at most 32 bits of value.
fn leb128(bytes: &[u8]) -> Parsed<(u32, usize)> {
    let mut value = 0u64;
    for i in 0..8 {
        let byte = u8_at(bytes, i)?;
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return u32::try_from(value).map(|v| (v, i + 1)).map_err(|_| Malformed::Value);
        }
    }
    Err(Malformed::Value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyframe_starts_with_its_sequence() {
        let payload = [0x28, 2, 0x08, 0, 0x30, 9, 9];
        assert!(starts_keyframe(&payload));
        let found: Vec<_> = elements(&payload).collect::<Result<_, _>>().expect("well-formed");
        assert_eq!(found, [&[0x08, 0][..], &[0x30, 9, 9]]);
        assert_eq!(found.iter().map(|e| obu_type(e)).collect::<Vec<_>>(), [Some(OBU_SEQUENCE_HEADER), Some(OBU_FRAME)]);
        assert!(!starts_keyframe(&[0x20]) && !starts_keyframe(&[]));
        assert_eq!(AggregationHeader::parse(&[0x88]), Err(Malformed::Value));
    }

    #[test]
    fn elements_with_a_length_each_are_walked() {
        let payload = [0x00, 1, 0x30, 0x82, 0x00, 7, 8, 0];
        let found: Vec<_> = elements(&payload).collect::<Result<_, _>>().expect("well-formed");
        assert_eq!(found, [&[0x30][..], &[7, 8], &[]]);
    }

    #[test]
    fn broken_lengths_end_the_walk() {
        let cases: [&[u8]; 4] = [&[0x00, 9, 1], &[0x00, 0x80], &[0x20, 0xff, 0xff, 0xff, 0xff, 0x7f, 1], &[0x00; 1]];
        for (payload, errors) in cases.into_iter().zip([1, 1, 1, 0]) {
            assert_eq!(elements(payload).count(), errors);
            assert_eq!(elements(payload).filter(Result::is_err).count(), errors, "{payload:x?}");
        }
        assert_eq!(leb128(&[0x80; 9]), Err(Malformed::Value));
    }
}

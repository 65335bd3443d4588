//! A clock in the picture: a NAL unit of user data (SEI type 5) in front of a coded frame, which every server that
//! passes H.264 through passes on.

/// Which user data is ours.
const NAME: &[u8; 16] = b"carillon-latency";

/// Header, type, length, name, 16 hexadecimal digits (no zero bytes, so nothing to escape), end.
const UNIT_BYTES: usize = 3 + 16 + 16 + 1;

/// How far into a message the marker is looked for.
pub(crate) const REACH: usize = 512;

/// A copy of an AVC video tag (lengths of 4 bytes) with the marker before its first NAL unit.
pub(crate) fn stamped(tag: &[u8], microseconds: u64) -> Vec<u8> {
    let (head, units) = tag.split_at(5);
    let mut out = Vec::with_capacity(tag.len() + 4 + UNIT_BYTES);
    out.extend_from_slice(head);
    out.extend((UNIT_BYTES as u32).to_be_bytes());
    out.extend([0x06, 0x05, 32]);
    out.extend_from_slice(NAME);
    out.extend(format!("{microseconds:016x}").bytes());
    out.push(0x80);
    out.extend_from_slice(units);
    out
}

/// The clock in the first bytes of a message.
pub(crate) fn find(payload: &[u8]) -> Option<u64> {
    let reach = &payload[..payload.len().min(REACH)];
    let at = reach.windows(NAME.len()).position(|window| window == NAME)? + NAME.len();
    let digits = std::str::from_utf8(reach.get(at..at + 16)?).ok()?;
    u64::from_str_radix(digits, 16).ok()
}

/// True for a tag that holds a coded AVC frame, to which a marker belongs.
pub(crate) fn is_frame(tag: &[u8]) -> bool {
    matches!(tag, [first, 1, ..] if first & 0x0f == 7 && tag.len() > 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_found_again() {
        let tag = [0x17, 1, 0, 0, 0, 0, 0, 0, 1, 0x65];
        assert!(is_frame(&tag) && !is_frame(&tag[..5]) && !is_frame(&[0x17, 0, 0, 0, 0, 1]));
        let stamped = stamped(&tag, 123_456_789);
        assert_eq!(stamped.len(), tag.len() + 4 + UNIT_BYTES);
        assert_eq!(find(&stamped), Some(123_456_789));
        assert_eq!(stamped[stamped.len() - 5..], tag[5..]);
        assert_eq!(find(&tag), None);
        assert_eq!(find(&stamped[..40]), None);
    }
}

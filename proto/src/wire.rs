//! What every media parser shares: its one error, and big-endian reads that cannot pass the end.

use std::fmt;

/// Why bytes are not what they claim to be. Always the peer's fault; the caller drops the packet and counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Malformed {
    /// Fewer bytes than the format's own lengths ask for.
    Truncated,
    /// The version field is not the one and only.
    Version,
    /// The padding count is zero or larger than what it pads.
    Padding,
    /// A length field contradicts another one, or the format's rule.
    Length,
    /// A field holds a value that the format forbids.
    Value,
    /// More elements than a named bound of this crate.
    TooMany,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "truncated",
            Self::Version => "wrong version",
            Self::Padding => "impossible padding",
            Self::Length => "contradicting length",
            Self::Value => "forbidden value",
            Self::TooMany => "too many elements",
        })
    }
}

impl std::error::Error for Malformed {}

pub(crate) type Parsed<T> = Result<T, Malformed>;

pub(crate) fn u8_at(bytes: &[u8], at: usize) -> Parsed<u8> {
    bytes.get(at).copied().ok_or(Malformed::Truncated)
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Parsed<u16> {
    array_at(bytes, at).map(u16::from_be_bytes)
}

pub(crate) fn u24_at(bytes: &[u8], at: usize) -> Parsed<u32> {
    array_at::<3>(bytes, at).map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Parsed<u32> {
    array_at(bytes, at).map(u32::from_be_bytes)
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Parsed<u64> {
    array_at(bytes, at).map(u64::from_be_bytes)
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Parsed<[u8; N]> {
    bytes.get(at..).and_then(|rest| rest.first_chunk::<N>()).copied().ok_or(Malformed::Truncated)
}

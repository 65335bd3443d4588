//! Source descriptions (RFC 3550 section 6.5). Only CNAME means something here.

use super::{PT_SDES, begin, end, put_u32};
use crate::rtp::Ssrc;
use crate::wire::{Malformed, u8_at, u32_at};

const ITEM_END: u8 = 0;
const ITEM_CNAME: u8 = 1;

/// The chunks of one packet, all of them checked when it was parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sdes<'a> {
    count: u8,
    body: &'a [u8],
}

impl<'a> Sdes<'a> {
    pub(super) fn parse(count: u8, body: &'a [u8]) -> Result<Self, Malformed> {
        let mut at = 0;
        for _ in 0..count {
            at = chunk(body, at)?.end;
        }
        Ok(Self { count, body })
    }

    /// Each source with its CNAME bytes (UTF-8 by the RFC, unchecked here); sources without one are left out.
    pub fn cnames(&self) -> impl Iterator<Item = (Ssrc, &'a [u8])> + use<'a> {
        let Self { count, body } = *self;
        let mut at = 0;
        let chunks = (0..count).map_while(move |_| {
            let chunk = chunk(body, at).ok()?;
            at = chunk.end;
            Some(chunk)
        });
        chunks.filter_map(|c| Some((c.ssrc, c.cname?)))
    }
}

struct Chunk<'a> {
    ssrc: Ssrc,
    cname: Option<&'a [u8]>,
    end: usize,
}

fn chunk(body: &[u8], start: usize) -> Result<Chunk<'_>, Malformed> {
    let ssrc = Ssrc(u32_at(body, start)?);
    let mut cname = None;
    let mut at = start + 4;
    loop {
        let item = u8_at(body, at)?;
        if item == ITEM_END {
            // The list ends with one to four zero bytes, up to the next 32-bit border.
            let end = (at + 4) & !3;
            return if end <= body.len() { Ok(Chunk { ssrc, cname, end }) } else { Err(Malformed::Truncated) };
        }
        let len = usize::from(u8_at(body, at + 1)?);
        let text = body.get(at + 2..at + 2 + len).ok_or(Malformed::Truncated)?;
        if item == ITEM_CNAME {
            cname = Some(text);
        }
        at += 2 + len;
    }
}

/// Appends one chunk with a CNAME; bytes past the 255th are left out.
pub fn write_cname(out: &mut Vec<u8>, ssrc: Ssrc, cname: &str) {
    let text = &cname.as_bytes()[..cname.len().min(255)];
    let start = begin(out, PT_SDES, 1);
    put_u32(out, ssrc.0);
    out.extend_from_slice(&[ITEM_CNAME, text.len() as u8]);
    out.extend_from_slice(text);
    out.push(ITEM_END);
    end(out, start);
}

#[cfg(test)]
mod tests {
    use super::super::{Rtcp, packets};
    use super::*;

    #[test]
    fn cname_survives_its_round_trip_at_every_alignment() {
        for name in ["", "a", "ab", "abc", "abcd", &"x".repeat(255)] {
            let mut out = Vec::new();
            write_cname(&mut out, Ssrc(5), name);
            assert!(out.len().is_multiple_of(4));
            let Some(Ok(Rtcp::Sdes(sdes))) = packets(&out).next() else { panic!("{name}") };
            assert_eq!(sdes.cnames().collect::<Vec<_>>(), [(Ssrc(5), name.as_bytes())]);
        }
    }

    #[test]
    fn other_items_and_chunks_are_walked_over() {
        let body = [0, 0, 0, 1, 2, 1, b'n', 0, 0, 0, 0, 2, 6, 0, 1, 2, b'h', b'i', 0, 0, 0, 0, 0, 0];
        let sdes = Sdes::parse(2, &body[..20]).expect("two chunks");
        assert_eq!(sdes.cnames().collect::<Vec<_>>(), [(Ssrc(2), &b"hi"[..])]);
        assert_eq!(Sdes::parse(3, &body[..20]), Err(Malformed::Truncated));
        assert_eq!(Sdes::parse(1, &[0, 0, 0, 1, 1, 9, b'x', 0]), Err(Malformed::Truncated));
    }
}

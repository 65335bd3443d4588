//! Goodbye (RFC 3550 section 6.6).

use super::{PT_BYE, begin, end, put_u32};
use crate::rtp::Ssrc;
use crate::wire::{Malformed, u32_at};

/// Sources that end now. A reason text may follow; nobody reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bye<'a> {
    sources: &'a [u8],
}

impl<'a> Bye<'a> {
    pub(super) fn parse(count: u8, body: &'a [u8]) -> Result<Self, Malformed> {
        let sources = body.get(..4 * usize::from(count)).ok_or(Malformed::Truncated)?;
        Ok(Self { sources })
    }

    pub fn sources(&self) -> impl Iterator<Item = Ssrc> + use<'a> {
        self.sources.chunks_exact(4).filter_map(|c| u32_at(c, 0).ok()).map(Ssrc)
    }
}

/// Appends a goodbye; sources past the 31st are left out.
pub fn write(out: &mut Vec<u8>, sources: &[Ssrc]) {
    let sources = &sources[..sources.len().min(31)];
    let start = begin(out, PT_BYE, sources.len() as u8);
    sources.iter().for_each(|s| put_u32(out, s.0));
    end(out, start);
}

#[cfg(test)]
mod tests {
    use super::super::{Rtcp, packets};
    use super::*;

    #[test]
    fn sources_survive_their_round_trip() {
        let mut out = Vec::new();
        write(&mut out, &[Ssrc(1), Ssrc(u32::MAX)]);
        let Some(Ok(Rtcp::Bye(bye))) = packets(&out).next() else { panic!() };
        assert_eq!(bye.sources().collect::<Vec<_>>(), [Ssrc(1), Ssrc(u32::MAX)]);
        assert_eq!(Bye::parse(1, &[0, 0, 0]), Err(Malformed::Truncated));
    }
}

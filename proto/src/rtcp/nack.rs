//! Generic NACK (RFC 4585 section 6.2.1).

use super::{FMT_NACK, PT_TRANSPORT_FEEDBACK, begin_feedback, end, feedback_sources};
use crate::rtp::{Seq, Ssrc};
use crate::wire::{Malformed, u16_at};

/// Most (PID, BLP) pairs that `write` puts into one packet: with headers and SRTCP it fits 1,200 bytes.
pub const MAX_PAIRS: usize = 256;

/// Sequence numbers of one stream that are asked for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nack<'a> {
    pub sender: Ssrc,
    pub media: Ssrc,
    pairs: &'a [u8],
}

impl<'a> Nack<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let (sender, media) = feedback_sources(body)?;
        let pairs = body.get(8..).unwrap_or_default();
        if !pairs.len().is_multiple_of(4) {
            return Err(Malformed::Length);
        }
        Ok(Self { sender, media, pairs })
    }

    /// In the order of the packet: at most 17 for each four bytes of it, so bounded by the datagram.
    pub fn seqs(&self) -> impl Iterator<Item = Seq> + use<'a> {
        self.pairs.chunks_exact(4).flat_map(|pair| {
            let pid = Seq(u16_at(pair, 0).unwrap_or_default());
            let mask = u16_at(pair, 2).unwrap_or_default();
            let following = (0..16).filter(move |i| mask >> i & 1 == 1).map(move |i| pid.wrapping_add(i + 1));
            std::iter::once(pid).chain(following)
        })
    }
}

/// Appends one NACK for the first of `seqs`, which ascend (across the wrap) without repeats. Yields how many it took:
/// fewer than all where `MAX_PAIRS` was reached, so call again with the rest. Nothing is written for an empty list.
pub fn write(out: &mut Vec<u8>, sender: Ssrc, media: Ssrc, seqs: &[Seq]) -> usize {
    if seqs.is_empty() {
        return 0;
    }
    let start = begin_feedback(out, PT_TRANSPORT_FEEDBACK, FMT_NACK, sender, media);
    let mut taken = 0;
    for _ in 0..MAX_PAIRS {
        let Some(&pid) = seqs.get(taken) else { break };
        let (mask, used) = mask_after(pid, &seqs[taken + 1..]);
        out.extend_from_slice(&pid.0.to_be_bytes());
        out.extend_from_slice(&mask.to_be_bytes());
        taken += 1 + used;
    }
    end(out, start);
    taken
}

/// The bits for those of `seqs` that lie within 16 of `pid`, and how many these are.
fn mask_after(pid: Seq, seqs: &[Seq]) -> (u16, usize) {
    let offsets = seqs.iter().map(|s| s.0.wrapping_sub(pid.0)).take_while(|d| (1..=16).contains(d));
    offsets.fold((0, 0), |(mask, used), d| (mask | 1 << (d - 1), used + 1))
}

#[cfg(test)]
mod tests {
    use super::super::{Rtcp, packets};
    use super::*;

    fn round_trip(seqs: &[Seq]) -> (Vec<Seq>, usize) {
        let mut out = Vec::new();
        let mut rest = seqs;
        while !rest.is_empty() {
            rest = &rest[write(&mut out, Ssrc(1), Ssrc(2), rest)..];
        }
        let mut read = Vec::new();
        for packet in packets(&out) {
            let Ok(Rtcp::Nack(nack)) = packet else { panic!() };
            assert_eq!((nack.sender, nack.media), (Ssrc(1), Ssrc(2)));
            read.extend(nack.seqs());
        }
        (read, out.len())
    }

    #[test]
    fn gaps_and_runs_survive_their_round_trip() {
        let cases: [&[u16]; 5] = [&[7], &[1, 2, 17], &[1, 18], &[65_534, 65_535, 0, 14, 15, 900], &[]];
        for case in cases {
            let seqs: Vec<_> = case.iter().copied().map(Seq).collect();
            assert_eq!(round_trip(&seqs).0, seqs);
        }
    }

    #[test]
    fn seventeen_in_a_row_take_one_pair() {
        let seqs: Vec<_> = (65_530..65_547u32).map(|n| Seq(n as u16)).collect();
        assert_eq!(round_trip(&seqs), (seqs.clone(), 12 + 4));
    }

    #[test]
    fn a_long_list_goes_into_several_packets() {
        let seqs: Vec<_> = (0..1_000).map(|n| Seq(n * 40)).collect();
        let (read, bytes) = round_trip(&seqs);
        assert_eq!((read, bytes), (seqs, 4 * 12 + 4_000));
    }

    #[test]
    fn half_a_pair_is_refused() {
        assert_eq!(Nack::parse(&[0; 10]), Err(Malformed::Length));
        assert_eq!(Nack::parse(&[0; 7]), Err(Malformed::Truncated));
    }
}

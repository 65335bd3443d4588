//! Older sound in newer packets (RFC 2198), built from the source's ring for one subscriber. How deep is the plan's
//! decision. A repeat under the same number must be the same bytes (RFC 7714 section 10), though the ring has changed
//! meanwhile: which blocks a packet carried is kept.

use super::history::History;
use crate::ingress::Packet;
use carillon_proto::red::{self, MAX_BLOCK_BYTES, MAX_OFFSET, RedBlock};
use carillon_proto::rtp::{Pt, SeqExt};
use std::collections::VecDeque;

/// Payload of one packet: a datagram with all headers stays within 1,200 bytes.
const PAYLOAD_MAX: usize = 1_100;
/// Packets whose blocks are remembered: ten seconds of 20 ms. Older ones are not repeated.
const REMEMBERED: usize = 512;
/// Blocks before the newest one: bits of `Blocks`, below NetEq's 32.
pub(crate) const DEPTH_MAX: u8 = 17;

/// The packets before one that it carries: bit n stands for the one n + 1 numbers before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Blocks(u32);

impl Blocks {
    pub(crate) const NONE: Self = Self(0);

    /// What the ring has of the `depth` packets before `packet`, as far as the format and a datagram carry it.
    pub(crate) fn choose(history: &History, packet: &Packet, depth: u8) -> Self {
        let (mut chosen, mut bytes) = (Self::NONE, packet.payload.len() + 1);
        for distance in 1..=depth.min(DEPTH_MAX) {
            let Some((block, _)) = block(history, packet, distance) else { continue };
            bytes += 4 + block.payload.len();
            if bytes > PAYLOAD_MAX {
                break;
            }
            chosen.0 |= 1 << (distance - 1);
        }
        chosen
    }

    pub(crate) fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// Appends the payload; `pt` is the codec's own. False, with nothing written, where a block is gone from the ring.
    pub(crate) fn write(self, history: &History, packet: &Packet, pt: u8, out: &mut Vec<u8>) -> bool {
        let mut blocks = Vec::new();
        for distance in (1..=DEPTH_MAX).rev().filter(|distance| self.0 & (1 << (distance - 1)) != 0) {
            let Some((older, offset)) = block(history, packet, distance) else { return false };
            blocks.push(RedBlock { pt: Pt(pt), offset, data: &older.payload });
        }
        red::write(out, &blocks, Pt(pt), &packet.payload)
    }
}

/// The packet so many numbers before, with its age in ticks, where RED can carry it.
fn block<'a>(history: &'a History, packet: &Packet, distance: u8) -> Option<(&'a Packet, u16)> {
    let older = history.get(SeqExt(packet.seq.0.checked_sub(u64::from(distance))?))?;
    let offset =
        u16::try_from(packet.time.since(older.time)).ok().filter(|offset| (1..=MAX_OFFSET).contains(offset))?;
    let carried = older.codec == packet.codec && (1..=MAX_BLOCK_BYTES).contains(&older.payload.len());
    carried.then_some((older, offset))
}

/// What the packets of one subscription carried.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    carried: VecDeque<(SeqExt, Blocks)>,
    /// Numbers up to this one are forgotten.
    forgotten: Option<SeqExt>,
}

impl Ledger {
    /// A packet leaves for the first time.
    pub(crate) fn note(&mut self, out: SeqExt, blocks: Blocks) {
        if blocks.is_none() && self.carried.is_empty() {
            return;
        }
        self.carried.push_back((out, blocks));
        if self.carried.len() > REMEMBERED
            && let Some((gone, _)) = self.carried.pop_front()
        {
            self.forgotten = self.forgotten.max(Some(gone));
        }
    }

    /// What the packet carried. `None`: that is forgotten.
    pub(crate) fn blocks(&self, out: SeqExt) -> Option<Blocks> {
        let known = self.carried.iter().rev().find(|(number, _)| *number == out).map(|(_, blocks)| *blocks);
        known.or_else(|| self.forgotten.is_none_or(|gone| out > gone).then_some(Blocks::NONE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recovery::history::Limits;
    use crate::testing::start;
    use crate::transport::Codec;
    use bytes::Bytes;
    use carillon_proto::red::Red;
    use carillon_proto::rtp::RtpTime;
    use std::time::Duration;

    fn packet(seq: u64, bytes: usize) -> Packet {
        let payload = Bytes::from(vec![seq as u8; bytes]);
        let time = RtpTime((seq as u32).wrapping_mul(960));
        Packet { codec: Codec::Opus, time, ..Packet::for_test(seq, start(), payload) }
    }

    fn history(seqs: impl Iterator<Item = u64>, bytes: usize) -> History {
        let limits = Limits { age: Duration::from_secs(3), packets: 1_000, bytes: 1 << 20 };
        let mut history = History::new(limits, 4_096);
        seqs.for_each(|seq| _ = history.insert(packet(seq, bytes)));
        history
    }

    fn carried(history: &History, blocks: Blocks, newest: &Packet) -> Vec<(u16, u8)> {
        let mut out = Vec::new();
        assert!(blocks.write(history, newest, 111, &mut out));
        let red = Red::parse(&out).expect("well-formed");
        assert_eq!((red.primary_pt, red.primary), (Pt(111), &newest.payload[..]));
        red.redundant().map(|block| (block.offset, block.data[0])).collect()
    }

    #[test]
    fn the_packets_before_are_carried_oldest_first_and_holes_left_out() {
        let history = history([5, 6, 8, 9].into_iter(), 40);
        let newest = packet(9, 40);
        let blocks = Blocks::choose(&history, &newest, 3);
        assert_eq!(carried(&history, blocks, &newest), [(3 * 960, 6), (960, 8)]);
    }

    #[test]
    fn a_repeat_is_the_same_though_a_hole_was_filled() {
        let mut history = history([5, 7].into_iter(), 40);
        let newest = packet(7, 40);
        let blocks = Blocks::choose(&history, &newest, 4);
        let before = carried(&history, blocks, &newest);
        history.insert(packet(6, 40));
        assert_eq!(carried(&history, blocks, &newest), before);
    }

    #[test]
    fn bounds_of_format_and_datagram_hold() {
        let newest = packet(99, 80);
        let all = history(50..=99, 80);
        let deep = carried(&all, Blocks::choose(&all, &newest, 200), &newest);
        assert_eq!(deep.len(), 12, "a datagram");
        let small = packet(99, 20);
        let all = history(50..=99, 20);
        assert_eq!(carried(&all, Blocks::choose(&all, &small, 200), &small).len(), 17, "341 ms");
        let long = history([98, 99].into_iter(), 1_024);
        assert!(Blocks::choose(&long, &packet(99, 20), 3).is_none(), "10 bits");
    }

    #[test]
    fn what_is_forgotten_is_not_repeated() {
        let mut ledger = Ledger::default();
        (0..10).for_each(|n| ledger.note(SeqExt(n), Blocks::NONE));
        assert_eq!(ledger.blocks(SeqExt(3)), Some(Blocks::NONE));
        (10..1_000).for_each(|n| ledger.note(SeqExt(n), Blocks(1)));
        assert_eq!((ledger.blocks(SeqExt(999)), ledger.blocks(SeqExt(100))), (Some(Blocks(1)), None));
        assert!(ledger.carried.len() <= REMEMBERED);
    }
}

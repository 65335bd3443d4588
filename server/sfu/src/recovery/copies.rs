//! Packets that leave again unasked: where most of them are lost, waiting for the request of a repair costs a round trip
//! that the request does not survive either. How many and how far apart is the plan's decision.

use super::plan::CopyPlan;
use carillon_proto::rtp::SeqExt;
use std::collections::VecDeque;
use std::time::Instant;

/// Kept for one connection: a tenth of a second of 20 Mbit/s. What does not fit is not repeated.
const KEPT_MAX: usize = 2_000;

/// One packet with the copies that it still gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Copy {
    pub(crate) at: Instant,
    /// Of the stream that it left in.
    pub(crate) ssrc: u32,
    /// The publisher's number of it, and the one that it left under.
    pub(crate) source: SeqExt,
    pub(crate) out: SeqExt,
    pub(crate) left: u8,
    pub(crate) plan: CopyPlan,
}

/// All of one connection, by when they are due.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    kept: VecDeque<Copy>,
}

impl Copies {
    /// A packet left now for the first time.
    pub(crate) fn add(&mut self, now: Instant, ssrc: u32, source: SeqExt, out: SeqExt, plan: CopyPlan) {
        if plan.count > 0 && self.kept.len() < KEPT_MAX {
            self.put(Copy { at: now + plan.spacing, ssrc, source, out, left: plan.count, plan });
        }
    }

    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.kept.front().map(|copy| copy.at)
    }

    /// The next one that is due. It is due again while copies are left.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Copy> {
        let copy = self.kept.pop_front_if(|copy| copy.at <= now)?;
        if copy.left > 1 {
            self.put(Copy { at: now + copy.plan.spacing, left: copy.left - 1, ..copy });
        }
        Some(copy)
    }

    pub(crate) fn clear(&mut self) {
        self.kept.clear();
    }

    /// Most are due last: all of one plan wait equally long.
    fn put(&mut self, copy: Copy) {
        let place = self.kept.iter().rposition(|other| other.at <= copy.at).map_or(0, |before| before + 1);
        self.kept.insert(place, copy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;
    use std::time::Duration;

    fn plan(count: u8, ms: u64) -> CopyPlan {
        CopyPlan { count, spacing: Duration::from_millis(ms) }
    }

    #[test]
    fn each_packet_leaves_as_often_as_planned_and_apart() {
        let (mut copies, t) = (Copies::default(), start());
        copies.add(t, 1, SeqExt(10), SeqExt(20), plan(2, 10));
        copies.add(t, 2, SeqExt(11), SeqExt(21), plan(3, 4));
        copies.add(t, 3, SeqExt(12), SeqExt(22), plan(0, 1));
        let mut left = Vec::new();
        while let Some(due) = copies.next_due() {
            let copy = copies.take_due(due).expect("due");
            left.push((copy.ssrc, (due - t).as_millis()));
        }
        assert_eq!(left, [(2, 4), (2, 8), (1, 10), (2, 12), (1, 20)]);
    }

    #[test]
    fn a_flood_is_bounded() {
        let (mut copies, t) = (Copies::default(), start());
        for n in 0..10_000 {
            copies.add(t, 1, SeqExt(n), SeqExt(n), plan(1, 10));
        }
        assert_eq!(copies.kept.len(), KEPT_MAX);
    }
}

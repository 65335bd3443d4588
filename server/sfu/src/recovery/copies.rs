//! Packets that leave again unasked: where most of them are lost, waiting for the request of a repair costs a round trip
//! that the request does not survive either. How many and how far apart is the plan's decision. And answers that wait
//! until it is clear that their packet is not only late.

use super::plan::CopyPlan;
use crate::bandwidth::Carried;
use carillon_proto::rtp::SeqExt;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

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
    pub(crate) due: Due,
}

/// What is to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// It leaves again, so many times.
    Copy { left: u8, spacing: Duration },
    /// A request for it is answered; the last one came then.
    Answer { asked: Instant },
}

/// All of one connection, by when they are due.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    kept: VecDeque<Copy>,
    /// Stream and number of the answers among them, and when they were asked for last.
    held: BTreeMap<(u32, SeqExt), Instant>,
}

impl Copies {
    /// A packet left now for the first time.
    pub(crate) fn add(&mut self, now: Instant, ssrc: u32, source: SeqExt, out: SeqExt, plan: CopyPlan) {
        if plan.count > 0 && self.kept.len() < KEPT_MAX {
            let due = Due::Copy { left: plan.count, spacing: plan.spacing };
            self.put(Copy { at: now + plan.spacing, ssrc, source, out, due });
        }
    }

    /// A request that came now is to be answered at `at`. False where one for the same packet waits already, or there is
    /// no room.
    pub(crate) fn hold(&mut self, now: Instant, at: Instant, ssrc: u32, source: SeqExt, out: SeqExt) -> bool {
        if let Some(asked) = self.held.get_mut(&(ssrc, out)) {
            *asked = now;
            return false;
        }
        let fits = self.kept.len() < KEPT_MAX;
        if fits {
            self.held.insert((ssrc, out), now);
            self.put(Copy { at, ssrc, source, out, due: Due::Answer { asked: now } });
        }
        fits
    }

    /// The subscriber has these: nothing more of them leaves. Yields how many copies and answers that spares.
    pub(crate) fn cancel(&mut self, mut arrived: Vec<Carried>) -> u64 {
        if self.kept.is_empty() || arrived.is_empty() {
            return 0;
        }
        arrived.sort_unstable();
        let (held, mut spared) = (&mut self.held, 0);
        self.kept.retain(|copy| {
            let found = arrived.binary_search(&Carried { ssrc: copy.ssrc, seq: copy.out.seq().0 }).is_ok();
            if found {
                held.remove(&(copy.ssrc, copy.out));
                spared += match copy.due {
                    Due::Copy { left, .. } => u64::from(left),
                    Due::Answer { .. } => 1,
                };
            }
            !found
        });
        spared
    }

    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.kept.front().map(|copy| copy.at)
    }

    /// The next one that is due. It is due again while copies are left.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Copy> {
        let mut copy = self.kept.pop_front_if(|copy| copy.at <= now)?;
        match &mut copy.due {
            Due::Copy { left: left @ 2.., spacing } => {
                let (left, spacing) = (*left - 1, *spacing);
                self.put(Copy { at: now + spacing, due: Due::Copy { left, spacing }, ..copy });
            }
            Due::Copy { left: ..2, .. } => {}
            Due::Answer { asked } => *asked = self.held.remove(&(copy.ssrc, copy.out)).unwrap_or(*asked),
        }
        Some(copy)
    }

    pub(crate) fn clear(&mut self) {
        self.kept.clear();
        self.held.clear();
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
    fn what_has_arrived_leaves_no_more() {
        let (mut copies, t) = (Copies::default(), start());
        copies.add(t, 1, SeqExt(10), SeqExt(0x1_0014), plan(3, 10));
        copies.add(t, 2, SeqExt(10), SeqExt(0x1_0014), plan(1, 10));
        let at = t + Duration::from_millis(50);
        let held = [11, 12, 11].map(|n| copies.hold(t, at, 1, SeqExt(n), SeqExt(0x1_0000 + n)));
        assert_eq!(held, [true, true, false], "asked again while the answer waits");
        let carried = |seq| Carried { ssrc: 1, seq };
        assert_eq!(copies.cancel(vec![carried(12), carried(0x14), carried(99)]), 4);
        let left: Vec<_> = std::iter::from_fn(|| copies.take_due(at)).map(|c| (c.ssrc, c.out.0 & 0xffff)).collect();
        assert_eq!(left, [(2, 0x14), (1, 11)]);
        assert!(copies.hold(t, at, 1, SeqExt(12), SeqExt(0x1_000c)), "the next request waits anew");
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

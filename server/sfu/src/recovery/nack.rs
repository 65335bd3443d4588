//! What is missing from one RTP stream of a publisher, and when to ask for it again. How often and how long is the
//! plan's decision.

use super::plan::{self, NackPlan};
use carillon_proto::rtp::SeqExt;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Holes kept at once. More means the path is gone: the oldest are given up.
const MISSING_MAX: usize = 1_000;

/// What one packet in its order, one late, and one that only repair brought, leave of the patience for others.
const ORDER_LEAVES: f64 = 0.999;
const LATE_LEAVES: f64 = 0.995;
const REPAIR_LEAVES: f64 = 0.98;
/// Of one hole in the mean length of all.
const BURST_WEIGHT: f64 = 0.05;
/// Without a packet for this long nothing is asked for ahead: the stream has paused, or the path is dead.
const AHEAD_WITHIN: Duration = Duration::from_millis(500);

/// The holes of one stream.
#[derive(Debug, Default)]
pub(crate) struct NackGenerator {
    highest: Option<SeqExt>,
    missing: BTreeMap<SeqExt, Hole>,
    /// Holes that repair filled, and when they were noticed: the packet itself may still come, late and not lost.
    repaired: BTreeMap<SeqExt, Instant>,
    /// How late packets come that were only out of order, smoothed towards the largest.
    reorder: Duration,
    next_due: Option<Instant>,
    /// When the newest packet came, and when numbers after it are asked for next.
    heard: Option<Instant>,
    /// The newest number that was ever asked for ahead.
    ahead_to: Option<SeqExt>,
    ahead_due: Option<Instant>,
    /// Smoothed length of holes. `None`: there was none.
    burst: Option<f64>,
}

#[derive(Debug)]
struct Hole {
    noticed: Instant,
    asked: Asked,
    due: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Never,
    Once(Instant),
    /// Nobody can tell which request an answer belongs to.
    Often,
}

/// What the arrival of one packet told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Arrival {
    /// It was missing before.
    pub(crate) recovered: bool,
    /// It was asked for.
    pub(crate) asked: bool,
    /// From the last request to the arrival, where it was asked for once only: an upper bound of the round trip.
    pub(crate) answered_in: Option<Duration>,
    /// Holes given up because there were too many.
    pub(crate) lost: u64,
    /// It opened holes after nothing had come for so long that repair would take longer than a new start.
    pub(crate) outage: bool,
}

impl NackGenerator {
    /// Notes that `seq` came; `repair` where it came as an answer (RTX, RED), so that its lateness says nothing of order.
    pub(crate) fn handle_packet(&mut self, now: Instant, seq: SeqExt, repair: bool, plan: NackPlan) -> Arrival {
        let Some(highest) = self.highest else {
            self.highest = Some(seq);
            return Arrival::default();
        };
        if seq <= highest {
            return self.fill(now, seq, repair, plan);
        }
        if seq.0 == highest.0 + 1 {
            self.reorder = self.reorder.mul_f64(ORDER_LEAVES);
        }
        let silent = self.heard.is_some_and(|at| now.saturating_duration_since(at) >= plan::OUTAGE);
        self.highest = Some(seq);
        self.heard = Some(now);
        if plan.ahead > 0 && self.ahead_due.is_none() {
            self.ahead_due = Some(now);
            self.due_at(now);
        }
        let due = now + plan.first_after;
        let first = (highest.0 + 1).max(seq.0.saturating_sub(MISSING_MAX as u64));
        for number in first..seq.0 {
            let ahead = self.ahead_to.is_some_and(|to| SeqExt(number) <= to);
            let asked = if ahead { Asked::Often } else { Asked::Never };
            self.missing.insert(SeqExt(number), Hole { noticed: now, asked, due });
        }
        if first < seq.0 {
            self.due_at(due);
            let length = (seq.0 - first) as f64;
            self.burst = Some(self.burst.map_or(length, |mean| mean + BURST_WEIGHT * (length - mean)));
        }
        let mut lost = first - (highest.0 + 1);
        while self.missing.len() > MISSING_MAX {
            self.missing.pop_first();
            lost += 1;
        }
        Arrival { lost, outage: silent && seq.0 - highest.0 > plan::OUTAGE_PACKETS, ..Arrival::default() }
    }

    /// A packet came by itself that a repair had brought before: true where it was late, and not sent twice.
    pub(crate) fn handle_late(&mut self, now: Instant, seq: SeqExt) -> bool {
        let Some(noticed) = self.repaired.remove(&seq) else { return false };
        self.learn(now.saturating_duration_since(noticed));
        true
    }

    /// The next time `poll` has something to do.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.next_due
    }

    /// How many packets are missed at once, on average; nothing while none was missed.
    pub(crate) fn burst_packets(&self) -> f64 {
        self.burst.unwrap_or(0.0)
    }

    /// How late packets come that are only out of order.
    pub(crate) fn reorder(&self) -> Duration {
        self.reorder
    }

    /// Adds the numbers to ask for now to `ask`; yields how many were given up.
    pub(crate) fn poll(&mut self, now: Instant, plan: NackPlan, ask: &mut Vec<SeqExt>) -> u64 {
        if self.next_due.is_none_or(|due| due > now) {
            return 0;
        }
        let before = self.missing.len();
        self.missing.retain(|_, hole| now.saturating_duration_since(hole.noticed) < plan.deadline);
        let lost = (before - self.missing.len()) as u64;
        self.next_due = None;
        for (seq, hole) in &mut self.missing {
            if hole.due <= now {
                ask.push(*seq);
                hole.asked = match hole.asked {
                    Asked::Never => Asked::Once(now),
                    Asked::Once(_) | Asked::Often => Asked::Often,
                };
                hole.due = now + plan.interval;
            }
            self.next_due = Some(self.next_due.map_or(hole.due, |due| due.min(hole.due)));
        }
        self.ask_ahead(now, plan, ask);
        lost
    }

    /// Another source follows under other numbers.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    fn ask_ahead(&mut self, now: Instant, plan: NackPlan, ask: &mut Vec<SeqExt>) {
        let Some(due) = self.ahead_due else { return };
        let lively = self.heard.is_some_and(|at| now.saturating_duration_since(at) < AHEAD_WITHIN);
        let Some(highest) = self.highest.filter(|_| plan.ahead > 0 && lively) else {
            self.ahead_due = None;
            return;
        };
        if due <= now {
            ask.extend((1..=u64::from(plan.ahead)).map(|n| SeqExt(highest.0 + n)));
            self.ahead_to = Some(SeqExt(highest.0 + u64::from(plan.ahead)));
            self.ahead_due = Some(now + plan.interval);
        }
        self.due_at(due.max(now + plan.interval));
    }

    fn fill(&mut self, now: Instant, seq: SeqExt, repair: bool, plan: NackPlan) -> Arrival {
        let Some(hole) = self.missing.remove(&seq) else { return Arrival::default() };
        let late = now.saturating_duration_since(hole.noticed);
        let repeated = repair || plan.repeats_alike && hole.asked != Asked::Never;
        if repeated {
            self.reorder = self.reorder.mul_f64(REPAIR_LEAVES);
        } else {
            self.learn(late);
        }
        if repair {
            self.repaired.insert(seq, hole.noticed);
            if self.repaired.len() > MISSING_MAX {
                self.repaired.pop_first();
            }
        }
        let answered_in = match hole.asked {
            Asked::Once(at) if repair => Some(now.saturating_duration_since(at)),
            Asked::Never | Asked::Once(_) | Asked::Often => None,
        };
        Arrival { recovered: true, asked: hole.asked != Asked::Never, answered_in, ..Arrival::default() }
    }

    /// Patience rises at once and falls slowly: one late packet in a while keeps what it needs.
    fn learn(&mut self, late: Duration) {
        self.reorder = late.max(self.reorder.mul_f64(LATE_LEAVES));
    }

    fn due_at(&mut self, due: Instant) {
        self.next_due = Some(self.next_due.map_or(due, |d| d.min(due)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    const PLAN: NackPlan = NackPlan {
        first_after: Duration::ZERO,
        interval: Duration::from_millis(50),
        copies: 1,
        deadline: Duration::from_millis(400),
        ahead: 0,
        repeats_alike: false,
    };

    fn poll(n: &mut NackGenerator, now: Instant) -> (Vec<u64>, u64) {
        let mut ask = Vec::new();
        let lost = n.poll(now, PLAN, &mut ask);
        (ask.into_iter().map(|s| s.0).collect(), lost)
    }

    #[test]
    fn asks_until_the_deadline() {
        let (mut n, t) = (NackGenerator::default(), start());
        n.handle_packet(t, SeqExt(10), false, PLAN);
        n.handle_packet(t, SeqExt(13), false, PLAN);
        let mut rounds = 0;
        let mut now = t;
        loop {
            let (ask, lost) = poll(&mut n, now);
            if lost > 0 {
                assert_eq!((lost, ask.len()), (2, 0));
                break;
            }
            assert_eq!(ask, [11, 12]);
            rounds += 1;
            now = n.next_due().expect("still missing");
        }
        assert_eq!((rounds, now - t, n.next_due()), (8, PLAN.deadline, None));
    }

    #[test]
    fn what_came_is_not_asked_again() {
        let (mut n, t) = (NackGenerator::default(), start());
        n.handle_packet(t, SeqExt(1), false, PLAN);
        n.handle_packet(t, SeqExt(4), false, PLAN);
        assert_eq!(poll(&mut n, t).0, [2, 3]);
        let at = t + Duration::from_millis(30);
        let arrival = n.handle_packet(at, SeqExt(2), true, PLAN);
        assert_eq!(arrival.answered_in, Some(Duration::from_millis(30)));
        assert!(arrival.recovered && !n.handle_packet(at, SeqExt(2), true, PLAN).recovered);
        assert_eq!(poll(&mut n, t + Duration::from_millis(50)).0, [3]);
    }

    #[test]
    fn asks_ahead_while_packets_come() {
        let (mut n, t) = (NackGenerator::default(), start());
        let plan = NackPlan { ahead: 2, interval: Duration::from_millis(10), ..PLAN };
        n.handle_packet(t, SeqExt(1), false, plan);
        n.handle_packet(t, SeqExt(2), false, plan);
        let (mut now, mut rounds) = (t, 0);
        while let Some(due) = n.next_due() {
            now = due;
            let mut ask = Vec::new();
            n.poll(now, plan, &mut ask);
            assert!(ask.is_empty() || ask == [SeqExt(3), SeqExt(4)], "{ask:?}");
            rounds += usize::from(!ask.is_empty());
        }
        assert_eq!((rounds, now - t), (50, AHEAD_WITHIN));
    }

    #[test]
    fn reordering_teaches_patience() {
        let (mut n, t) = (NackGenerator::default(), start());
        n.handle_packet(t, SeqExt(1), false, PLAN);
        n.handle_packet(t, SeqExt(3), false, PLAN);
        n.handle_packet(t + Duration::from_millis(25), SeqExt(2), false, PLAN);
        assert_eq!(n.reorder(), Duration::from_millis(25));
        n.handle_packet(t, SeqExt(5), false, PLAN);
        n.handle_packet(t, SeqExt(4), false, PLAN);
        assert!(n.reorder() < Duration::from_millis(25));
    }

    #[test]
    fn what_comes_after_its_repair_teaches_patience_too() {
        let (mut n, t) = (NackGenerator::default(), start());
        let at = |ms| t + Duration::from_millis(ms);
        n.handle_packet(t, SeqExt(1), false, PLAN);
        n.handle_packet(t, SeqExt(3), false, PLAN);
        n.poll(t, PLAN, &mut Vec::new());
        n.handle_packet(at(30), SeqExt(2), true, PLAN);
        assert_eq!((n.handle_late(at(90), SeqExt(2)), n.reorder()), (true, Duration::from_millis(90)));
        assert!(!n.handle_late(at(95), SeqExt(2)), "sent twice");
    }

    #[test]
    fn repeats_of_audio_teach_no_patience() {
        let plan = NackPlan { repeats_alike: true, ..PLAN };
        let (mut n, t) = (NackGenerator::default(), start());
        n.handle_packet(t, SeqExt(1), false, plan);
        n.handle_packet(t, SeqExt(3), false, plan);
        n.poll(t, plan, &mut Vec::new());
        n.handle_packet(t + Duration::from_millis(60), SeqExt(2), false, plan);
        assert_eq!(n.reorder(), Duration::ZERO);
        let ahead = NackPlan { ahead: 4, ..plan };
        n.handle_packet(t, SeqExt(4), false, ahead);
        n.poll(t, ahead, &mut Vec::new());
        n.handle_packet(t, SeqExt(6), false, plan);
        let arrival = n.handle_packet(t + Duration::from_millis(30), SeqExt(5), false, plan);
        assert!(arrival.asked && n.reorder().is_zero(), "asked for ahead");
    }

    #[test]
    fn the_first_hole_says_how_long_they_are() {
        let (mut n, t) = (NackGenerator::default(), start());
        let lengths = [1, 2, 11, 13].map(|seq| {
            n.handle_packet(t, SeqExt(seq), false, PLAN);
            n.burst_packets()
        });
        assert_eq!(lengths, [0.0, 0.0, 8.0, 8.0 - 7.0 * BURST_WEIGHT]);
    }

    #[test]
    fn holes_after_a_long_silence_are_an_outage() {
        let (mut n, t) = (NackGenerator::default(), start());
        let mut at = |ms, seq| n.handle_packet(t + Duration::from_millis(ms), SeqExt(seq), false, PLAN).outage;
        let seen = [(0, 1), (30, 2), (500, 4), (1_000, 5), (1_400, 40), (1_420, 80)].map(|(ms, seq)| at(ms, seq));
        assert_eq!(seen, [false, false, false, false, true, false], "a still screen that loses a packet has none");
    }

    #[test]
    fn a_huge_jump_costs_no_more_than_the_bound() {
        let (mut n, t) = (NackGenerator::default(), start());
        n.handle_packet(t, SeqExt(1), false, PLAN);
        let arrival = n.handle_packet(t, SeqExt(1 << 40), false, PLAN);
        assert_eq!(n.missing.len(), MISSING_MAX);
        assert_eq!(arrival.lost, (1u64 << 40) - 2 - MISSING_MAX as u64);
        let arrival = n.handle_packet(t, SeqExt((1 << 40) + 11), false, PLAN);
        assert_eq!((n.missing.len(), arrival.lost), (MISSING_MAX, 10));
    }
}

//! Answering what subscribers ask for again, within bounds: the same request twice is answered once, and a flood gets
//! no more than the plan's share.

use carillon_proto::rtp::SeqExt;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Answers remembered per subscription. A request for an older one is answered again: harmless.
const REMEMBERED: usize = 64;

/// What was answered lately to one subscription.
#[derive(Debug, Default)]
pub(crate) struct Answered {
    latest: VecDeque<(SeqExt, Instant)>,
}

impl Answered {
    /// True where `seq` may be answered now, as it was not within `again_after`; remembers it.
    pub(crate) fn allow(&mut self, now: Instant, seq: SeqExt, again_after: Duration) -> bool {
        while self.latest.front().is_some_and(|(_, at)| now.saturating_duration_since(*at) >= again_after) {
            self.latest.pop_front();
        }
        if self.latest.iter().any(|(answered, _)| *answered == seq) {
            return false;
        }
        if self.latest.len() == REMEMBERED {
            self.latest.pop_front();
        }
        self.latest.push_back((seq, now));
        true
    }
}

/// Bytes that may still be spent on repairs to one participant: earned by what is sent to it.
#[derive(Debug)]
pub(crate) struct RepairBudget {
    bytes: f64,
}

/// What a participant can save up, and has at first: a lost keyframe of a large picture.
const SAVED_MAX: f64 = 200_000.0;

impl Default for RepairBudget {
    fn default() -> Self {
        Self { bytes: SAVED_MAX }
    }
}

impl RepairBudget {
    /// See `room::ahead`.
    pub(crate) fn read_ahead(&self) -> u64 {
        self.bytes as u64
    }

    /// `ratio`: bytes of repair for each byte of media.
    pub(crate) fn earn(&mut self, bytes: usize, ratio: f64) {
        self.bytes = (self.bytes + bytes as f64 * ratio).min(SAVED_MAX);
    }

    /// What was saved up beyond `bytes` is gone.
    pub(crate) fn limit(&mut self, bytes: f64) {
        self.bytes = self.bytes.min(bytes);
    }

    /// False, with nothing spent, where the budget does not bear it.
    pub(crate) fn spend(&mut self, bytes: usize) -> bool {
        let enough = self.bytes >= bytes as f64;
        if enough {
            self.bytes -= bytes as f64;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    #[test]
    fn the_same_request_is_answered_once_within_a_time() {
        let (mut answered, t) = (Answered::default(), start());
        let again_after = Duration::from_millis(30);
        let script = [(0, 1, true), (0, 2, true), (10, 1, false), (29, 1, false), (30, 1, true), (31, 2, true)];
        for (ms, seq, want) in script {
            assert_eq!(answered.allow(t + Duration::from_millis(ms), SeqExt(seq), again_after), want, "{ms} {seq}");
        }
        for seq in 0..10_000 {
            answered.allow(t, SeqExt(seq), again_after);
        }
        assert!(answered.latest.len() <= REMEMBERED);
    }

    #[test]
    fn a_flood_gets_its_share_of_what_was_sent() {
        let mut budget = RepairBudget::default();
        let mut repaired = 0;
        for _ in 0..1_000 {
            budget.earn(1_000, 0.5);
            while budget.spend(1_000) {
                repaired += 1;
            }
        }
        assert!((690..=700).contains(&repaired), "{repaired}");
    }
}

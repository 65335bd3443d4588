//! Packets of a path with jitter go on as evenly as they were sent: each waits until nearly all of its age have come. Who
//! plays them then meets the jitter of its own path alone. Two paths in a row add up to more than browsers make room for:
//! NetEq counts only the delay of packets that nothing overtook (libwebrtc, `delay_manager.cc`), and is stretched by lip sync
//! until it holds as much as the picture.

use crate::bandwidth::Least;
use carillon_proto::rtp::SeqExt;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// A wait that was needed is kept this long at least: each change is heard.
const LASTS: Duration = Duration::from_secs(10);
/// Soon after a path grew uneven: until then NetEq learns of the delays that it brings.
const NOTED_EACH: Duration = Duration::from_millis(50);
/// A wait that is needed no more falls by this share of the time that passes: slower than packets follow each other, so
/// that none goes on before an older one that still waits.
const FALLS: u32 = 10;
/// Of one packet in the mean delay: four seconds of sound.
const MEAN_WEIGHT: f64 = 0.005;
/// Longer, and a call is none.
const HOLD_MAX: Duration = Duration::from_millis(1_200);
/// More do not wait: a second of 20 Mbit/s.
const WAITING_MAX: usize = 2_000;

#[derive(Debug)]
pub(super) struct Hold {
    /// Of what was needed of late, below zero: the least is the most.
    needed: Least,
    span: Duration,
    noted: Instant,
    wanted: Instant,
    /// How much later than the fastest packets come, on average, microseconds.
    mean_us: f64,
    waiting: BTreeSet<(Instant, SeqExt)>,
}

impl Hold {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            needed: Least::new(now, LASTS),
            span: Duration::ZERO,
            noted: now,
            wanted: now,
            mean_us: 0.0,
            waiting: BTreeSet::new(),
        }
    }

    /// Packets wait for so long after the fastest.
    pub(super) fn span(&self) -> Duration {
        self.span
    }

    /// It is time to see what the path needs.
    pub(super) fn is_old(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.noted) >= NOTED_EACH
    }

    /// What the path needs now.
    pub(super) fn note(&mut self, now: Instant, needed: Duration) {
        let micros = i64::try_from(needed.min(HOLD_MAX).as_micros()).unwrap_or(0);
        self.needed.note(now, -micros);
        let most = Duration::from_micros(self.needed.least().map_or(0, i64::unsigned_abs));
        let fall = now.saturating_duration_since(self.noted) / FALLS;
        self.span = most.max(self.span.saturating_sub(fall));
        self.noted = now;
    }

    /// A subscriber's path is uneven.
    pub(super) fn want(&mut self, now: Instant) {
        self.wanted = now;
    }

    pub(super) fn is_wanted(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.wanted) < LASTS
    }

    /// A packet came so much later than the fastest.
    pub(super) fn note_late(&mut self, late: Duration) {
        self.mean_us += MEAN_WEIGHT * (late.min(HOLD_MAX).as_micros() as f64 - self.mean_us);
    }

    /// What is no more of the mean delay's excess over the fastest.
    pub(super) fn evened(&self) -> Duration {
        Duration::from_micros(self.mean_us as u64).min(self.span())
    }

    /// When a packet goes on that came now and that the fastest path would have brought at `fastest`.
    pub(super) fn leaves(&self, now: Instant, fastest: Option<Instant>) -> Instant {
        let span = self.span();
        let due = fastest.filter(|_| !span.is_zero() && self.waiting.len() < WAITING_MAX).map(|at| at + span);
        due.unwrap_or(now).clamp(now, now + HOLD_MAX)
    }

    pub(super) fn wait(&mut self, leaves: Instant, seq: SeqExt) {
        self.waiting.insert((leaves, seq));
    }

    pub(super) fn is_waiting(&self, leaves: Instant, seq: SeqExt) -> bool {
        self.waiting.contains(&(leaves, seq))
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.waiting.first().map(|(at, _)| *at)
    }

    /// The next one that goes on now.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<SeqExt> {
        self.waiting.first().filter(|(at, _)| *at <= now)?;
        self.waiting.pop_first().map(|(_, seq)| seq)
    }

    /// Another source follows, over the same path.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    #[test]
    fn packets_go_on_in_the_order_of_their_time() {
        let (t, ms) = (start(), Duration::from_millis);
        let mut hold = Hold::new(t);
        hold.note(t, ms(100));
        // Sent each 20 ms, came after 90, 10 and 50 ms.
        for (n, late) in [(0_u64, 90), (1, 10), (2, 50)] {
            let fastest = t + ms(20 * n);
            let leaves = hold.leaves(fastest + ms(late), Some(fastest));
            hold.wait(leaves, SeqExt(n));
        }
        let mut gone = Vec::new();
        while let Some(due) = hold.next_due() {
            gone.push((hold.take_due(due).map(|seq| seq.0), (due - t).as_millis()));
        }
        assert_eq!(gone, [(Some(0), 100), (Some(1), 120), (Some(2), 140)]);
    }

    #[test]
    fn what_comes_too_late_goes_on_at_once() {
        let (t, ms) = (start(), Duration::from_millis);
        let mut hold = Hold::new(t);
        assert_eq!(hold.leaves(t, Some(t)), t, "a path without jitter");
        hold.note(t, ms(100));
        assert_eq!(hold.leaves(t + ms(130), Some(t)), t + ms(130));
        assert_eq!(hold.leaves(t, None), t);
        hold.note(t, Duration::from_secs(9));
        assert_eq!(hold.leaves(t, Some(t + ms(300))), t + HOLD_MAX);
    }

    #[test]
    fn a_wait_lasts_and_ends() {
        let (t, ms) = (start(), Duration::from_millis);
        let mut hold = Hold::new(t);
        hold.note(t, ms(300));
        (1..=9).for_each(|n| hold.note(t + Duration::from_secs(n), ms(0)));
        assert_eq!(hold.span(), ms(300));
        (10..=30).for_each(|n| hold.note(t + Duration::from_secs(n), ms(0)));
        assert_eq!(hold.span(), ms(0));
    }

    #[test]
    fn packets_keep_their_order_where_the_wait_ends() {
        let (t, ms) = (start(), Duration::from_millis);
        let mut hold = Hold::new(t);
        hold.note(t, ms(600));
        let mut last = t;
        for n in 1..2_000 {
            let now = t + ms(20 * n);
            hold.note(now, ms(0));
            let leaves = hold.leaves(now, Some(now));
            assert!(leaves > last, "after {n} packets");
            last = leaves;
        }
        assert_eq!(hold.span(), ms(0));
    }

    #[test]
    fn a_flood_does_not_wait() {
        let (t, ms) = (start(), Duration::from_millis);
        let mut hold = Hold::new(t);
        hold.note(t, ms(100));
        (0..WAITING_MAX as u64).for_each(|n| hold.wait(t + ms(100), SeqExt(n)));
        assert_eq!(hold.leaves(t, Some(t)), t);
    }
}

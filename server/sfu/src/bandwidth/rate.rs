//! From "the queue grows" to a rate: additive or multiplicative increase, multiplicative decrease
//! (draft-ietf-rmcat-gcc-02 section 5.5).

use super::{Bounds, Usage};
use std::time::{Duration, Instant};

/// Of the measured throughput, after overuse.
const BETA: f64 = 0.85;
/// Growth in a second while the limit is far.
const GROWTH: f64 = 0.08;
/// Growth in a second until the first overuse: on a good path nobody waits for a good picture.
const GROWTH_FIRST: f64 = 0.5;
/// The same on a path that got wider.
const GROWTH_WIDER: f64 = 0.25;
/// No path brings more than it bears: so much more than what was too much before, in a whole second, and it got wider.
const WIDER: f64 = 1.1;
/// What each overuse leaves of the most that came at earlier ones: some show before the path is full.
const MOST_KEPT: f64 = 0.95;
/// Growth in a second near a rate that was too much before, bit/s: about a packet in a response time.
const STEP: f64 = 60_000.0;
/// Overuse within this time of a fall is the same one, still draining.
const DECREASE_SPACING: Duration = Duration::from_millis(300);

#[derive(Debug)]
pub(super) struct RateControl {
    bounds: Bounds,
    bps: f64,
    updated: Option<Instant>,
    decreased: Option<Instant>,
    /// Smoothed throughput at which overuse showed.
    limit: Option<f64>,
    /// The most of late at which it showed.
    most: f64,
    /// More came than that since.
    wider: bool,
}

impl RateControl {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, bps: bounds.start as f64, updated: None, decreased: None, limit: None, most: 0.0, wider: false }
    }

    pub(super) fn estimate(&self) -> u64 {
        self.bps as u64
    }

    pub(super) fn update(&mut self, now: Instant, usage: Usage, throughput: Option<u64>, round_trip: Option<Duration>) {
        let elapsed = self.updated.replace(now).map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        match usage {
            Usage::Over => self.decrease(now, throughput, round_trip.unwrap_or_default()),
            Usage::Normal => self.increase(elapsed.min(Duration::from_secs(1)), throughput),
            Usage::Under => {} // the queue drains
        }
        self.bps = self.bps.clamp(self.bounds.min as f64, self.bounds.max as f64);
    }

    fn decrease(&mut self, now: Instant, throughput: Option<u64>, round_trip: Duration) {
        let spacing = DECREASE_SPACING.max(round_trip);
        if self.decreased.is_some_and(|at| now.saturating_duration_since(at) < spacing) {
            return;
        }
        let measured = throughput.map_or(self.bps, |bps| bps as f64);
        self.limit = Some(self.limit.map_or(measured, |limit| limit + 0.25 * (measured - limit)));
        self.bps = self.bps.min(BETA * measured);
        self.decreased = Some(now);
        self.most = measured.max(MOST_KEPT * self.most);
        self.wider = false;
    }

    /// Never above half as much again as really comes in: an estimate that nobody tested is a guess.
    fn increase(&mut self, elapsed: Duration, throughput: Option<u64>) {
        let Some(measured) = throughput.map(|bps| bps as f64) else { return };
        if self.limit.is_some() && measured > WIDER * self.most {
            (self.limit, self.wider) = (None, true);
        }
        let seconds = elapsed.as_secs_f64();
        let near = self.limit.is_some_and(|limit| (0.7..1.3).contains(&(self.bps / limit.max(1.0))));
        let grown = if near {
            self.bps + STEP * seconds
        } else if self.wider {
            self.bps * (1.0 + GROWTH_WIDER * seconds)
        } else if self.decreased.is_none() {
            self.bps * (1.0 + GROWTH_FIRST * seconds)
        } else {
            self.bps * (1.0 + GROWTH * seconds) + 1_000.0 * seconds
        };
        self.bps = grown.min((1.5 * measured + 10_000.0).max(self.bps));
        if self.limit.is_some_and(|limit| self.bps > 1.5 * limit) {
            self.limit = None; // the path got wider
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    const BOUNDS: Bounds = Bounds { start: 2_000_000, min: 100_000, max: 6_000_000 };

    /// A sender that follows the estimate; the path bears so much in each tenth of a second and shows by delay when it is
    /// too much. Yields the estimate of each second.
    fn run(bears: impl Fn(u64) -> f64) -> Vec<u64> {
        let (mut rate, t) = (RateControl::new(BOUNDS), start());
        let (mut queue, mut seen) = (0.0, Vec::new());
        let mut came = [2e6; 10];
        for tenth in 0..400 {
            let (sent, capacity) = (rate.estimate() as f64, bears(tenth));
            queue = f64::max(queue + (sent - capacity) / 10.0, 0.0);
            came.rotate_left(1);
            came[9] = if queue > 0.0 { capacity } else { sent };
            let usage = if queue > 0.05 * capacity { Usage::Over } else { Usage::Normal };
            let second = came.iter().sum::<f64>() / 10.0;
            rate.update(t + Duration::from_millis(100 * tenth), usage, Some(second as u64), None);
            if tenth % 10 == 9 {
                seen.push(rate.estimate());
            }
        }
        seen
    }

    #[test]
    fn a_path_that_got_wider_is_used_within_seconds() {
        let seen = run(|tenth| if tenth < 200 { 600e3 } else { 5e6 });
        assert!(seen[5..20].iter().all(|bps| (400_000..680_000).contains(bps)), "{seen:?}");
        assert!(seen[28] >= 1_500_000, "{seen:?}");
    }

    #[test]
    fn a_path_that_stays_narrow_is_not_tried_in_leaps() {
        let seen = run(|_| 600e3);
        assert!(seen[5..].iter().all(|bps| (400_000..680_000).contains(bps)), "{seen:?}");
    }
}

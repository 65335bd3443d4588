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
}

impl RateControl {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, bps: bounds.start as f64, updated: None, decreased: None, limit: None }
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
    }

    /// Never above half as much again as really comes in: an estimate that nobody tested is a guess.
    fn increase(&mut self, elapsed: Duration, throughput: Option<u64>) {
        let seconds = elapsed.as_secs_f64();
        let near = self.limit.is_some_and(|limit| (0.7..1.3).contains(&(self.bps / limit.max(1.0))));
        let grown = match (near, self.decreased) {
            (true, _) => self.bps + STEP * seconds,
            (false, Some(_)) => self.bps * (1.0 + GROWTH * seconds) + 1_000.0 * seconds,
            (false, None) => self.bps * (1.0 + GROWTH_FIRST * seconds),
        };
        let Some(measured) = throughput else { return };
        self.bps = grown.min((1.5 * measured as f64 + 10_000.0).max(self.bps));
        if self.limit.is_some_and(|limit| self.bps > 1.5 * limit) {
            self.limit = None; // the path got wider
        }
    }
}

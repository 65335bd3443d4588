//! Is the queue on the path growing: the slope of the smoothed delay against an adaptive threshold
//! (draft-ietf-rmcat-gcc-02 section 5.4; the line fit with its constants as libwebrtc's trendline estimator has them).

use super::Usage;
use super::groups::Delta;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Points of the line. Fewer: noise; more: late.
const WINDOW: usize = 20;
const SMOOTHING: f64 = 0.9;
const GAIN: f64 = 4.0;
const DELTAS_MAX: u32 = 60;
const THRESHOLD_START_MS: f64 = 12.5;
const THRESHOLD_MIN_MS: f64 = 6.0;
const THRESHOLD_MAX_MS: f64 = 600.0;
const THRESHOLD_UP: f64 = 0.0087;
const THRESHOLD_DOWN: f64 = 0.039;
/// Steeper than threshold plus this is an event of its own and does not move the threshold.
const OUTLIER_MS: f64 = 15.0;
/// Above the threshold for this long, and still rising, is overuse.
const OVERUSE_MS: f64 = 10.0;

#[derive(Debug)]
pub(super) struct Trend {
    first_arrival: Option<Instant>,
    /// Arrival and smoothed delay, both in milliseconds.
    points: VecDeque<(f64, f64)>,
    accumulated: f64,
    smoothed: f64,
    deltas: u32,
    slope: f64,
    threshold: f64,
    threshold_moved: Option<Instant>,
    over_ms: f64,
    over_count: u32,
    usage: Usage,
}

impl Default for Trend {
    fn default() -> Self {
        Self {
            first_arrival: None,
            points: VecDeque::new(),
            accumulated: 0.0,
            smoothed: 0.0,
            deltas: 0,
            slope: 0.0,
            threshold: THRESHOLD_START_MS,
            threshold_moved: None,
            over_ms: 0.0,
            over_count: 0,
            usage: Usage::Normal,
        }
    }
}

impl Trend {
    pub(super) fn usage(&self) -> Usage {
        self.usage
    }

    pub(super) fn handle_delta(&mut self, now: Instant, delta: Delta) {
        self.deltas = (self.deltas + 1).min(DELTAS_MAX);
        self.accumulated += delta.delay_ms;
        self.smoothed = SMOOTHING * self.smoothed + (1.0 - SMOOTHING) * self.accumulated;
        let first = *self.first_arrival.get_or_insert(now);
        self.points.push_back((now.saturating_duration_since(first).as_secs_f64() * 1e3, self.smoothed));
        if self.points.len() > WINDOW {
            self.points.pop_front();
        }
        let slope = if self.points.len() == WINDOW { fit(&self.points).unwrap_or(self.slope) } else { self.slope };
        self.detect(now, slope, delta.sent_ms);
    }

    fn detect(&mut self, now: Instant, slope: f64, sent_ms: f64) {
        let tilt = f64::from(self.deltas) * slope * GAIN;
        if tilt > self.threshold {
            self.over_ms += if self.over_count == 0 { sent_ms / 2.0 } else { sent_ms };
            self.over_count += 1;
            if self.over_ms > OVERUSE_MS && self.over_count > 1 && slope >= self.slope {
                (self.over_ms, self.over_count) = (0.0, 0);
                self.usage = Usage::Over;
            }
        } else {
            (self.over_ms, self.over_count) = (0.0, 0);
            self.usage = if tilt < -self.threshold { Usage::Under } else { Usage::Normal };
        }
        self.slope = slope;
        self.move_threshold(now, tilt.abs());
    }

    /// The threshold follows the noise, so that a competing flow or a jittery path does not starve this one.
    fn move_threshold(&mut self, now: Instant, tilt: f64) {
        let since = self.threshold_moved.replace(now).map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        if tilt > self.threshold + OUTLIER_MS {
            return;
        }
        let speed = if tilt < self.threshold { THRESHOLD_DOWN } else { THRESHOLD_UP };
        let ms = (since.as_secs_f64() * 1e3).min(100.0);
        self.threshold += speed * (tilt - self.threshold) * ms;
        self.threshold = self.threshold.clamp(THRESHOLD_MIN_MS, THRESHOLD_MAX_MS);
    }
}

/// Least squares; `None` where all points came at one moment.
fn fit(points: &VecDeque<(f64, f64)>) -> Option<f64> {
    let n = points.len() as f64;
    let (sx, sy) = points.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0, y + p.1));
    let (mx, my) = (sx / n, sy / n);
    let (num, den) =
        points.iter().fold((0.0, 0.0), |(num, den), p| (num + (p.0 - mx) * (p.1 - my), den + (p.0 - mx).powi(2)));
    (den > 0.0).then(|| num / den)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    fn feed(delay_ms: impl Fn(u64) -> f64) -> Usage {
        let (mut trend, t) = (Trend::default(), start());
        for n in 0..100 {
            let now = t + Duration::from_millis(20 * n);
            trend.handle_delta(now, Delta { delay_ms: delay_ms(n), sent_ms: 20.0 });
        }
        trend.usage()
    }

    #[test]
    fn rising_delay_is_overuse_and_falling_is_underuse() {
        assert_eq!(feed(|_| 2.0), Usage::Over);
        assert_eq!(feed(|_| -2.0), Usage::Under);
        assert_eq!(feed(|_| 0.0), Usage::Normal);
        assert_eq!(feed(|n| if n % 2 == 0 { 3.0 } else { -3.0 }), Usage::Normal);
    }
}

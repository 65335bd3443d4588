//! When a picture is shown (libwebrtc `timing.cc`, `timestamp_extrapolator.cc`, `jitter_estimator.cc`).

use crate::media::Ms;
use std::collections::VecDeque;

/// The decoder's worst, and kDefaultRenderDelay.
pub const DECODE_MS: Ms = 4.0;
const RENDER_MS: Ms = 10.0;
/// OPERATING_SYSTEM_JITTER.
const SYSTEM_JITTER: Ms = 10.0;
/// Of the noise of the delay.
const NOISE_DEVIATIONS: f64 = 2.33;
const NOISE_OFFSET: Ms = 30.0;
const OUTLIER_DEVIATIONS: f64 = 15.0;
const CAP_DEVIATIONS: f64 = 3.5;
const ALPHA_COUNT_MAX: f64 = 400.0;
const STARTUP_SAMPLES: u32 = 30;
/// So many frames delayed by repair within a minute, and the round trip is added (0.9 of it, 200 ms at most).
const NACKED_LIMIT: usize = 3;
const NACKED_WITHIN: Ms = 60_000.0;

/// Maps media time to the clock of arrivals by recursive least squares.
#[derive(Debug, Clone)]
pub struct Extrapolator {
    start: Option<Ms>,
    first: f64,
    before: f64,
    updated: Ms,
    w: [f64; 2],
    p: [[f64; 2]; 2],
    packets: u32,
    above: f64,
    below: f64,
}

const OFFSET_UNKNOWN: f64 = 1e10;

impl Default for Extrapolator {
    fn default() -> Self {
        let p = [[1.0, 0.0], [0.0, OFFSET_UNKNOWN]];
        let (first, before, updated, w) = (0.0, f64::NEG_INFINITY, 0.0, [90.0, 0.0]);
        Self { start: None, first, before, updated, w, p, packets: 0, above: 0.0, below: 0.0 }
    }
}

impl Extrapolator {
    /// `ticks` of the 90 kHz clock came in at `now`.
    pub fn update(&mut self, now: Ms, ticks: f64) {
        if now - self.updated > 10_000.0 {
            *self = Self::default();
        }
        self.updated = now;
        let start = *self.start.get_or_insert(now);
        let t = now - start;
        if self.packets == 0 && self.before == f64::NEG_INFINITY {
            self.w[1] = -self.w[0] * t;
            self.first = ticks;
        }
        let residual = ticks - self.first - t * self.w[0] - self.w[1];
        if self.delay_changed(residual) && self.packets >= 2 {
            self.p[1][1] = OFFSET_UNKNOWN;
        }
        if ticks < self.before {
            return;
        }
        let p = self.p;
        let (mut k0, mut k1) = (p[0][0] * t + p[0][1], p[1][0] * t + p[1][1]);
        let gain = t * k0 + k1 + 1.0;
        (k0, k1) = (k0 / gain, k1 / gain);
        self.w[0] += k0 * residual;
        self.w[1] += k1 * residual;
        self.p[0][0] = p[0][0] - (k0 * t * p[0][0] + k0 * p[1][0]);
        self.p[0][1] = p[0][1] - (k0 * t * p[0][1] + k0 * p[1][1]);
        self.p[1][0] = p[1][0] - (k1 * t * p[0][0] + k1 * p[1][0]);
        self.p[1][1] = p[1][1] - (k1 * t * p[0][1] + k1 * p[1][1]);
        self.before = ticks;
        self.packets = (self.packets + 1).min(2);
    }

    pub fn local(&self, now: Ms, ticks: f64) -> Ms {
        match self.start {
            None => now,
            Some(_) if self.packets < 2 => self.updated + (ticks - self.before) / 90.0,
            Some(start) if self.w[0] < 1e-3 => start,
            Some(start) => start + (ticks - self.first - self.w[1]) / self.w[0],
        }
    }

    /// kAccMaxError, kAccDrift, kAlarmThreshold.
    fn delay_changed(&mut self, error: f64) -> bool {
        let error = error.clamp(-7_000.0, 7_000.0);
        self.above = (self.above + error - 6_600.0).max(0.0);
        self.below = (self.below + error + 6_600.0).min(0.0);
        let alarm = self.above > 60_000.0 || self.below < -60_000.0;
        if alarm {
            (self.above, self.below) = (0.0, 0.0);
        }
        alarm
    }
}

/// How unevenly pictures come, without what their size explains.
#[derive(Debug, Clone)]
pub struct Jitter {
    before: Option<(f64, Ms)>,
    average: f64,
    variance: f64,
    count: f64,
    samples: u32,
    filtered: Ms,
    nacked: VecDeque<Ms>,
    fps: f64,
}

impl Jitter {
    pub fn new(fps: f64) -> Self {
        let nacked = VecDeque::new();
        Self { before: None, average: 0.0, variance: 4.0, count: 1.0, samples: 0, filtered: 0.0, nacked, fps }
    }

    /// A picture of `ticks` was whole at `received`.
    pub fn update(&mut self, ticks: f64, received: Ms) {
        let Some((ticks_before, received_before)) = self.before else {
            self.before = Some((ticks, received));
            return;
        };
        if ticks <= ticks_before {
            return;
        }
        self.before = Some((ticks, received));
        let deviation = self.variance.sqrt();
        let variation = received - received_before - (ticks - ticks_before) / 90.0;
        let cap = CAP_DEVIATIONS * deviation + 0.5;
        let outlier = OUTLIER_DEVIATIONS * deviation;
        self.note(variation.clamp(-cap, cap).clamp(-outlier, outlier));
        if self.samples >= STARTUP_SAMPLES {
            self.filtered = self.noise();
        } else {
            self.samples += 1;
        }
    }

    pub fn note_nacked(&mut self, now: Ms) {
        self.nacked.push_back(now);
        if self.nacked.len() > NACKED_LIMIT {
            self.nacked.pop_front();
        }
    }

    pub fn estimate(&self, now: Ms, round_trip: Ms) -> Ms {
        let jitter = self.noise().max(self.filtered) + SYSTEM_JITTER;
        let nacked = self.nacked.len() >= NACKED_LIMIT && self.nacked.iter().all(|at| now - at < NACKED_WITHIN);
        jitter + if nacked { (0.9 * round_trip).min(200.0) } else { 0.0 }
    }

    fn note(&mut self, variation: Ms) {
        let alpha = ((self.count - 1.0) / self.count).powf(30.0 / self.fps);
        self.count = (self.count + 1.0).min(ALPHA_COUNT_MAX);
        self.average = alpha * self.average + (1.0 - alpha) * variation;
        self.variance = (alpha * self.variance + (1.0 - alpha) * (variation - self.average).powi(2)).max(1.0);
    }

    fn noise(&self) -> Ms {
        (NOISE_DEVIATIONS * self.variance.sqrt() - NOISE_OFFSET).max(1.0)
    }
}

/// VCMTiming.
#[derive(Debug, Clone, Default)]
pub struct Timing {
    pub extrapolator: Extrapolator,
    jitter: Ms,
    current: Ms,
    /// Of the last picture's playout-delay extension.
    pub extension_min: Ms,
    /// Of the synchronization with sound.
    pub sync_min: Ms,
}

impl Timing {
    /// Jitter, current delay, least delay for the sake of sound.
    pub fn state(&self) -> (Ms, Ms, Ms) {
        (self.jitter, self.current, self.sync_min)
    }

    pub fn target(&self) -> Ms {
        (self.jitter + DECODE_MS + RENDER_MS).max(self.extension_min).max(self.sync_min)
    }

    pub fn render_at(&self, now: Ms, ticks: f64) -> Ms {
        let least = self.extension_min.max(self.sync_min);
        self.extrapolator.local(now, ticks) + self.current.max(least)
    }

    /// From then on a picture shown at `render` can be decoded.
    pub fn decode_at(render: Ms) -> Ms {
        render - DECODE_MS - RENDER_MS
    }

    pub fn set_jitter(&mut self, jitter: Ms) {
        self.jitter = jitter;
        if self.current == 0.0 {
            self.current = jitter;
        }
    }

    /// A picture is decoded now that was to be shown at `render`: as far as it is late the delay grows, up to the target,
    /// and it falls to the target at once.
    pub fn handle_decode(&mut self, now: Ms, render: Ms) {
        let late = now - render + DECODE_MS + RENDER_MS;
        if late >= 0.0 {
            self.current = (self.current + late).min(self.target());
        }
    }
}

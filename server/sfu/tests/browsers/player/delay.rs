//! How long NetEq wants to hold sound back (libwebrtc `delay_manager.cc`, `underrun_optimizer.cc`, `reorder_optimizer.cc`,
//! `packet_arrival_history.cc`).

use crate::media::{FRAME_MS, Ms};
use std::collections::VecDeque;

/// kDelayBuckets of 20 ms: at most 2 s.
const BUCKETS: usize = 100;
const BUCKET_MS: Ms = 20.0;
const START_MS: Ms = 80.0;
const QUANTILE: f64 = 0.95;
const FORGET: f64 = 0.983;
const FORGET_REORDER: f64 = 0.9993;
const START_WEIGHT: f64 = 2.0;
const RESAMPLE_MS: Ms = 500.0;
const MS_PER_LOSS_PERCENT: f64 = 20.0;
/// Arrivals remembered.
const HISTORY_MS: Ms = 2_000.0;
/// 3/4 of 200 packets.
const TARGET_MAX: Ms = 3_000.0;

#[derive(Debug, Clone)]
struct Histogram {
    buckets: Vec<f64>,
    forget: f64,
    added: f64,
}

impl Histogram {
    fn new(forget: f64) -> Self {
        Self { buckets: vec![0.0; BUCKETS], forget, added: 0.0 }
    }

    fn add(&mut self, index: usize) {
        let forget = (1.0 - START_WEIGHT / (self.added + 1.0)).clamp(0.0, self.forget);
        self.added += 1.0;
        self.buckets.iter_mut().for_each(|share| *share *= forget);
        self.buckets[index.min(BUCKETS - 1)] += 1.0 - forget;
    }

    fn quantile(&self, quantile: f64) -> usize {
        let mut sum = 0.0;
        let found = self.buckets.iter().position(|share| {
            sum += share;
            sum >= quantile
        });
        found.unwrap_or(BUCKETS - 1)
    }

    /// Where a later target costs more than the loss it saves.
    fn cheapest(&self, base: Ms) -> usize {
        let (mut lost, mut best) = (1.0, (f64::INFINITY, 0));
        for (index, share) in self.buckets.iter().enumerate() {
            lost -= share;
            let cost = (index as f64 * BUCKET_MS - base).max(0.0) + 100.0 * MS_PER_LOSS_PERCENT * lost.max(0.0);
            if cost < best.0 {
                best = (cost, index);
            }
        }
        best.1
    }
}

#[derive(Debug, Clone)]
pub struct DelayManager {
    underrun: Histogram,
    reorder: Histogram,
    sampled: Option<Ms>,
    most: Ms,
    wanted: Option<Ms>,
    target: Ms,
    pub minimum: Ms,
    /// Number and arrival less its media time.
    arrivals: VecDeque<(u32, Ms)>,
    newest: Option<u32>,
}

impl DelayManager {
    pub fn new() -> Self {
        Self {
            underrun: Histogram::new(FORGET),
            reorder: Histogram::new(FORGET_REORDER),
            sampled: None,
            most: 0.0,
            wanted: None,
            target: START_MS,
            minimum: 0.0,
            arrivals: VecDeque::new(),
            newest: None,
        }
    }

    pub fn target(&self) -> Ms {
        self.target.max(self.minimum).min(TARGET_MAX)
    }

    /// A frame came that may be known already, by itself or inside another packet.
    pub fn handle(&mut self, now: Ms, number: u32) {
        let obsolete = |newest: u32| f64::from(newest.saturating_sub(number)) * FRAME_MS > HISTORY_MS;
        let known = self.arrivals.iter().any(|(known, _)| *known == number);
        if known || self.newest.is_some_and(obsolete) {
            return;
        }
        let reordered = self.newest.is_some_and(|newest| number < newest);
        let newest = self.newest.map_or(number, |newest| newest.max(number));
        self.newest = Some(newest);
        self.arrivals.push_back((number, now - f64::from(number) * FRAME_MS));
        self.arrivals.retain(|(old, _)| f64::from(newest.saturating_sub(*old)) * FRAME_MS <= HISTORY_MS);
        let delay = self.delay_of(now, number);
        if !reordered {
            self.note_underrun(now, delay);
        }
        let base = self.wanted.unwrap_or(START_MS);
        self.reorder.add(if reordered { (delay / BUCKET_MS) as usize } else { 0 });
        let reorder = (1 + self.reorder.cheapest(base)) as f64 * BUCKET_MS;
        self.target = base.max(reorder);
    }

    /// How far behind the fastest of the last packets this one is at `now`.
    pub fn delay_of(&self, now: Ms, number: u32) -> Ms {
        self.delay_at(now, f64::from(number) * FRAME_MS)
    }

    pub fn delay_at(&self, now: Ms, media: Ms) -> Ms {
        let fastest = self.arrivals.iter().map(|(_, offset)| *offset).fold(f64::INFINITY, f64::min);
        if fastest.is_finite() { (now - media - fastest).max(0.0) } else { 0.0 }
    }

    pub fn delay_max(&self) -> Ms {
        let offsets = self.arrivals.iter().map(|(_, offset)| *offset);
        let (low, high) = offsets.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), o| (l.min(o), h.max(o)));
        (high - low).max(0.0)
    }

    fn note_underrun(&mut self, now: Ms, delay: Ms) {
        let sampled = *self.sampled.get_or_insert(now);
        self.most = self.most.max(delay);
        if now - sampled >= RESAMPLE_MS {
            self.underrun.add((self.most / BUCKET_MS) as usize);
            (self.sampled, self.most) = (Some(now), 0.0);
            self.wanted = Some((1 + self.underrun.quantile(QUANTILE)) as f64 * BUCKET_MS);
        }
    }
}

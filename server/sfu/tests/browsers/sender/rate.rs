//! The sender's rate where the other side answered without transport-cc: the REMB, and what receiver reports count as
//! lost (libwebrtc `send_side_bandwidth_estimation.cc`). The REMB is a lid and no more: what reports allow grows on
//! beneath it (`target_rate`, `receiver_limit_`), so that a REMB that rises is followed at once.

use super::super::media::Ms;
use carillon_proto::rtcp::ReportBlock;
use std::collections::{BTreeMap, VecDeque};

const START_BPS: f64 = 300_000.0;
const MIN_BPS: f64 = 30_000.0;
/// kDefaultMaxBitrate.
const MAX_BPS: f64 = 1e9;
/// kStartPhase: REMB is taken as it is.
const START_PHASE: Ms = 2_000.0;
/// kBweIncreaseInterval, kBweDecreaseInterval.
const INCREASE_INTERVAL: Ms = 1_000.0;
const DECREASE_INTERVAL: Ms = 300.0;
/// kLimitNumPackets: fewer say nothing of loss.
const PACKETS_MIN: i64 = 20;
const LOW_LOSS: f64 = 0.02;
const HIGH_LOSS: f64 = 0.1;
/// 1.2 kMaxRtcpFeedbackInterval.
const REPORTS_HOLD: Ms = 6_000.0;

#[derive(Debug)]
pub struct Rate {
    /// What reports allow.
    allowed: f64,
    remb: f64,
    first_report: Option<Ms>,
    reported: Ms,
    fraction_lost: f64,
    expected: i64,
    lost: i64,
    decreased: Ms,
    decreased_since_loss: bool,
    /// Lowest targets of the last second.
    lowest: VecDeque<(Ms, f64)>,
    /// Newest number and losses by SSRC.
    blocks: BTreeMap<u32, (u32, i32)>,
}

impl Rate {
    pub fn new() -> Self {
        Self {
            allowed: START_BPS,
            remb: f64::INFINITY,
            first_report: None,
            reported: f64::NEG_INFINITY,
            fraction_lost: 0.0,
            expected: 0,
            lost: 0,
            decreased: f64::NEG_INFINITY,
            decreased_since_loss: false,
            lowest: VecDeque::new(),
            blocks: BTreeMap::new(),
        }
    }

    pub fn target(&self) -> f64 {
        self.allowed.min(self.remb).max(MIN_BPS)
    }

    pub fn handle_remb(&mut self, bps: f64) {
        self.remb = bps;
    }

    pub fn handle_blocks(&mut self, now: Ms, blocks: &[ReportBlock], round_trip: Ms) {
        let (mut packets, mut lost) = (0, 0);
        for block in blocks {
            if let Some((highest, before)) =
                self.blocks.insert(block.ssrc.0, (block.highest_seq, block.cumulative_lost))
            {
                packets += i64::from(block.highest_seq.wrapping_sub(highest).cast_signed());
                lost += i64::from(block.cumulative_lost - before);
            }
        }
        self.first_report.get_or_insert(now);
        if packets <= 0 {
            return;
        }
        self.expected += packets;
        self.lost += lost;
        if self.expected < PACKETS_MIN {
            return;
        }
        self.decreased_since_loss = false;
        self.fraction_lost = (self.lost.max(0) as f64 / self.expected as f64).min(1.0);
        (self.expected, self.lost, self.reported) = (0, 0, now);
        self.update(now, round_trip);
    }

    /// Also each 25 ms.
    pub fn update(&mut self, now: Ms, round_trip: Ms) {
        if self.fraction_lost == 0.0 && self.first_report.is_none_or(|at| now - at < START_PHASE) {
            if self.remb.is_finite() && self.remb > self.allowed {
                self.lowest.clear();
                self.allowed = self.remb;
                self.lowest.push_back((now, self.allowed));
            }
            return;
        }
        self.note_lowest(now);
        if now - self.reported < REPORTS_HOLD {
            if self.fraction_lost <= LOW_LOSS {
                let lowest = self.lowest.front().map_or(self.allowed, |l| l.1);
                self.allowed = lowest * 1.08 + 1_000.0;
            } else if self.fraction_lost > HIGH_LOSS
                && !self.decreased_since_loss
                && now - self.decreased >= DECREASE_INTERVAL + round_trip
            {
                self.decreased = now;
                self.decreased_since_loss = true;
                self.allowed *= 1.0 - self.fraction_lost / 2.0;
            }
        }
        self.allowed = self.allowed.clamp(MIN_BPS, MAX_BPS);
    }

    fn note_lowest(&mut self, now: Ms) {
        while self.lowest.front().is_some_and(|l| now - l.0 > INCREASE_INTERVAL) {
            self.lowest.pop_front();
        }
        while self.lowest.back().is_some_and(|l| self.allowed <= l.1) {
            self.lowest.pop_back();
        }
        self.lowest.push_back((now, self.allowed));
    }
}

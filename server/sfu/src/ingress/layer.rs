//! One RTP stream of a publication: one SSRC, one quality.

use super::sender_clock::SenderClock;
use super::stats::Reception;
use crate::bandwidth::Throughput;
use crate::recovery::plan::ReportPlan;
use carillon_proto::rtcp::sender_report::SenderInfo;
use carillon_proto::rtcp::{CompactNtp, ReportBlock};
use carillon_proto::rtp::{SeqExt, Ssrc};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct Layer {
    pub(super) ssrc: u32,
    pub(super) rid: Option<String>,
    pub(super) reception: Reception,
    pub(super) clock: Option<SenderClock>,
    pub(super) heard: Instant,
    pub(super) throughput: Throughput,
    /// What reports have said of packets lost in all, which may be less than the truth, and the truth then.
    claimed: i32,
    counted: i32,
}

/// Without a packet for this long a layer is off: longer than between two frames of a still screen.
const OFF_AFTER: Duration = Duration::from_millis(1_500);

impl Layer {
    pub(super) fn new(now: Instant, ssrc: u32, rid: Option<String>, seq: SeqExt, clock_hz: u32) -> Self {
        let reception = Reception::new(seq, clock_hz);
        Self {
            ssrc,
            rid,
            reception,
            clock: None,
            heard: now,
            throughput: Throughput::default(),
            claimed: 0,
            counted: 0,
        }
    }

    pub(super) fn is_on(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.heard) < OFF_AFTER
    }

    pub(super) fn handle_sender_report(&mut self, now: Instant, info: &SenderInfo) {
        self.clock = Some(SenderClock::follow(self.clock, now, info, self.reception.clock_hz()));
    }

    /// What the publisher is told about this stream.
    pub(super) fn report(&mut self, now: Instant, plan: ReportPlan) -> ReportBlock {
        let interval = self.reception.report();
        let lost = interval.lost_total - std::mem::replace(&mut self.counted, interval.lost_total);
        self.claimed += (f64::from(lost) * plan.told_ratio).round() as i32;
        ReportBlock {
            ssrc: Ssrc(self.ssrc),
            fraction_lost: plan.fraction_lost,
            cumulative_lost: self.claimed,
            highest_seq: (interval.highest.0 & 0xffff_ffff) as u32,
            jitter: interval.jitter,
            last_sender_report: self.clock.map_or(CompactNtp(0), |clock| clock.ntp.compact()),
            delay_since_last: self
                .clock
                .map_or(0, |clock| CompactNtp::span(now.saturating_duration_since(clock.arrival) + plan.delay_more)),
        }
    }
}

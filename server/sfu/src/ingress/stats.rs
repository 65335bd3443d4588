//! Loss and jitter of one RTP stream as received, RFC 3550 section 6.4.1 and appendix A.

use carillon_proto::rtp::{RtpTime, Seq, SeqExt};
use std::time::{Duration, Instant};

/// Packets over which loss is smoothed, about: fewer tell of chance alone.
const SMOOTHED_OVER: f64 = 60.0;

/// Reception of one SSRC.
#[derive(Debug, Clone)]
pub(crate) struct Reception {
    clock_hz: u32,
    first: SeqExt,
    highest: SeqExt,
    /// Packets that came by themselves, duplicates not counted.
    received: u64,
    /// `expected` and `received` at the last report.
    reported: (u64, u64),
    /// Smoothed difference of transit times, in ticks (appendix A.8).
    jitter: f64,
    transit: Option<(Instant, RtpTime)>,
    /// Of the last interval, smoothed over some: what the plan of repair and network quality read. What came late makes
    /// an interval's loss negative, and so makes good what was counted as lost before it came.
    loss_ratio: f64,
}

/// What a receiver report says of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interval {
    /// 1/256ths since the last report.
    pub(crate) fraction_lost: u8,
    pub(crate) lost_total: i32,
    pub(crate) highest: SeqExt,
    pub(crate) jitter: u32,
    /// Packets expected since the last report.
    pub(crate) expected: u64,
}

impl Reception {
    /// `first` is the number of the packet that opened the stream.
    pub(crate) fn new(first: SeqExt, clock_hz: u32) -> Self {
        Self {
            clock_hz,
            first,
            highest: first,
            received: 0,
            reported: (0, 0),
            jitter: 0.0,
            transit: None,
            loss_ratio: 0.0,
        }
    }

    /// The 64-bit number of a packet that came now.
    pub(crate) fn extend(&self, seq: Seq) -> Option<SeqExt> {
        self.highest.nearest(seq)
    }

    /// Counts a packet that came by itself, for the first time.
    pub(crate) fn count(&mut self, now: Instant, seq: SeqExt, time: RtpTime) {
        self.received += 1;
        self.first = self.first.min(seq);
        if seq >= self.highest {
            self.highest = seq;
        }
        if let Some((at, rtp)) = self.transit {
            // Packets of one frame share a time but not a moment of sending; they say nothing of the path.
            if rtp == time {
                return;
            }
            let elapsed = now.saturating_duration_since(at).as_secs_f64() * f64::from(self.clock_hz);
            let difference = (elapsed - f64::from(time.since(rtp))).abs();
            // A pause or a jump of the sender's clock is no jitter.
            if difference < 5.0 * f64::from(self.clock_hz) {
                self.jitter += (difference - self.jitter) / 16.0;
            }
        }
        self.transit = Some((now, time));
    }

    /// The figures for a report that goes out now; starts the next interval.
    pub(crate) fn report(&mut self) -> Interval {
        let expected = self.highest.since(self.first).unsigned_abs() + 1;
        let (expected_before, received_before) = self.reported;
        let new_expected = expected.saturating_sub(expected_before);
        let new_received = self.received - received_before;
        let new_lost = new_expected.saturating_sub(new_received);
        self.reported = (expected, self.received);
        let ratio = if new_expected == 0 { 0.0 } else { new_lost as f64 / new_expected as f64 };
        if new_expected > 0 {
            let weight = (new_expected as f64 / SMOOTHED_OVER).min(0.5);
            let signed = 1.0 - new_received as f64 / new_expected as f64;
            self.loss_ratio += (signed - self.loss_ratio) * weight;
        }
        Interval {
            fraction_lost: (ratio * 256.0).min(255.0) as u8,
            lost_total: expected.cast_signed().saturating_sub(self.received.cast_signed()).clamp(-0x80_0000, 0x7f_ffff)
                as i32,
            highest: self.highest,
            jitter: self.jitter as u32,
            expected: new_expected,
        }
    }

    pub(crate) fn clock_hz(&self) -> u32 {
        self.clock_hz
    }

    /// 0…1.
    pub(crate) fn loss_ratio(&self) -> f64 {
        self.loss_ratio.clamp(0.0, 1.0)
    }

    pub(crate) fn jitter(&self) -> Duration {
        Duration::from_secs_f64(self.jitter / f64::from(self.clock_hz.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    fn receive(r: &mut Reception, t: Instant, seqs: impl IntoIterator<Item = u16>) {
        for seq in seqs {
            let ext = r.extend(Seq(seq)).expect("near");
            let n = ext.since(SeqExt(0x1_fff0));
            let at = t + Duration::from_millis(20 * n.unsigned_abs());
            r.count(at, ext, RtpTime((n * 960) as u32));
        }
    }

    #[test]
    fn loss_is_counted_over_each_interval_and_in_all() {
        let (mut r, t) = (Reception::new(SeqExt(0x1_fff0), 48_000), start());
        receive(&mut r, t, (0..100).map(|n: u16| 0xfff0_u16.wrapping_add(n)).filter(|s| s % 4 != 0));
        let i = r.report();
        assert_eq!((i.lost_total, i.expected, i.highest), (25, 100, SeqExt(0x2_0053)));
        assert_eq!(i.fraction_lost, 64);
        receive(&mut r, t, (100..150).map(|n: u16| 0xfff0_u16.wrapping_add(n)));
        let i = r.report();
        assert_eq!((i.fraction_lost, i.lost_total, i.expected), (0, 25, 50));
        assert_eq!(r.report().fraction_lost, 0);
        assert!(r.loss_ratio() > 0.05 && r.loss_ratio() < 0.15);
        assert_eq!(r.jitter(), Duration::ZERO);
    }

    #[test]
    fn late_spread_is_jitter() {
        let (mut r, t) = (Reception::new(SeqExt(0x1_0001), 48_000), start());
        for n in 0..400u64 {
            let wobble = if n % 2 == 0 { 0 } else { 10 };
            r.count(t + Duration::from_millis(20 * n + wobble), SeqExt(0x1_0001 + n), RtpTime((n * 960) as u32));
        }
        let jitter = r.jitter().as_secs_f64() * 1e3;
        assert!((9.5..10.5).contains(&jitter), "{jitter}");
    }
}

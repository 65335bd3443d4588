//! How much came in during the last second.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_secs(1);
/// Packets within this share a bucket, so memory is bounded by `WINDOW / BUCKET`.
const BUCKET: Duration = Duration::from_millis(50);

#[derive(Debug, Default)]
pub(crate) struct Throughput {
    buckets: VecDeque<(Instant, Sum)>,
    sum: Sum,
    first: Option<Instant>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    packets: u64,
    bytes: u64,
}

impl Throughput {
    /// One packet.
    pub(crate) fn add(&mut self, now: Instant, bytes: usize) {
        self.first.get_or_insert(now);
        let one = Sum { packets: 1, bytes: bytes as u64 };
        match self.buckets.back_mut() {
            Some((at, sum)) if now.saturating_duration_since(*at) < BUCKET => {
                *sum = Sum { packets: sum.packets + 1, bytes: sum.bytes + one.bytes };
            }
            Some(_) | None => self.buckets.push_back((now, one)),
        }
        self.sum = Sum { packets: self.sum.packets + 1, bytes: self.sum.bytes + one.bytes };
        self.forget(now);
    }

    /// See `room::ahead`.
    pub(crate) fn read_ahead(&self) -> u64 {
        self.buckets.back().map_or(0, |(_, sum)| sum.bytes) ^ self.buckets.front().map_or(0, |(_, sum)| sum.bytes)
    }

    /// `None` until half a second was seen.
    pub(crate) fn bits_per_second(&mut self, now: Instant) -> Option<u64> {
        self.forget(now);
        let seen = now.saturating_duration_since(self.first?).min(WINDOW);
        (seen >= WINDOW / 2).then(|| (self.sum.bytes as f64 * 8.0 / seen.as_secs_f64()) as u64)
    }

    /// In the last second.
    pub(crate) fn packets(&mut self, now: Instant) -> u64 {
        self.forget(now);
        self.sum.packets
    }

    fn forget(&mut self, now: Instant) {
        while self.buckets.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) >= WINDOW) {
            if let Some((_, gone)) = self.buckets.pop_front() {
                self.sum = Sum { packets: self.sum.packets - gone.packets, bytes: self.sum.bytes - gone.bytes };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    #[test]
    fn the_last_second_counts() {
        let (mut throughput, t) = (Throughput::default(), start());
        for ms in 0..3_000 {
            throughput.add(t + Duration::from_millis(ms), 125);
            assert!(throughput.buckets.len() <= 21);
            if ms == 400 {
                assert_eq!(throughput.bits_per_second(t + Duration::from_millis(ms)), None);
            }
        }
        let bps = throughput.bits_per_second(t + Duration::from_secs(3)).expect("seen");
        assert!((940_000..=1_000_000).contains(&bps), "{bps}");
        assert_eq!(throughput.packets(t + Duration::from_secs(3)), bps / 1_000);
        assert_eq!(throughput.bits_per_second(t + Duration::from_secs(9)), Some(0));
    }
}

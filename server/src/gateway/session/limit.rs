//! How often somebody may do something: requests of a session, refused sign-ins of an address.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// A token bucket.
#[derive(Debug)]
pub(super) struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    pub(super) fn full(now: Instant, burst: u32) -> Self {
        Self { tokens: f64::from(burst), filled: now }
    }

    /// Takes one token if there is one.
    pub(super) fn take(&mut self, now: Instant, per_s: u32, burst: u32) -> bool {
        let elapsed = now.saturating_duration_since(self.filled);
        self.tokens = (self.tokens + elapsed.as_secs_f64() * f64::from(per_s)).min(f64::from(burst));
        self.filled = now;
        let enough = self.tokens >= 1.0;
        if enough {
            self.tokens -= 1.0;
        }
        enough
    }
}

/// Addresses with refused sign-ins that are remembered. Above, new ones go uncounted: memory before strictness.
const ADDRESSES_MAX: usize = 10_000;
const WINDOW: Duration = Duration::from_secs(60);

/// Refused sign-ins per address and minute.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    addresses: BTreeMap<IpAddr, (Instant, u32)>,
}

impl Refusals {
    pub(super) fn count(&mut self, now: Instant, from: IpAddr) {
        if from.is_loopback() {
            return;
        }
        if self.addresses.len() >= ADDRESSES_MAX {
            self.addresses.retain(|_, (since, _)| now.saturating_duration_since(*since) < WINDOW);
        }
        if self.addresses.len() < ADDRESSES_MAX || self.addresses.contains_key(&from) {
            let (since, count) = self.addresses.entry(from).or_insert((now, 0));
            if now.saturating_duration_since(*since) >= WINDOW {
                (*since, *count) = (now, 0);
            }
            *count += 1;
        }
    }

    pub(super) fn too_many(&self, now: Instant, from: IpAddr, max: u32) -> bool {
        let counted = self.addresses.get(&from);
        counted.is_some_and(|(since, count)| *count >= max && now.saturating_duration_since(*since) < WINDOW)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test needs some instant to start from")]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_then_its_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::full(start, 3);
        let taken = (0..10).filter(|_| bucket.take(start, 2, 3)).count();
        assert_eq!(taken, 3);
        let later = start + Duration::from_secs(1);
        let taken = (0..10).filter(|_| bucket.take(later, 2, 3)).count();
        assert_eq!(taken, 2);
    }

    #[test]
    fn an_address_is_free_again_after_a_minute() {
        let start = Instant::now();
        let from = IpAddr::from([203, 0, 113, 1]);
        let mut refusals = Refusals::default();
        for _ in 0..3 {
            refusals.count(start, from);
        }
        assert!(refusals.too_many(start, from, 3));
        assert!(!refusals.too_many(start, from, 4));
        assert!(!refusals.too_many(start + WINDOW, from, 3));
    }
}

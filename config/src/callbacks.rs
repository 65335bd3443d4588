//! `[callbacks]`: how callbacks are delivered. Where to, and how they are signed, is each app's.

use std::path::PathBuf;
use std::time::Duration;

crate::section! {
    /// Delivery of callbacks (webhooks) out of the durable outbox. Addresses and secrets are in `[[apps]]`.
    pub struct Delivery {
        /// Milliseconds that a receiver may take for its answer.
        pub answer_within_ms: u64 = 5_000, in 100..=60_000;
        /// Milliseconds until a callback that was not taken is tried again; doubled with each failure.
        pub retry_first_ms: u64 = 1_000, in 10..=60_000;
        /// Milliseconds between two tries at most: how soon a receiver that is back is noticed.
        pub retry_max_ms: u64 = 10_000, in 10..=3_600_000;
        /// Callbacks that wait in the outbox. Above, new ones are dropped and counted.
        pub waiting_max: usize = 20_000, in 16..=1_000_000;
        /// Hours after which one that nobody took is given up.
        pub hours_max: u64 = 24, in 1..=720;
        /// Certificates (PEM) that receivers' certificates must come from; empty: the system's.
        pub ca_file: PathBuf = PathBuf::new();
    }
}

impl Delivery {
    pub fn answer_within(&self) -> Duration {
        Duration::from_millis(self.answer_within_ms)
    }

    /// After `failures` in a row.
    pub fn retry_after(&self, failures: u32) -> Duration {
        let doubled = self.retry_first_ms.saturating_mul(1 << failures.saturating_sub(1).min(20));
        Duration::from_millis(doubled.min(self.retry_max_ms))
    }

    pub fn life(&self) -> Duration {
        Duration::from_secs(self.hours_max * 3600)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_come_further_apart_up_to_the_bound_and_never_end() {
        let delivery = Delivery::default();
        let waits: Vec<u64> = (1..=6).map(|failures| delivery.retry_after(failures).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 10, 10]);
        assert_eq!(delivery.retry_after(u32::MAX).as_secs(), 10);
    }
}

//! The only reader of clocks and entropy. Everything else is told the time and given its seed.
#![allow(clippy::disallowed_methods)]

use carillon_proto::time::{Now, UnixMillis};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The two clocks, read together. The wall clock follows the monotonic one from the start of the process, so that a
/// step of the system's time never makes a deadline jump; `resync` takes the step over for what goes on the wire.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
    start_wall: UnixMillis,
}

impl Clock {
    pub fn start() -> Self {
        Self { start: Instant::now(), start_wall: wall() }
    }

    pub fn now(&self) -> Now {
        let instant = Instant::now();
        Now { instant, wall: self.start_wall.plus(instant - self.start) }
    }

    /// Signatures expire by the system's clock: takes a step of it over where the two differ by more than a second.
    pub fn resync(&mut self) {
        let now = self.now();
        let system = wall();
        if system.0.abs_diff(now.wall.0) > 1000 {
            self.start = now.instant;
            self.start_wall = system;
        }
    }
}

fn wall() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Bytes from the system's generator.
///
/// # Panics
/// Where the system has no entropy: nothing can be kept secret then.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system's random generator works");
    bytes
}

pub fn random_u64() -> u64 {
    u64::from_ne_bytes(random_bytes())
}

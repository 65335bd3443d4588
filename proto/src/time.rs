//! The two clocks as one argument: engines are told the time, they never ask for it.

use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// Wall-clock time: milliseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(pub u64);

impl UnixMillis {
    pub fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    pub fn as_secs(self) -> u64 {
        self.0 / 1000
    }

    pub fn plus(self, d: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(d.as_millis()).unwrap_or(u64::MAX)))
    }

    /// Zero where `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// One moment on both clocks: `instant` orders and measures, `wall` goes on the wire and into the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    pub instant: Instant,
    pub wall: UnixMillis,
}

impl Now {
    /// The same pair of clocks, `d` later.
    pub fn plus(self, d: Duration) -> Self {
        Self { instant: self.instant + d, wall: self.wall.plus(d) }
    }
}

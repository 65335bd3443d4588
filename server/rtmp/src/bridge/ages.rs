//! How long pictures are on their way through this server.

use std::time::{Duration, Instant};

/// Pictures that left, and how long after their moment in all. A picture's moment is when it would have come if it had
/// been as fast as the fastest: what is added up is this server's part, and the path's unsteadiness.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ages {
    pub pictures: u64,
    pub sum: Duration,
}

impl Ages {
    /// A picture of the moment `at` leaves.
    pub fn note(&mut self, now: Instant, at: Instant) {
        self.pictures += 1;
        self.sum = self.sum.saturating_add(now.saturating_duration_since(at));
    }

    pub fn add(&mut self, other: Self) {
        self.pictures += other.pictures;
        self.sum = self.sum.saturating_add(other.sum);
    }
}

//! How often one user may do something.

use std::time::Instant;

/// A token bucket that holds `burst` and gains `per_second`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    left: f64,
    at: Option<Instant>,
}

impl Bucket {
    pub(crate) fn new() -> Self {
        Self { left: 0.0, at: None }
    }

    pub(crate) fn take(&mut self, now: Instant, per_second: f64, burst: f64) -> bool {
        self.left = match self.at {
            None => burst,
            Some(at) => (self.left + now.saturating_duration_since(at).as_secs_f64() * per_second).min(burst),
        };
        self.at = Some(now);
        let granted = self.left >= 1.0;
        if granted {
            self.left -= 1.0;
        }
        granted
    }
}

/// Refused tries within the running minute.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tries {
    pub(crate) since: Instant,
    pub(crate) count: u32,
}

//! Sound that comes long after its moment, at the end of a stall of the publisher's connection.
//!
//! A browser takes its delay for the path's, waits as long for whatever follows, for half a minute and more, and holds
//! the pictures back with it. So what a call has gone past is not sent; a way that stays that slow is.

use std::time::{Duration, Instant};

/// What comes later than this is not worth the delay that it would leave behind.
const LATE_MAX: Duration = Duration::from_millis(500);

/// Catching up takes less than this. Who is late for longer is late for good, and is heard all the same.
const CATCHES_UP_WITHIN: Duration = Duration::from_secs(2);

/// One track's.
#[derive(Debug, Default)]
pub(super) struct Stale {
    /// When the first in a row of late pieces came.
    late_since: Option<Instant>,
}

impl Stale {
    /// Whether a piece of sound that is to be heard at `at` and comes at `now` is still wanted.
    pub(super) fn takes(&mut self, now: Instant, at: Instant) -> bool {
        if now.saturating_duration_since(at) <= LATE_MAX {
            self.late_since = None;
            return true;
        }
        let since = *self.late_since.get_or_insert(now);
        now.saturating_duration_since(since) > CATCHES_UP_WITHIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ms, start};

    #[test]
    fn the_end_of_a_stall_is_left_out_as_far_as_it_is_late() {
        let (t, mut stale) = (start(), Stale::default());
        let taken: Vec<u64> =
            (0..300).map(|n| n * 20).filter(|at| stale.takes(t + ms(*at.max(&3_000)), t + ms(*at))).collect();
        assert_eq!((taken[0], taken.len()), (2_500, 175));
    }

    #[test]
    fn a_way_that_stays_slow_is_heard_after_a_while() {
        let (t, mut stale) = (start(), Stale::default());
        let taken: Vec<u64> =
            (0..300).map(|n| n * 20).filter(|at| stale.takes(t + ms(at + 900), t + ms(*at))).collect();
        assert_eq!((taken[0], taken.len()), (2_020, 199));
    }
}

//! A running minimum. Jitter and loss by chance leave the fastest packets as fast as ever, a full queue holds up every one:
//! the least delay tells the two apart.

use std::time::{Duration, Instant};

/// The least value of about the last `window`: of the current span of that length and the one before.
#[derive(Debug)]
pub(crate) struct Least {
    window: Duration,
    since: Instant,
    current: Option<i64>,
    before: Option<i64>,
}

impl Least {
    pub(crate) fn new(now: Instant, window: Duration) -> Self {
        Self { window, since: now, current: None, before: None }
    }

    pub(crate) fn note(&mut self, now: Instant, value: i64) {
        if now.saturating_duration_since(self.since) > self.window {
            self.before = self.current.take();
            self.since = now;
        }
        self.current = Some(self.current.map_or(value, |least| least.min(value)));
    }

    pub(crate) fn least(&self) -> Option<i64> {
        self.before.into_iter().chain(self.current).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    #[test]
    fn forgets_what_is_older_than_two_windows() {
        let (t, ms) = (start(), Duration::from_millis);
        let mut least = Least::new(t, ms(100));
        assert_eq!(least.least(), None);
        for (at, value, want) in [(0, 5, 5), (90, 9, 5), (120, 8, 5), (230, 7, 7), (350, 9, 7), (470, 9, 9)] {
            least.note(t + ms(at), value);
            assert_eq!(least.least(), Some(want), "{at}");
        }
    }
}

//! The engine's own clock and its queue of deadlines.

use crate::{Reason, SeatId};
use carillon_proto::id::{AppId, CallId, InviteId};
use carillon_proto::time::{Now, UnixMillis};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// One moment as this engine counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// On the engine's clock: for deadlines.
    pub at: UnixMillis,
    /// The wall clock as it reads: for records and events.
    pub wall: UnixMillis,
}

/// Wall-clock time of the first reading plus what the monotonic clock counted since. Deadlines on it can be stored and
/// taken back after a restart, yet a wall clock that is set does not move them.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    anchor: Option<Now>,
}

impl Clock {
    pub(crate) fn read(&mut self, now: Now) -> Moment {
        let anchor = *self.anchor.get_or_insert(now);
        let elapsed = now.instant.saturating_duration_since(anchor.instant);
        Moment { at: anchor.wall.plus(elapsed), wall: now.wall }
    }

    /// Rounded up to the whole millisecond, so that a timer that fires then finds its deadline passed.
    fn instant(&self, at: UnixMillis) -> Option<Instant> {
        let anchor = self.anchor?;
        Some(anchor.instant.checked_add(at.since(anchor.wall)).unwrap_or(anchor.instant + FAR))
    }
}

/// Further than any deadline: for a stored one that no clock can hold.
const FAR: Duration = Duration::from_secs(86_400 * 365);

/// Whose deadline it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    Call(AppId, CallId),
    Seat(SeatId),
    Notice(AppId, InviteId),
}

/// The next deadline of each call, seat and notice that has one.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    of: BTreeMap<Owner, (UnixMillis, Reason)>,
    queue: BTreeSet<(UnixMillis, Owner)>,
}

impl Timers {
    pub(crate) fn set(&mut self, owner: Owner, next: Option<(UnixMillis, Reason)>) {
        let before = match next {
            Some((at, reason)) => {
                self.queue.insert((at, owner.clone()));
                self.of.insert(owner.clone(), (at, reason))
            }
            None => self.of.remove(&owner),
        };
        if let Some((at, _)) = before
            && next.is_none_or(|(next, _)| next != at)
        {
            self.queue.remove(&(at, owner));
        }
    }

    /// Takes the earliest deadline that has come. Its owner sets the next one.
    pub(crate) fn pop_due(&mut self, at: UnixMillis) -> Option<Owner> {
        if self.queue.first()?.0 > at {
            return None;
        }
        let (_, owner) = self.queue.pop_first()?;
        self.of.remove(&owner);
        Some(owner)
    }

    pub(crate) fn next(&self, clock: &Clock) -> Option<(Instant, Reason)> {
        let (at, owner) = self.queue.first()?;
        let (_, reason) = self.of.get(owner)?;
        Some((clock.instant(*at)?, *reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owner_has_one_deadline_and_the_earliest_comes_first() {
        let mut timers = Timers::default();
        let (one, two) = (Owner::Seat(SeatId(1)), Owner::Seat(SeatId(2)));
        timers.set(one.clone(), Some((UnixMillis(50), Reason::Grace)));
        timers.set(two.clone(), Some((UnixMillis(40), Reason::Grace)));
        timers.set(one.clone(), Some((UnixMillis(30), Reason::Grace)));
        assert_eq!(timers.pop_due(UnixMillis(29)), None);
        assert_eq!(timers.pop_due(UnixMillis(60)), Some(one));
        timers.set(two, None);
        assert_eq!(timers.pop_due(UnixMillis(60)), None);
        assert!(timers.of.is_empty() && timers.queue.is_empty());
    }
}

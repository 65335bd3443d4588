//! Deadlines by owner, each owner with one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

#[derive(Debug)]
pub(crate) struct Timers<Owner> {
    by_time: BTreeSet<(Instant, Owner)>,
    by_owner: BTreeMap<Owner, Instant>,
}

impl<Owner: Ord + Copy> Timers<Owner> {
    pub(crate) fn new() -> Self {
        Self { by_time: BTreeSet::new(), by_owner: BTreeMap::new() }
    }

    /// Replaces the owner's deadline; `None` takes it away.
    pub(crate) fn set(&mut self, owner: Owner, at: Option<Instant>) {
        if self.by_owner.get(&owner).copied() == at {
            return;
        }
        if let Some(before) = self.by_owner.remove(&owner) {
            self.by_time.remove(&(before, owner));
        }
        if let Some(at) = at {
            self.by_owner.insert(owner, at);
            self.by_time.insert((at, owner));
        }
    }

    /// The first, whether it is due or not.
    pub(crate) fn next(&self) -> Option<(Instant, Owner)> {
        self.by_time.first().copied()
    }

    /// One that is due, taken out.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Owner> {
        let (at, owner) = self.next()?;
        if at > now {
            return None;
        }
        self.set(owner, None);
        Some(owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;
    use std::time::Duration;

    #[test]
    fn owner_has_one_deadline() {
        let (mut timers, now) = (Timers::new(), start());
        let later = now + Duration::from_secs(1);
        timers.set(1, Some(later));
        timers.set(2, Some(now));
        timers.set(1, Some(now));
        timers.set(2, None);
        assert_eq!(timers.take_due(now), Some(1));
        assert_eq!(timers.next(), None);
    }
}

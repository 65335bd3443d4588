//! Deadlines by name: one per key, found in order. Who has no deadline costs nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// At most one deadline for each key.
#[derive(Debug)]
pub(crate) struct Timers<K> {
    by_key: BTreeMap<K, Instant>,
    by_time: BTreeSet<(Instant, K)>,
}

impl<K: Copy + Ord> Timers<K> {
    pub(crate) fn new() -> Self {
        Self { by_key: BTreeMap::new(), by_time: BTreeSet::new() }
    }

    /// Moves or stops the key's deadline.
    pub(crate) fn set(&mut self, key: K, at: Option<Instant>) {
        let before = match at {
            Some(at) => self.by_key.insert(key, at),
            None => self.by_key.remove(&key),
        };
        if before == at {
            return;
        }
        if let Some(before) = before {
            self.by_time.remove(&(before, key));
        }
        if let Some(at) = at {
            self.by_time.insert((at, key));
        }
    }

    /// Sets a deadline where the key has none, or an earlier one.
    pub(crate) fn set_earlier(&mut self, key: K, at: Instant) {
        if self.by_key.get(&key).is_none_or(|now| at < *now) {
            self.set(key, Some(at));
        }
    }

    /// Sets a deadline where the key has none.
    pub(crate) fn start(&mut self, key: K, at: Instant) {
        if !self.by_key.contains_key(&key) {
            self.set(key, Some(at));
        }
    }

    pub(crate) fn next(&self) -> Option<(Instant, K)> {
        self.by_time.first().copied()
    }

    /// Takes the first key that is due.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<K> {
        let (at, key) = self.next()?;
        (at <= now).then(|| {
            self.set(key, None);
            key
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;
    use std::time::Duration;

    #[test]
    fn keys_come_due_in_order_and_once() {
        let (mut timers, t) = (Timers::new(), start());
        let at = |ms| t + Duration::from_millis(ms);
        timers.set("b", Some(at(20)));
        timers.set("a", Some(at(30)));
        timers.set("c", Some(at(5)));
        timers.set_earlier("a", at(10));
        timers.set_earlier("a", at(90));
        timers.set("c", None);
        assert_eq!((timers.next(), timers.take_due(at(9))), (Some((at(10), "a")), None));
        assert_eq!(
            (timers.take_due(at(99)), timers.take_due(at(99)), timers.take_due(at(99))),
            (Some("a"), Some("b"), None)
        );
        assert_eq!((timers.len(), timers.next()), (0, None));
    }
}

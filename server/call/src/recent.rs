//! A bounded memory of names: the oldest are forgotten.

use std::collections::{BTreeSet, VecDeque};

/// Names remembered. A client would have to wait for this many ended calls to use an id a second time; the store keeps
/// the first record even then.
const RECENT_MAX: usize = 8_192;

#[derive(Debug)]
pub(crate) struct Recent<T> {
    order: VecDeque<T>,
    names: BTreeSet<T>,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self { order: VecDeque::new(), names: BTreeSet::new() }
    }
}

impl<T: Clone + Ord> Recent<T> {
    pub(crate) fn insert(&mut self, name: T) {
        if self.names.insert(name.clone()) {
            self.order.push_back(name);
        }
        if self.order.len() > RECENT_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.names.remove(&oldest);
        }
    }

    pub(crate) fn contains(&self, name: &T) -> bool {
        self.names.contains(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oldest_names_are_forgotten() {
        let mut recent = Recent::default();
        (0..=RECENT_MAX).for_each(|n| recent.insert(n));
        recent.insert(5);
        assert!(!recent.contains(&0) && recent.contains(&1) && recent.contains(&RECENT_MAX));
        assert_eq!(recent.names.len(), RECENT_MAX);
    }
}

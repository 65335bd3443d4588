//! Datagrams that are under way.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::time::Duration;

/// What all links hold together; beyond it a datagram is dropped.
const MOST_BYTES: usize = 256 << 20;

/// A datagram that is to leave by `exit` at `at`.
#[derive(Debug)]
pub(super) struct Flying<E> {
    at: Duration,
    /// Of two that are due together the older one leaves first.
    order: u64,
    pub(super) exit: E,
    pub(super) bytes: Vec<u8>,
}

/// All of them, by when they are due.
#[derive(Debug)]
pub(super) struct Flight<E> {
    heap: BinaryHeap<Flying<E>>,
    next_order: u64,
    held_bytes: usize,
}

impl<E> Flight<E> {
    pub(super) fn new() -> Self {
        Self { heap: BinaryHeap::new(), next_order: 0, held_bytes: 0 }
    }

    /// `false`: too much is under way already.
    pub(super) fn add(&mut self, at: Duration, exit: E, bytes: Vec<u8>) -> bool {
        if self.held_bytes + bytes.len() > MOST_BYTES {
            return false;
        }
        self.held_bytes += bytes.len();
        self.next_order += 1;
        self.heap.push(Flying { at, order: self.next_order, exit, bytes });
        true
    }

    pub(super) fn next_at(&self) -> Option<Duration> {
        self.heap.peek().map(|next| next.at)
    }

    pub(super) fn due(&mut self, now: Duration) -> Option<Flying<E>> {
        self.next_at().filter(|at| *at <= now)?;
        let flying = self.heap.pop()?;
        self.held_bytes -= flying.bytes.len();
        Some(flying)
    }
}

impl<E> PartialEq for Flying<E> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<E> Eq for Flying<E> {}

impl<E> PartialOrd for Flying<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Flying<E> {
    /// The heap yields its greatest: the earliest is the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earliest_leaves_first_and_equals_in_order() {
        let mut flight = Flight::new();
        for (at, name) in [(30, 'd'), (10, 'a'), (20, 'b'), (20, 'c')] {
            assert!(flight.add(Duration::from_millis(at), name, vec![0; 10]));
        }
        assert!(flight.due(Duration::from_millis(9)).is_none());
        let order: Vec<char> = std::iter::from_fn(|| flight.due(Duration::from_secs(1)).map(|f| f.exit)).collect();
        assert_eq!(order, ['a', 'b', 'c', 'd']);
        assert_eq!(flight.held_bytes, 0);
    }
}

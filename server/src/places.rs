//! How many connections a listener has at a time, all in all and of one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

type ByAddress = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// All the connections there may be.
pub(crate) struct Places {
    free: Arc<Semaphore>,
    by_address: ByAddress,
    per_address: usize,
}

impl Places {
    pub(crate) fn new(all: usize, per_address: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(all)), by_address: ByAddress::default(), per_address }
    }

    /// Waits while all places are taken.
    pub(crate) async fn permit(&self) -> OwnedSemaphorePermit {
        self.free.clone().acquire_owned().await.expect("the semaphore is never closed")
    }

    /// `None`: all places are taken.
    pub(crate) fn try_permit(&self) -> Option<OwnedSemaphorePermit> {
        self.free.clone().try_acquire_owned().ok()
    }

    /// `None`: this address has too many.
    pub(crate) fn take(&self, permit: OwnedSemaphorePermit, from: IpAddr) -> Option<Place> {
        let from = counted(from);
        if let Some(from) = from {
            let mut counts = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
            let count = counts.entry(from).or_default();
            if *count >= self.per_address {
                return None;
            }
            *count += 1;
        }
        Some(Place { from, by_address: self.by_address.clone(), _permit: permit })
    }
}

/// The address that a connection counts for. `None`: loopback, where a proxy stands for everybody. An IPv6 host has
/// at least a /64 to choose its addresses from.
fn counted(from: IpAddr) -> Option<IpAddr> {
    match from.to_canonical() {
        from if from.is_loopback() => None,
        IpAddr::V4(v4) => Some(v4.into()),
        IpAddr::V6(v6) => Some(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into()),
    }
}

/// One connection's, until it is dropped.
pub(crate) struct Place {
    from: Option<IpAddr>,
    by_address: ByAddress,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(from) = self.from else { return };
        let mut counts = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&from) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&from);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn places_are_counted_by_address_and_freed() {
        let places = Places::new(4, 2);
        let from = |text: &str| text.parse::<IpAddr>().expect("an address");
        let mut held = Vec::new();
        for address in ["203.0.113.1", "203.0.113.1", "2001:db8::1", "2001:db8::ffff:2"] {
            let permit = places.permit().await;
            held.push(places.take(permit, from(address)).expect("a place"));
        }
        assert!(places.try_permit().is_none());
        held.pop();
        let permit = places.permit().await;
        assert!(places.take(permit, from("::ffff:203.0.113.1")).is_none(), "the third of one address");
        let permit = places.try_permit().expect("it took no place");
        assert!(places.take(permit, from("2001:db8::3")).is_some());
        drop(held);
        assert!(places.by_address.lock().expect("sound").is_empty());
    }

    #[test]
    fn loopback_stands_for_everybody() {
        for address in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(counted(address.parse().expect("an address")), None, "{address}");
        }
    }
}

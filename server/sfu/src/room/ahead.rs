//! Memory of many subscribers: what a packet for one of them needs lies in a dozen places that nothing has read since
//! the last packet. Met one after the other, each costs a wait as long as sealing fifty bytes; read side by side, for a
//! few subscribers before they are served, the processor waits for all of them at once.

use crate::egress::Subscription;
use crate::participant::Participant;
use crate::slab::Slab;

/// Served together. More is read again from afar before its turn comes, fewer wait more often: 4 to 16 cost the same in
/// `cargo bench --bench forward`.
pub(super) const GROUP: usize = 8;

/// Reads something in each place that forwarding to these subscriptions uses. Changes nothing.
pub(super) fn read(subscriptions: &Slab<Subscription>, members: &Slab<Participant>, group: &[u32]) {
    let mut sum = 0_u64;
    // First what leads to the rest, then the rest: within a pass nothing waits for anything.
    let pairs = || {
        group.iter().filter_map(|key| {
            let subscription = subscriptions.get(*key)?;
            Some((subscription, members.get(subscription.member)?.connection.as_deref()?))
        })
    };
    for (subscription, connection) in pairs() {
        sum = sum.wrapping_add(subscription.read_ahead() ^ u64::from(connection.lost));
    }
    for (_, connection) in pairs() {
        sum = sum.wrapping_add(connection.read_ahead());
    }
    std::hint::black_box(sum);
}

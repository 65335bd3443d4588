//! What the engine's tests share.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// The start of virtual time, the same for all who ask: a test that asks twice has no time pass in between.
pub(crate) fn start() -> Instant {
    *START
}

pub(crate) const fn ms(value: u64) -> Duration {
    Duration::from_millis(value)
}

/// Tests count back from it, too.
#[expect(clippy::disallowed_methods, reason = "an instant can only be had from a clock; the tests add to it")]
static START: LazyLock<Instant> = LazyLock::new(|| Instant::now() + Duration::from_secs(100));

//! What unit tests share.

use std::sync::LazyLock;
use std::time::Instant;

/// Some moment to count from, the same for all who ask: a test that asks twice has no time pass in between.
pub(crate) fn start() -> Instant {
    *START
}

#[expect(clippy::disallowed_methods, reason = "virtual time needs one moment to start from")]
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

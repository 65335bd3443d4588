//! What unit tests share.

use std::time::Instant;

/// Some moment to count from; no test reads the clock again.
#[expect(clippy::disallowed_methods, reason = "virtual time needs one moment to start from")]
pub(crate) fn start() -> Instant {
    Instant::now()
}

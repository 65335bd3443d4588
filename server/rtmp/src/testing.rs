//! What the engine's tests share.

use std::time::Instant;

/// The start of virtual time.
#[expect(clippy::disallowed_methods, reason = "an instant can only be had from a clock; the tests add to it")]
pub(crate) fn start() -> Instant {
    Instant::now()
}

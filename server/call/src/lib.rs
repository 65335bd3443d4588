//! The call engine: who rings, who is busy, who sits in which room, how a call ended. It follows the invitations that
//! pass through chat and is the truth about them; it relays nothing itself.
//!
//! Face: `Switchboard::new(config, seed)`, `restore(now, saved)`, `handle_command(now, &dyn Directory, Command)`,
//! `handle_timeout(now, &dyn Directory)`, then drain `poll_output()`, and ask `poll_timeout()`.

mod command;
mod stats;
mod switchboard;

pub use command::*;
pub use stats::{IgnoreReason, RefuseReason, Stats};
pub use switchboard::{Config, Switchboard};

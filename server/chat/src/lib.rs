//! The chat engine: sign-in, devices and presence, messages exactly once, history, profiles, groups, status.
//!
//! Face: `Chat::new(config, seed)`, `handle_command(now, &mut dyn Store, Command)`, `handle_timeout(now, store)`, then
//! drain `poll_output()`, and ask `poll_timeout()`.

mod command;
mod store;

pub use command::*;
pub use store::*;

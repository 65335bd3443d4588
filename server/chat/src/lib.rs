//! The chat engine: sign-in, devices and presence, messages exactly once, history, profiles, groups, status.
//!
//! Face: `Chat::new(config, apps, seed)`, `handle_command(now, &mut dyn Store, Command)`, `handle_timeout(now, store)`,
//! then drain `poll_output()`, and ask `poll_timeout()`.

mod admin;
mod chat;
mod command;
mod groups;
mod history;
mod limit;
mod messages;
mod sign_in;
mod stats;
mod status;
mod store;

pub use chat::{Chat, Reason};
pub use command::*;
pub use stats::Stats;
pub use store::*;

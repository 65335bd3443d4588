//! The call engine: who rings, who is busy, who sits in which room, how a call ended. It follows the invitations that
//! pass through chat and is the truth about them; it relays nothing itself.
//!
//! Face: `Switchboard::new(config, seed)`, `restore(now, saved)`, `handle_command(now, &dyn Directory, Command)`,
//! `handle_timeout(now, &dyn Directory)`, then drain `poll_output()`, and ask `poll_timeout()`. The outputs of one command
//! belong into one transaction: what is saved, recorded and told in it holds together.
//!
//! `follow` reads a relayed message; `service` makes calls by verbs, and `words` writes their messages; `notices` ends
//! ringing that no client ends. `call` and `invitation` are the two state machines (printed by `transitions`);
//! `calls` draws the consequences of a change. `admission` is the policy of who may enter a room, `entry` carries it out,
//! `presence` knows who is still there. `saved` takes everything back after a restart.

mod admission;
mod call;
mod calls;
mod command;
mod entry;
mod follow;
mod invitation;
mod notices;
mod presence;
mod recent;
mod room;
mod saved;
mod service;
mod stats;
mod switchboard;
mod timers;
#[cfg(test)]
mod transitions;
mod words;

pub use command::*;
pub use stats::{IgnoreReason, RefuseReason, Stats};
pub use switchboard::{Config, Switchboard};

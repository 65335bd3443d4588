//! The media engine: everything between a datagram that comes in and the datagrams that go out. No socket, no clock,
//! no thread: the shell hands it bytes and the time.
//!
//! Face: `Worker::new(config, locals, certificate, seed, now)`, `handle_command(now, Command)`,
//! `handle_datagram(now, Path, &mut [u8])`, `handle_frame(now, participant, track, &Frame)`, `handle_timeout(now)`, then
//! drain `poll_output()`, `poll_frame()` and `egress()`, and ask `poll_timeout()`.

mod bandwidth;
mod command;
mod context;
pub mod demux;
mod egress;
mod ingress;
mod participant;
mod playout;
mod quality;
pub mod random;
mod recovery;
mod room;
mod slab;
mod speaker;
mod stats;
mod timers;
pub mod transport;
mod worker;

#[cfg(test)]
mod testing;

pub use command::*;
pub use playout::{FeedFact, FeedRefusal, FrameOutput, TapId, TapOutput};
pub use quality::{DownlinkFigures, UplinkFigures};
pub use stats::{DropReason, Stats};
pub use worker::{Certificate, Worker};

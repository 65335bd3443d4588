//! The RTMP engine: sessions and streams of RTMP and HTTP-FLV clients, and what turns their frames into those of WebRTC
//! and back: clocks (`timeline`) and sound (`transcode`). It knows no socket, clock or room.
//!
//! # The hub
//!
//! [`Hub`] holds all connections and all streams. Face: `handle_command(now, Command)`, `handle_bytes(now, connection,
//! bytes)`, `handle_timeout(now)`; then drain `poll_output()` and `poll_writable()`, and ask `poll_timeout()`. What a
//! connection is to be sent stands in its outbox: the shell writes the slices of `gather` and says by `handle_written`
//! how much of it the socket took (a player by HTTP-FLV takes whole parts by `take_flv`).
//!
//! A client that publishes or plays leads to `Output::Admit`, and waits for `Command::Admitted` or `Refused`. What was
//! admitted ends with one `Output::Left`, whatever happens; `Command::Evict` takes it back.
//!
//! # Streams and the rest of the server
//!
//! A stream is what one publisher's picture and sound in one room are called: [`StreamKey`]. Everything in it is a
//! [`Media`]: flow, class, milliseconds on the stream's line, and the body of an FLV tag (`proto::flv` reads it).
//!
//! - **Out of a stream** (RTMP to WebRTC): `Output::Published` says that a connection publishes it (and goes on to,
//!   through a loss of 30 s), `Output::Flows` which of sound and picture are there. After `Command::Tap { on: true }`
//!   everything comes as `Output::Tapped`: first the configuration and the pictures since the last keyframe, then what
//!   comes, in the publisher's order. The line never steps back within a flow; a new configuration is a `Class::Header`.
//! - **Into a stream** (WebRTC to RTMP): `Output::Wanted { on: true }` says that somebody wants to play a stream that no
//!   connection publishes. `Command::Produce` begins it, `Hub::handle_produced` takes each FLV body (configuration
//!   first) with its time on the maker's clock, `Command::EndProduced` ends it. `Output::KeyframeWanted` asks for a
//!   picture that stands alone. `Wanted { on: false }` says that the last player has gone, or that a connection
//!   publishes the stream now: a connection takes it over at once, and what is produced after that is dropped.

pub mod address;
pub mod bridge;
mod cache;
mod client;
mod command;
mod connection;
mod hub;
pub mod interleave;
pub mod media;
mod metadata;
mod outbox;
mod packet;
mod plain;
mod repair;
mod session;
pub mod sign;
mod stats;
mod stream;
pub mod timeline;
mod timers;
pub mod transcode;

#[cfg(test)]
mod testing;

pub use address::{Address, BadAddress, Proof, StreamKey};
pub use client::Target;
pub use command::*;
pub use hub::Hub;
pub use media::{Class, Flow, Media};
pub use stats::Stats;
pub use stream::Flows;

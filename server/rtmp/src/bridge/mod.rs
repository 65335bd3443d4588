//! Between a stream's tags and the frames of a room's tracks: `ToRoom` for what an RTMP publisher sends, `ToPlayers` for
//! what RTMP players get of a WebRTC publisher. Both hold the clocks and the sound's transcoding of one publisher, and
//! know neither the hub nor the media engine: the shell carries what they yield.

mod ages;
pub(crate) mod parameter_sets;
mod shown;
mod stale;
#[cfg(test)]
mod tests;
mod to_players;
mod to_room;

pub use ages::Ages;
pub use to_players::{Tag, ToPlayers};
pub use to_room::{Problem, RoomOutput, ToRoom};

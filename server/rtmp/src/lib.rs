//! The RTMP engine: sessions and streams of RTMP and HTTP-FLV clients, and what turns their frames into those of WebRTC
//! and back: clocks (`timeline`) and sound (`transcode`). It knows no socket, clock or room.

pub mod address;
pub mod interleave;
pub mod sign;
pub mod timeline;
pub mod transcode;

pub use address::{Address, BadAddress, Proof, StreamKey};

//! The handshake before the first chunk (RTMP 1.0 section 5.2), plain and with digests.
//!
//! The digests are Adobe's: an HMAC-SHA256 under keys that every implementation knows, at a place that four bytes of
//! the packet tell. They prove nothing, but some clients refuse H.264 without them.

mod client;
mod digest;
mod server;

pub use client::ClientHandshake;
pub use digest::Schema;
pub use server::ServerHandshake;

use std::fmt;

/// Bytes of C1, C2, S1 and S2.
const PACKET_BYTES: usize = 1536;

/// The only version spoken: 6 would be RTMPE, whose cipher is broken.
const VERSION: u8 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandshakeError {
    /// The first byte asks for another protocol: RTMPE (6), or something that is no RTMP at all.
    Version(u8),
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => write!(f, "version {version} is not spoken"),
        }
    }
}

impl std::error::Error for HandshakeError {}

type Packet = [u8; PACKET_BYTES];

/// How far one side's handshake has come. Both sides go the same way.
#[derive(Debug)]
enum State {
    /// The other side's version and first packet (C0 and C1, or S0 and S1), as far as they have come.
    Opening(Vec<u8>),
    /// All of ours is written; so many bytes of the other side's second packet are to come.
    Closing(usize),
    Over,
}

impl State {
    const BEGINNING: Self = Self::Opening(Vec::new());

    /// Takes what belongs to the handshake from the front of `input`; `answer` is given the first packet once it is
    /// whole. True once the handshake is over.
    fn read(&mut self, input: &mut &[u8], answer: impl FnOnce(&Packet)) -> Result<bool, HandshakeError> {
        if let Self::Opening(kept) = self {
            let is_whole = collect(kept, input, 1 + PACKET_BYTES);
            if let Some(version) = kept.first().filter(|version| **version != VERSION) {
                return Err(HandshakeError::Version(*version));
            }
            let Some(first) = kept.last_chunk::<PACKET_BYTES>().filter(|_| is_whole) else { return Ok(false) };
            answer(first);
            *self = Self::Closing(PACKET_BYTES);
        }
        if let Self::Closing(left) = self
            && skip(left, input)
        {
            *self = Self::Over;
        }
        Ok(matches!(self, Self::Over))
    }
}

/// Moves bytes from the front of `input` to `kept` until `wanted` are there; says whether they are.
fn collect(kept: &mut Vec<u8>, input: &mut &[u8], wanted: usize) -> bool {
    let taken = input.len().min(wanted - kept.len());
    kept.extend_from_slice(&input[..taken]);
    *input = &input[taken..];
    kept.len() == wanted
}

/// Drops up to `left` bytes from the front of `input`; says whether they were all there.
fn skip(left: &mut usize, input: &mut &[u8]) -> bool {
    let taken = input.len().min(*left);
    *input = &input[taken..];
    *left -= taken;
    *left == 0
}

/// Filler. The handshake asks for bytes that differ between connections, not for secrets.
fn filler(mut seed: u64) -> Packet {
    let mut packet = [0; PACKET_BYTES];
    for chunk in packet.chunks_mut(8) {
        // SplitMix64.
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (seed ^ seed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        chunk.copy_from_slice(&(mixed ^ mixed >> 31).to_le_bytes()[..chunk.len()]);
    }
    packet
}

/// Time 0 and this version before the filler (section 5.2.3).
fn first_packet(seed: u64, version: [u8; 4]) -> Packet {
    let mut packet = filler(seed);
    packet[..4].fill(0);
    packet[4..8].copy_from_slice(&version);
    packet
}

#[cfg(test)]
mod tests;

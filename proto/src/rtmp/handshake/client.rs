//! The side that connects: pushing to another server.

use super::digest::{self, PLAYER, SERVER, Schema};
use super::{HandshakeError, PACKET_BYTES, VERSION, collect, filler, first_packet, skip};

/// What C1 calls itself where it is signed: a Flash Player of old, as ffmpeg does.
const SIGNED_VERSION: [u8; 4] = [9, 0, 124, 2];

/// One handshake, from C0 to the last byte of S2.
#[derive(Debug)]
pub struct ClientHandshake {
    seed: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    /// S0 and S1, as far as they have come.
    Opening(Vec<u8>),
    /// C2 is written; so many bytes of S2 are to come.
    Closing(usize),
    Over,
}

impl ClientHandshake {
    /// Appends C0 and C1 to `out`: signed, if a schema is given. `seed` makes the filler.
    pub fn new(seed: u64, schema: Option<Schema>, out: &mut Vec<u8>) -> Self {
        let mut c1 = first_packet(seed, if schema.is_some() { SIGNED_VERSION } else { [0; 4] });
        if let Some(schema) = schema {
            schema.sign(&mut c1, &PLAYER);
        }
        out.push(VERSION);
        out.extend_from_slice(&c1);
        Self { seed, state: State::Opening(Vec::new()) }
    }

    /// As `ServerHandshake::read`.
    pub fn read(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Result<bool, HandshakeError> {
        if let State::Opening(kept) = &mut self.state {
            let is_whole = collect(kept, input, 1 + PACKET_BYTES);
            if let Some(version) = kept.first().filter(|version| **version != VERSION) {
                return Err(HandshakeError::Version(*version));
            }
            let Some(s1) = kept.last_chunk::<PACKET_BYTES>().filter(|_| is_whole) else { return Ok(false) };
            let mut c2 = *s1;
            if let Some((_, server_digest)) = digest::verify(s1, &SERVER) {
                c2 = filler(!self.seed);
                digest::sign_answer(&mut c2, &server_digest, &PLAYER);
            }
            out.extend_from_slice(&c2);
            self.state = State::Closing(PACKET_BYTES);
        }
        if let State::Closing(left) = &mut self.state
            && skip(left, input)
        {
            self.state = State::Over;
        }
        Ok(matches!(self.state, State::Over))
    }
}

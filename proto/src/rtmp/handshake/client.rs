//! The side that connects: pushing to another server.

use super::digest::{self, PLAYER, SERVER, Schema};
use super::{HandshakeError, Packet, State, VERSION, filler, first_packet};

/// What C1 calls itself where it is signed: a Flash Player of old, as ffmpeg does.
const SIGNED_VERSION: [u8; 4] = [9, 0, 124, 2];

/// One handshake, from C0 to the last byte of S2.
#[derive(Debug)]
pub struct ClientHandshake {
    seed: u64,
    state: State,
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
        Self { seed, state: State::BEGINNING }
    }

    /// As `ServerHandshake::read`.
    pub fn read(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Result<bool, HandshakeError> {
        self.state.read(input, |s1| answer(self.seed, s1, out))
    }
}

/// C2: signed where S1 is, else its echo.
fn answer(seed: u64, s1: &Packet, out: &mut Vec<u8>) {
    let mut c2 = *s1;
    if let Some((_, server_digest)) = digest::verify(s1, &SERVER) {
        c2 = filler(!seed);
        digest::sign_answer(&mut c2, &server_digest, &PLAYER);
    }
    out.extend_from_slice(&c2);
}

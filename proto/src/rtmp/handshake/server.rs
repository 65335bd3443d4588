//! The side that is connected to.

use super::digest::{self, PLAYER, SERVER};
use super::{HandshakeError, Packet, State, VERSION, filler, first_packet};

/// What S1 calls itself where it is signed. Clients that see a version below 3 take the server for one without digests.
const SIGNED_VERSION: [u8; 4] = [4, 5, 0, 1];

/// One handshake, from the first byte to the last of C2.
#[derive(Debug)]
pub struct ServerHandshake {
    seed: u64,
    state: State,
}

impl ServerHandshake {
    /// `seed` makes the filler; it should differ between connections.
    pub fn new(seed: u64) -> Self {
        Self { seed, state: State::BEGINNING }
    }

    /// Takes what belongs to the handshake from the front of `input` and appends what is to be sent to `out`. True once
    /// it is over; what is left of `input` then is chunks. What C2 says is not looked at: many clients send rubbish.
    pub fn read(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Result<bool, HandshakeError> {
        self.state.read(input, |c1| answer(self.seed, c1, out))
    }
}

/// S0, S1 and S2: signed as C1 was, else plain, where S2 is an echo of C1.
fn answer(seed: u64, c1: &Packet, out: &mut Vec<u8>) {
    let (s1, s2) = match digest::verify(c1, &PLAYER) {
        Some((schema, client_digest)) => {
            let mut s1 = first_packet(seed, SIGNED_VERSION);
            schema.sign(&mut s1, &SERVER);
            let mut s2 = filler(!seed);
            digest::sign_answer(&mut s2, &client_digest, &SERVER);
            (s1, s2)
        }
        None => (first_packet(seed, [0; 4]), *c1),
    };
    out.push(VERSION);
    out.extend_from_slice(&s1);
    out.extend_from_slice(&s2);
}

//! Where the digests stand in a handshake packet, and what they are.

use super::{PACKET_BYTES, Packet};
use hmac::{Hmac, Mac};
use sha2::Sha256;

const DIGEST_BYTES: usize = 32;

/// Which half of the packet holds the digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// Schema 0: the key's half first, the digest's half from byte 772 on.
    KeyFirst,
    /// Schema 1: the digest's half from byte 8 on. What librtmp and ffmpeg send.
    DigestFirst,
}

/// One side's well-known key: 30 or 36 characters, then the same 32 bytes for both.
pub(super) struct Key {
    text: &'static [u8],
}

/// Under which clients sign.
pub(super) const PLAYER: Key = Key { text: b"Genuine Adobe Flash Player 001" };

/// Under which servers sign.
pub(super) const SERVER: Key = Key { text: b"Genuine Adobe Flash Media Server 001" };

const KEY_TAIL: [u8; 32] = [
    0xf0, 0xee, 0xc2, 0x4a, 0x80, 0x68, 0xbe, 0xe8, 0x2e, 0x00, 0xd0, 0xd1, 0x02, 0x9e, 0x7e, 0x57, 0x6e, 0xec, 0x5d,
    0x2d, 0x29, 0x80, 0x6f, 0xab, 0x93, 0xb8, 0xe6, 0x36, 0xcf, 0xeb, 0x31, 0xae,
];

pub(super) type Digest = [u8; DIGEST_BYTES];

impl Schema {
    /// Where the digest starts: four bytes at the head of its half, added up, say it.
    fn offset(self, packet: &Packet) -> usize {
        let half = match self {
            Self::KeyFirst => 772,
            Self::DigestFirst => 8,
        };
        let sum: usize = packet[half..half + 4].iter().map(|byte| usize::from(*byte)).sum();
        half + 4 + sum % 728
    }

    /// The digest of C1 or S1 as it should be.
    fn digest(self, packet: &Packet, key: &Key) -> Digest {
        let at = self.offset(packet);
        hmac(key.text, &[&packet[..at], &packet[at + DIGEST_BYTES..]])
    }

    /// Puts the digest into C1 or S1 and returns it.
    pub(super) fn sign(self, packet: &mut Packet, key: &Key) -> Digest {
        let digest = self.digest(packet, key);
        let at = self.offset(packet);
        packet[at..at + DIGEST_BYTES].copy_from_slice(&digest);
        digest
    }
}

/// The schema under which C1 or S1 carries a right digest, and that digest; None for a plain packet and a wrong digest.
pub(super) fn verify(packet: &Packet, key: &Key) -> Option<(Schema, Digest)> {
    let is_plain = packet[4..8] == [0; 4];
    let schemas = [Schema::DigestFirst, Schema::KeyFirst].into_iter().filter(|_| !is_plain);
    let mut digests = schemas.map(|schema| (schema, schema.digest(packet, key)));
    digests.find(|(schema, digest)| {
        let at = schema.offset(packet);
        packet[at..at + DIGEST_BYTES] == digest[..]
    })
}

/// Makes `packet` the answer (C2 or S2) to a packet that carried `digest`: its last 32 bytes sign the rest under a key
/// made of that digest.
pub(super) fn sign_answer(packet: &mut Packet, digest: &Digest, key: &Key) {
    let at = PACKET_BYTES - DIGEST_BYTES;
    let signature = answer_signature(packet, digest, key);
    packet[at..].copy_from_slice(&signature);
}

/// True if `packet` is such an answer. Only tests ask: real peers send rubbish here.
#[cfg(test)]
pub(super) fn verify_answer(packet: &Packet, digest: &Digest, key: &Key) -> bool {
    packet[PACKET_BYTES - DIGEST_BYTES..] == answer_signature(packet, digest, key)
}

fn answer_signature(packet: &Packet, digest: &Digest, key: &Key) -> Digest {
    let whole_key = [key.text, &KEY_TAIL].concat();
    hmac(&hmac(&whole_key, &[digest]), &[&packet[..PACKET_BYTES - DIGEST_BYTES]])
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> Digest {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

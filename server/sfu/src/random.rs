//! Random numbers out of one seed: fit for ICE passwords, and the same again for the same seed.

use aws_lc_rs::hmac;

/// HMAC-SHA256 in counter mode over the seed. Who sees some of its output (an SSRC on the wire) learns nothing of the
/// rest (an ICE password).
pub struct Random {
    key: hmac::Key,
    counter: u64,
    block: [u8; 32],
    used: usize,
}

impl Random {
    /// Outside tests the seed needs at least 16 bytes of the operating system's entropy.
    pub fn new(seed: &[u8]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, seed), counter: 0, block: [0; 32], used: 32 }
    }

    /// An independent generator, whose numbers depend on this one's state.
    pub fn fork(&mut self) -> Self {
        let mut seed = [0; 32];
        self.fill(&mut seed);
        Self::new(&seed)
    }

    pub fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            if self.used == self.block.len() {
                self.refill();
            }
            *byte = self.block[self.used];
            self.used += 1;
        }
    }

    pub fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill(&mut bytes);
        u32::from_be_bytes(bytes)
    }

    pub fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_be_bytes(bytes)
    }

    /// `len` characters of the ICE alphabet (RFC 8839 section 5.4 `ice-char`), 6 random bits each.
    pub fn ice_text(&mut self, len: usize) -> String {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut bytes = vec![0; len];
        self.fill(&mut bytes);
        bytes.iter().map(|b| char::from(ALPHABET[usize::from(b & 63)])).collect()
    }

    fn refill(&mut self) {
        self.block.copy_from_slice(hmac::sign(&self.key, &self.counter.to_be_bytes()).as_ref());
        self.counter += 1;
        self.used = 0;
    }
}

impl std::fmt::Debug for Random {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Random").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_sequence_and_forks_differ() {
        let (mut a, mut b) = (Random::new(b"seed"), Random::new(b"seed"));
        assert_eq!(a.next_u64(), b.next_u64());
        assert_eq!(a.ice_text(24), b.ice_text(24));
        let (mut c, mut d) = (a.fork(), a.fork());
        assert_ne!(c.next_u64(), d.next_u64());
    }
}

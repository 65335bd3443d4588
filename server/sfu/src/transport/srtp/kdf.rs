//! Session keys out of the master key (RFC 3711 section 4.3, RFC 7714 section 11; the key derivation rate is 0).

use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;

/// What a session key is for.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
pub(super) enum Label {
    RtpKey = 0,
    RtpAuth = 1,
    RtpSalt = 2,
    RtcpKey = 3,
    RtcpAuth = 4,
    RtcpSalt = 5,
}

/// `N` bytes for `label`. `salt` has 14 bytes, or 12 for GCM.
pub(super) fn derive<const N: usize>(key: &[u8], salt: &[u8], label: Label) -> [u8; N] {
    let mut out = [0; N];
    derive_into(key, salt, label, &mut out);
    out
}

pub(super) fn derive_into(key: &[u8], salt: &[u8], label: Label, out: &mut [u8]) {
    let mut iv = [0; 16];
    iv[..salt.len()].copy_from_slice(salt);
    iv[7] ^= label as u8;
    out.fill(0);
    counter_mode(&cipher(key), iv, out);
}

/// # Panics
/// Where the key is neither 16 nor 32 bytes long: its lengths come from the profile, not from a peer.
pub(super) fn cipher(key: &[u8]) -> EncryptingKey {
    let algorithm = if key.len() == 32 { &AES_256 } else { &AES_128 };
    let key = UnboundCipherKey::new(algorithm, key).expect("the profile gives the key's length");
    EncryptingKey::ctr(key).expect("AES has a counter mode")
}

/// XORs the keystream over `data`.
pub(super) fn counter_mode(key: &EncryptingKey, iv: [u8; 16], data: &mut [u8]) {
    let context = EncryptionContext::Iv128(FixedLength::from(iv));
    key.less_safe_encrypt(data, context).expect("counter mode takes any length");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).expect("hex")).collect()
    }

    #[test]
    fn keys_are_those_of_rfc_3711_b_3() {
        let key = hex("E1F97A0D3E018BE0D64FA32C06DE4139");
        let salt = hex("0EC675AD498AFEEBB6960B3AABE6");
        assert_eq!(derive::<16>(&key, &salt, Label::RtpKey).to_vec(), hex("C61E7A93744F39EE10734AFE3FF7A087"));
        assert_eq!(derive::<14>(&key, &salt, Label::RtpSalt).to_vec(), hex("30CBBC08863D8C85D49DB34A9AE1"));
        let auth = derive::<20>(&key, &salt, Label::RtpAuth).to_vec();
        assert_eq!(auth, hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
    }
}

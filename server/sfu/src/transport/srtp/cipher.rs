//! One direction's session keys: sealing and opening of single packets, whose index the caller knows.

use super::kdf::{Label, cipher, counter_mode, derive, derive_into};
use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::EncryptingKey;
use aws_lc_rs::{constant_time, hmac};

pub(super) const GCM_TAG: usize = 16;
/// HMAC-SHA1-80.
pub(super) const CM_TAG: usize = 10;
/// E bit and index behind an SRTCP packet.
pub(super) const SRTCP_INDEX: usize = 4;
const RTCP_HEADER: usize = 8;
const ENCRYPTED: u32 = 1 << 31;

/// Authentication failed, or the packet is too short to have been protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Forged;

/// The keys of one direction.
#[derive(Debug)]
pub(super) enum Keys {
    Gcm(Box<Gcm>),
    Cm(Box<Cm>),
}

/// AEAD_AES_128_GCM or AEAD_AES_256_GCM (RFC 7714).
#[derive(Debug)]
pub(super) struct Gcm {
    rtp: LessSafeKey,
    rtp_salt: Salt,
    rtcp: LessSafeKey,
    rtcp_salt: Salt,
}

/// AES_CM_128_HMAC_SHA1_80 (RFC 3711). The key objects are kept: making them costs more than using them.
pub(super) struct Cm {
    rtp: EncryptingKey,
    rtp_salt: [u8; 14],
    rtp_auth: hmac::Key,
    rtcp: EncryptingKey,
    rtcp_salt: [u8; 14],
    rtcp_auth: hmac::Key,
}

impl std::fmt::Debug for Cm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cm").finish_non_exhaustive()
    }
}

impl Gcm {
    pub(super) fn new(key: &[u8], salt: &[u8]) -> Self {
        let make = |label| {
            let mut session = [0; 32];
            let session = &mut session[..key.len()];
            derive_into(key, salt, label, session);
            let algorithm = if key.len() == 32 { &AES_256_GCM } else { &AES_128_GCM };
            LessSafeKey::new(UnboundKey::new(algorithm, session).expect("the profile gives the key's length"))
        };
        Self {
            rtp: make(Label::RtpKey),
            rtp_salt: Salt::new(derive(key, salt, Label::RtpSalt)),
            rtcp: make(Label::RtcpKey),
            rtcp_salt: Salt::new(derive(key, salt, Label::RtcpSalt)),
        }
    }

    /// RFC 7714 section 8.1: two zero bytes, SSRC, rollover counter, sequence number; XOR salt.
    fn rtp_nonce(&self, ssrc: u32, index: u64) -> Nonce {
        self.rtp_salt.nonce(ssrc, index)
    }

    /// RFC 7714 section 9.1: two zero bytes, SSRC, two zero bytes, index; XOR salt.
    fn rtcp_nonce(&self, ssrc: u32, index: u32) -> Nonce {
        self.rtcp_salt.nonce(ssrc, u64::from(index))
    }
}

/// Twelve bytes as one number, first byte highest.
#[derive(Debug, Clone, Copy)]
struct Salt(u128);

impl Salt {
    fn new(bytes: [u8; 12]) -> Self {
        Self(bytes.iter().fold(0, |sum, byte| sum << 8 | u128::from(*byte)))
    }

    /// Two zero bytes, `ssrc`, 48 bits of `index`; XOR salt. Written in the pieces that it is read in: a read that spans
    /// several writes waits until all writes before it are through, which at this place are those of the last packet.
    fn nonce(self, ssrc: u32, index: u64) -> Nonce {
        let number = self.0 ^ (u128::from(ssrc) << 48 | u128::from(index & 0xffff_ffff_ffff));
        let mut bytes = [0; 12];
        bytes[..8].copy_from_slice(&((number >> 32) as u64).to_be_bytes());
        bytes[8..].copy_from_slice(&(number as u32).to_be_bytes());
        Nonce::assume_unique_for_key(bytes)
    }
}

impl Cm {
    pub(super) fn new(key: &[u8], salt: &[u8]) -> Self {
        let auth = |label| hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &derive::<20>(key, salt, label));
        Self {
            rtp: cipher(&derive::<16>(key, salt, Label::RtpKey)),
            rtp_salt: derive(key, salt, Label::RtpSalt),
            rtp_auth: auth(Label::RtpAuth),
            rtcp: cipher(&derive::<16>(key, salt, Label::RtcpKey)),
            rtcp_salt: derive(key, salt, Label::RtcpSalt),
            rtcp_auth: auth(Label::RtcpAuth),
        }
    }
}

/// RFC 3711 section 4.1.1: salt * 2^16 XOR SSRC * 2^64 XOR index * 2^16.
fn cm_iv(salt: &[u8; 14], ssrc: u32, index: u64) -> [u8; 16] {
    let mut iv = [0; 16];
    iv[..14].copy_from_slice(salt);
    xor(&mut iv[4..8], &ssrc.to_be_bytes());
    xor(&mut iv[8..14], &index.to_be_bytes()[2..]);
    iv
}

impl Keys {
    /// See `room::ahead`.
    pub(super) fn read_ahead(&self) -> u64 {
        match self {
            Self::Gcm(keys) => keys.rtp.algorithm().key_len() as u64 ^ keys.rtp_salt.0 as u64,
            Self::Cm(keys) => u64::from(keys.rtp_salt[0]),
        }
    }

    /// Seals `buffer[start..]`, an RTP packet whose header has `header` bytes.
    pub(super) fn seal_rtp(&self, buffer: &mut Vec<u8>, start: usize, header: usize, ssrc: u32, index: u64) {
        match self {
            Self::Gcm(keys) => {
                let (head, body) = buffer[start..].split_at_mut(header);
                let nonce = keys.rtp_nonce(ssrc, index);
                let tag = keys.rtp.seal_in_place_separate_tag(nonce, Aad::from(&*head), body);
                let tag = tag.expect("a packet is far below GCM's limit");
                buffer.extend_from_slice(tag.as_ref());
            }
            Self::Cm(keys) => {
                let iv = cm_iv(&keys.rtp_salt, ssrc, index);
                counter_mode(&keys.rtp, iv, &mut buffer[start + header..]);
                let tag = rtp_tag(&keys.rtp_auth, &buffer[start..], index);
                buffer.extend_from_slice(&tag);
            }
        }
    }

    /// Opens an RTP packet in place; returns its length without the tag.
    pub(super) fn open_rtp(&self, packet: &mut [u8], header: usize, ssrc: u32, index: u64) -> Result<usize, Forged> {
        match self {
            Self::Gcm(keys) => {
                let len = packet.len().checked_sub(GCM_TAG).filter(|len| *len >= header).ok_or(Forged)?;
                let (head, body) = packet.split_at_mut(header);
                let nonce = keys.rtp_nonce(ssrc, index);
                keys.rtp.open_in_place(nonce, Aad::from(&*head), body).map_err(|_| Forged)?;
                Ok(len)
            }
            Self::Cm(keys) => {
                let len = packet.len().checked_sub(CM_TAG).filter(|len| *len >= header).ok_or(Forged)?;
                let (message, tag) = packet.split_at_mut(len);
                verify(&rtp_tag(&keys.rtp_auth, message, index), tag)?;
                counter_mode(&keys.rtp, cm_iv(&keys.rtp_salt, ssrc, index), &mut message[header..]);
                Ok(len)
            }
        }
    }

    /// Seals `buffer[start..]`, a compound RTCP packet of at least 8 bytes.
    pub(super) fn seal_rtcp(&self, buffer: &mut Vec<u8>, start: usize, ssrc: u32, index: u32) {
        let trailer = (ENCRYPTED | index).to_be_bytes();
        match self {
            Self::Gcm(keys) => {
                let (head, body) = buffer[start..].split_at_mut(RTCP_HEADER);
                let aad = rtcp_aad(head, trailer);
                let nonce = keys.rtcp_nonce(ssrc, index);
                let tag = keys.rtcp.seal_in_place_separate_tag(nonce, Aad::from(aad), body);
                let tag = tag.expect("a packet is far below GCM's limit");
                buffer.extend_from_slice(tag.as_ref());
                buffer.extend_from_slice(&trailer);
            }
            Self::Cm(keys) => {
                let iv = cm_iv(&keys.rtcp_salt, ssrc, u64::from(index));
                counter_mode(&keys.rtcp, iv, &mut buffer[start + RTCP_HEADER..]);
                buffer.extend_from_slice(&trailer);
                let tag = hmac::sign(&keys.rtcp_auth, &buffer[start..]);
                buffer.extend_from_slice(&tag.as_ref()[..CM_TAG]);
            }
        }
    }

    /// The index that an SRTCP packet says it has; not authenticated yet.
    pub(super) fn rtcp_index(&self, packet: &[u8]) -> Result<u32, Forged> {
        let behind = match self {
            Self::Gcm(_) => 0,
            Self::Cm(_) => CM_TAG,
        };
        let end = packet.len().checked_sub(behind).ok_or(Forged)?;
        let at = end.checked_sub(SRTCP_INDEX).ok_or(Forged)?;
        let word = packet[at..end].try_into().map(u32::from_be_bytes).map_err(|_| Forged)?;
        // Unencrypted SRTCP is not negotiated.
        if word & ENCRYPTED == 0 { Err(Forged) } else { Ok(word & !ENCRYPTED) }
    }

    /// Opens an RTCP packet in place; returns its length without index and tag.
    pub(super) fn open_rtcp(&self, packet: &mut [u8], ssrc: u32, index: u32) -> Result<usize, Forged> {
        match self {
            Self::Gcm(keys) => {
                let end = packet.len() - SRTCP_INDEX;
                let len = end.checked_sub(GCM_TAG).filter(|len| *len >= RTCP_HEADER).ok_or(Forged)?;
                let (head, body) = packet[..end].split_at_mut(RTCP_HEADER);
                let aad = rtcp_aad(head, (ENCRYPTED | index).to_be_bytes());
                let nonce = keys.rtcp_nonce(ssrc, index);
                keys.rtcp.open_in_place(nonce, Aad::from(aad), body).map_err(|_| Forged)?;
                Ok(len)
            }
            Self::Cm(keys) => {
                let end = packet.len() - CM_TAG;
                let len = end.checked_sub(SRTCP_INDEX).filter(|len| *len >= RTCP_HEADER).ok_or(Forged)?;
                let (message, tag) = packet.split_at_mut(end);
                verify(&hmac::sign(&keys.rtcp_auth, message).as_ref()[..CM_TAG], tag)?;
                let iv = cm_iv(&keys.rtcp_salt, ssrc, u64::from(index));
                counter_mode(&keys.rtcp, iv, &mut message[RTCP_HEADER..len]);
                Ok(len)
            }
        }
    }
}

/// RFC 3711 section 4.2: over the packet and the rollover counter.
fn rtp_tag(key: &hmac::Key, message: &[u8], index: u64) -> [u8; CM_TAG] {
    let mut context = hmac::Context::with_key(key);
    context.update(message);
    context.update(&((index >> 16) as u32).to_be_bytes());
    let mut tag = [0; CM_TAG];
    tag.copy_from_slice(&context.sign().as_ref()[..CM_TAG]);
    tag
}

/// RFC 7714 section 9.2: header, then E bit and index.
fn rtcp_aad(head: &[u8], trailer: [u8; 4]) -> [u8; RTCP_HEADER + SRTCP_INDEX] {
    let mut aad = [0; RTCP_HEADER + SRTCP_INDEX];
    aad[..RTCP_HEADER].copy_from_slice(head);
    aad[RTCP_HEADER..].copy_from_slice(&trailer);
    aad
}

fn verify(ours: &[u8], theirs: &[u8]) -> Result<(), Forged> {
    constant_time::verify_slices_are_equal(ours, theirs).map_err(|_| Forged)
}

fn xor(to: &mut [u8], from: &[u8]) {
    for (a, b) in to.iter_mut().zip(from) {
        *a ^= b;
    }
}

/// For tests and key logs of the simulation: whether two directions use the same keys is visible by their first bytes.
pub(in crate::transport) fn fingerprint(key: &[u8], salt: &[u8]) -> u64 {
    u64::from_be_bytes(derive(key, salt, Label::RtcpAuth))
}

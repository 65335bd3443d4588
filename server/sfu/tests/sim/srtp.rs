//! The client's end of SRTP with AES-GCM (RFC 7714), written apart from the server's so that one checks the other.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use carillon_proto::rtp::{RtpHeader, Seq, SeqExt};
use std::collections::BTreeMap;

const TAG: usize = 16;
const SALT: usize = 12;

/// Both directions, from the DTLS client's side.
pub struct Srtp {
    send: Keys,
    receive: Keys,
    rtcp_index: u32,
    newest: BTreeMap<u32, SeqExt>,
}

struct Keys {
    rtp: (LessSafeKey, [u8; SALT]),
    rtcp: (LessSafeKey, [u8; SALT]),
}

impl Srtp {
    /// `material` is client key, server key, client salt, server salt (RFC 5764 section 4.2).
    pub fn new(material: &[u8]) -> Self {
        let key = if material.len() >= 2 * (32 + SALT) { 32 } else { 16 };
        let (keys, salts) = material.split_at(2 * key);
        Self {
            send: Keys::new(&keys[..key], &salts[..SALT]),
            receive: Keys::new(&keys[key..], &salts[SALT..2 * SALT]),
            rtcp_index: 0,
            newest: BTreeMap::new(),
        }
    }

    pub fn seal_rtp(&self, mut packet: Vec<u8>, seq: SeqExt) -> Vec<u8> {
        let header = RtpHeader::parse(&packet).expect("our own");
        let body = header_len(&packet);
        let (key, salt) = &self.send.rtp;
        let (head, rest) = packet.split_at_mut(body);
        let nonce = rtp_nonce(salt, header.ssrc.0, seq);
        let tag = key.seal_in_place_separate_tag(nonce, Aad::from(&*head), rest).expect("short");
        packet.extend_from_slice(tag.as_ref());
        packet
    }

    /// The packet in the clear and its 48-bit number. `None` where it is not authentic.
    pub fn open_rtp(&mut self, mut packet: Vec<u8>) -> Option<(Vec<u8>, SeqExt)> {
        let ssrc = u32::from_be_bytes(packet.get(8..12)?.try_into().ok()?);
        let seq = Seq(u16::from_be_bytes([packet[2], packet[3]]));
        // Rollovers count from zero, as in RFC 3711 section 3.3.1.
        let first = SeqExt(u64::from(seq.0));
        let number = self.newest.get(&ssrc).map_or(Some(first), |newest| newest.nearest(seq))?;
        let body = header_len(&packet);
        let (key, salt) = &self.receive.rtp;
        let (head, rest) = packet.split_at_mut(body);
        key.open_in_place(rtp_nonce(salt, ssrc, number), Aad::from(&*head), rest).ok()?;
        packet.truncate(packet.len() - TAG);
        let newest = self.newest.entry(ssrc).or_insert(number);
        *newest = (*newest).max(number);
        Some((packet, number))
    }

    pub fn seal_rtcp(&mut self, mut packet: Vec<u8>) -> Vec<u8> {
        let trailer = (self.rtcp_index | 1 << 31).to_be_bytes();
        let (key, salt) = &self.send.rtcp;
        let nonce = rtcp_nonce(salt, &packet, self.rtcp_index);
        self.rtcp_index += 1;
        let (head, rest) = packet.split_at_mut(8);
        let aad = [&*head, &trailer].concat();
        let tag = key.seal_in_place_separate_tag(nonce, Aad::from(aad), rest).expect("short");
        packet.extend_from_slice(tag.as_ref());
        packet.extend_from_slice(&trailer);
        packet
    }

    pub fn open_rtcp(&self, mut packet: Vec<u8>) -> Option<Vec<u8>> {
        let trailer: [u8; 4] = packet.split_off(packet.len().checked_sub(4)?).try_into().ok()?;
        let (key, salt) = &self.receive.rtcp;
        let nonce = rtcp_nonce(salt, &packet, u32::from_be_bytes(trailer) & !(1 << 31));
        let (head, rest) = packet.split_at_mut_checked(8)?;
        let aad = [&*head, &trailer].concat();
        key.open_in_place(nonce, Aad::from(aad), rest).ok()?;
        packet.truncate(packet.len() - TAG);
        Some(packet)
    }
}

impl Keys {
    fn new(key: &[u8], salt: &[u8]) -> Self {
        let gcm = |label| {
            let algorithm = if key.len() == 32 { &AES_256_GCM } else { &AES_128_GCM };
            LessSafeKey::new(UnboundKey::new(algorithm, &derive(key, salt, label, key.len())).expect("a key"))
        };
        let salted = |label| derive(key, salt, label, SALT).try_into().expect("twelve");
        Self { rtp: (gcm(0), salted(2)), rtcp: (gcm(3), salted(5)) }
    }
}

/// RFC 3711 section 4.3 with the salt of RFC 7714 section 11.
fn derive(key: &[u8], salt: &[u8], label: u8, len: usize) -> Vec<u8> {
    let mut iv = [0; 16];
    iv[..SALT].copy_from_slice(salt);
    iv[7] ^= label;
    let algorithm = if key.len() == 32 { &AES_256 } else { &AES_128 };
    let cipher = EncryptingKey::ctr(UnboundCipherKey::new(algorithm, key).expect("a key")).expect("AES");
    let mut out = vec![0; len];
    cipher.less_safe_encrypt(&mut out, EncryptionContext::Iv128(FixedLength::from(iv))).expect("any length");
    out
}

fn rtp_nonce(salt: &[u8; SALT], ssrc: u32, seq: SeqExt) -> Nonce {
    nonce(salt, [&[0, 0][..], &ssrc.to_be_bytes(), &seq.0.to_be_bytes()[2..]].concat())
}

fn rtcp_nonce(salt: &[u8; SALT], packet: &[u8], index: u32) -> Nonce {
    let ssrc = packet.get(4..8).unwrap_or(&[0; 4]);
    nonce(salt, [&[0, 0], ssrc, &[0, 0], &index.to_be_bytes()].concat())
}

fn nonce(salt: &[u8; SALT], number: Vec<u8>) -> Nonce {
    let mut iv = *salt;
    iv.iter_mut().zip(number).for_each(|(a, b)| *a ^= b);
    Nonce::assume_unique_for_key(iv)
}

fn header_len(packet: &[u8]) -> usize {
    let fixed = 12 + 4 * usize::from(packet[0] & 15);
    match packet[0] & 0x10 {
        0 => fixed,
        _ => fixed + 4 + 4 * usize::from(u16::from_be_bytes([packet[fixed + 2], packet[fixed + 3]])),
    }
}

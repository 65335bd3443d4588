//! SRTP and SRTCP (RFC 3711, RFC 7714): both directions of one association, in place and without allocation.

mod cipher;
mod kdf;
mod replay;

use crate::DropReason;
use cipher::{Cm, Forged, Gcm, Keys};
use replay::{Replay, Verdict};

pub(super) use cipher::fingerprint;

/// Streams that one peer may send. Each costs 136 bytes; a browser with six tracks sends twelve.
const STREAMS: usize = 128;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Profile {
    AeadAes256Gcm,
    AeadAes128Gcm,
    AesCm128HmacSha1_80,
}

impl Profile {
    fn lengths(self) -> (usize, usize) {
        match self {
            Self::AeadAes256Gcm => (32, 12),
            Self::AeadAes128Gcm => (16, 12),
            Self::AesCm128HmacSha1_80 => (16, 14),
        }
    }

    fn keys(self, key: &[u8], salt: &[u8]) -> Keys {
        match self {
            Self::AeadAes256Gcm | Self::AeadAes128Gcm => Keys::Gcm(Box::new(Gcm::new(key, salt))),
            Self::AesCm128HmacSha1_80 => Keys::Cm(Box::new(Cm::new(key, salt))),
        }
    }
}

/// Both directions of an association, from the DTLS server's side.
#[derive(Debug)]
pub(super) struct Srtp {
    send: Keys,
    /// Identifies the sending keys in the ledger of sealed packets.
    send_id: u64,
    /// SRTCP index of the next packet (RFC 3711 section 3.4), 31 bits.
    send_index: u32,
    receive: Keys,
    rtp: Vec<(u32, Replay)>,
    rtcp: Vec<(u32, Replay)>,
}

/// The keying material is shorter than its profile needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ShortMaterial;

impl Srtp {
    /// `material` as RFC 5764 section 4.2 lays it out: client key, server key, client salt, server salt.
    pub(super) fn new_server(profile: Profile, material: &[u8]) -> Result<Self, ShortMaterial> {
        let (key, salt) = profile.lengths();
        let mut rest = material;
        let mut take = |n: usize| rest.split_off(..n).ok_or(ShortMaterial);
        let (client_key, server_key, client_salt, server_salt) = (take(key)?, take(key)?, take(salt)?, take(salt)?);
        Ok(Self {
            send: profile.keys(server_key, server_salt),
            send_id: fingerprint(server_key, server_salt),
            send_index: 0,
            receive: profile.keys(client_key, client_salt),
            rtp: Vec::new(),
            rtcp: Vec::new(),
        })
    }

    pub(super) fn send_id(&self) -> u64 {
        self.send_id
    }

    /// Returns the length of the packet and its 48-bit number.
    pub(super) fn open_rtp(&mut self, packet: &mut [u8]) -> Result<(usize, u64), DropReason> {
        let header = rtp_header_len(packet).ok_or(DropReason::Srtp)?;
        let (seq, ssrc) = (u16::from_be_bytes([packet[2], packet[3]]), be32(&packet[8..12]));
        let fresh = Replay::new();
        let known = self.rtp.iter().position(|(s, _)| *s == ssrc);
        let replay = known.map_or(&fresh, |at| &self.rtp[at].1);
        let number = replay.guess(seq);
        admit(replay, number)?;
        if known.is_none() && self.rtp.len() >= STREAMS {
            return Err(DropReason::Limit);
        }
        let len = self.receive.open_rtp(packet, header, ssrc, number).map_err(|Forged| DropReason::Srtp)?;
        note(&mut self.rtp, known, ssrc, number);
        Ok((len, number))
    }

    pub(super) fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, DropReason> {
        if packet.len() < 8 {
            return Err(DropReason::Srtp);
        }
        let ssrc = be32(&packet[4..8]);
        let index = self.receive.rtcp_index(packet).map_err(|Forged| DropReason::Srtp)?;
        let known = self.rtcp.iter().position(|(s, _)| *s == ssrc);
        if let Some(at) = known {
            admit(&self.rtcp[at].1, u64::from(index))?;
        } else if self.rtcp.len() >= STREAMS {
            return Err(DropReason::Limit);
        }
        let len = self.receive.open_rtcp(packet, ssrc, index).map_err(|Forged| DropReason::Srtp)?;
        note(&mut self.rtcp, known, ssrc, u64::from(index));
        Ok(len)
    }

    /// See `room::ahead`.
    pub(super) fn read_ahead(&self) -> u64 {
        self.send.read_ahead()
    }

    /// `buffer[start..]` is an RTP packet with number `index`.
    pub(super) fn seal_rtp(&self, buffer: &mut Vec<u8>, start: usize, index: u64) {
        let Some(header) = rtp_header_len(&buffer[start..]) else { return };
        let ssrc = be32(&buffer[start + 8..start + 12]);
        self.send.seal_rtp(buffer, start, header, ssrc, index);
    }

    /// `buffer[start..]` is a compound RTCP packet.
    pub(super) fn seal_rtcp(&mut self, buffer: &mut Vec<u8>, start: usize) {
        if buffer.len() < start + 8 {
            return;
        }
        let ssrc = be32(&buffer[start + 4..start + 8]);
        let index = self.send_index;
        self.send_index = (index + 1) & 0x7FFF_FFFF;
        self.send.seal_rtcp(buffer, start, ssrc, index);
    }
}

fn admit(replay: &Replay, number: u64) -> Result<(), DropReason> {
    match replay.check(number) {
        Verdict::New => Ok(()),
        Verdict::Seen => Err(DropReason::Duplicate),
        Verdict::TooOld => Err(DropReason::Late),
    }
}

fn note(streams: &mut Vec<(u32, Replay)>, known: Option<usize>, ssrc: u32, number: u64) {
    let at = known.unwrap_or_else(|| {
        streams.push((ssrc, Replay::new()));
        streams.len() - 1
    });
    streams[at].1.note(number);
}

/// Fixed header, CSRCs and extension (RFC 3550 section 5.1): what SRTP leaves in the clear.
fn rtp_header_len(packet: &[u8]) -> Option<usize> {
    let first = *packet.first()?;
    let fixed = 12 + 4 * usize::from(first & 0x0F);
    let extension = match first & 0x10 {
        0 => 0,
        _ => 4 + 4 * usize::from(u16::from_be_bytes([*packet.get(fixed + 2)?, *packet.get(fixed + 3)?])),
    };
    let len = fixed + extension;
    (first >> 6 == 2 && packet.len() >= len).then_some(len)
}

fn be32(bytes: &[u8]) -> u32 {
    bytes.try_into().map_or(0, u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILES: [Profile; 3] = [Profile::AeadAes256Gcm, Profile::AeadAes128Gcm, Profile::AesCm128HmacSha1_80];

    /// A server and the client at the other end of it.
    fn pair(profile: Profile) -> (Srtp, Srtp) {
        let material: Vec<u8> = (0..88).collect();
        let server = Srtp::new_server(profile, &material).expect("long enough");
        let (key, salt) = profile.lengths();
        let mut swapped = material.clone();
        swapped[..key].copy_from_slice(&material[key..2 * key]);
        swapped[key..2 * key].copy_from_slice(&material[..key]);
        let salts = 2 * key;
        swapped[salts..salts + salt].copy_from_slice(&material[salts + salt..salts + 2 * salt]);
        swapped[salts + salt..salts + 2 * salt].copy_from_slice(&material[salts..salts + salt]);
        (server, Srtp::new_server(profile, &swapped).expect("long enough"))
    }

    fn packet(seq: u16) -> Vec<u8> {
        let mut bytes = vec![0x90, 96, 0, 0, 0, 0, 0, 7, 1, 2, 3, 4, 0xBE, 0xDE, 0, 1, 0x10, 9, 0, 0];
        bytes[2..4].copy_from_slice(&seq.to_be_bytes());
        bytes.extend_from_slice(b"payload of a packet");
        bytes
    }

    #[test]
    fn packets_open_to_what_was_sealed_over_a_rollover() {
        for profile in PROFILES {
            let (server, mut client) = pair(profile);
            for index in 65_530..65_545_u64 {
                let plain = packet(index as u16);
                let mut sealed = plain.clone();
                server.seal_rtp(&mut sealed, 0, index);
                assert_ne!(sealed[20..plain.len()], plain[20..], "{profile:?}");
                let (len, number) = client.open_rtp(&mut sealed).expect("opens");
                assert_eq!((&sealed[..len], number), (&plain[..], index), "{profile:?}");
            }
        }
    }

    #[test]
    fn forged_repeated_and_short_packets_are_dropped() {
        for profile in PROFILES {
            let (server, mut client) = pair(profile);
            let mut sealed = packet(5);
            server.seal_rtp(&mut sealed, 0, 5);
            for at in [1, 13, 25, sealed.len() - 1] {
                let mut forged = sealed.clone();
                forged[at] ^= 1;
                assert_eq!(client.open_rtp(&mut forged), Err(DropReason::Srtp), "{profile:?} at {at}");
            }
            for len in 0..sealed.len() {
                assert!(client.open_rtp(&mut sealed.clone()[..len]).is_err());
            }
            assert!(client.open_rtp(&mut sealed.clone()).is_ok());
            assert_eq!(client.open_rtp(&mut sealed.clone()), Err(DropReason::Duplicate));
        }
    }

    #[test]
    fn rtcp_opens_once_and_not_when_forged() {
        for profile in PROFILES {
            let (mut server, mut client) = pair(profile);
            let plain = [0x81, 201, 0, 7, 9, 9, 9, 9, 1, 2, 3, 4, 5, 6, 7, 8];
            for _ in 0..3 {
                let mut sealed = plain.to_vec();
                server.seal_rtcp(&mut sealed, 0);
                for at in 0..sealed.len() {
                    let mut forged = sealed.clone();
                    forged[at] ^= 1;
                    assert!(client.open_rtcp(&mut forged).is_err(), "{profile:?} at {at}");
                }
                let mut again = sealed.clone();
                let len = client.open_rtcp(&mut sealed).expect("opens");
                assert_eq!(sealed[..len], plain);
                assert_eq!(client.open_rtcp(&mut again), Err(DropReason::Duplicate));
            }
        }
    }
}

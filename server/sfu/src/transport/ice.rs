//! ICE-lite (RFC 8445 section 2.5): checks are answered and nominations followed. No candidate of the client is kept, so
//! nothing grows with the addresses that it checks from. The form of STUN is the crate `is`'s.

use crate::random::Random;
use crate::{DropReason, Path};
use aws_lc_rs::hmac;
use is::stun::StunMessage;
use std::collections::VecDeque;

/// RFC 8839 section 5.4: at least 4 characters (24 bits); 16 bear a table of all transports of a worker.
const UFRAG_LEN: usize = 16;
/// At least 22 characters (128 bits).
const PWD_LEN: usize = 24;
/// The longest answer: header, IPv6 address, integrity and fingerprint are 76 bytes.
const ANSWER_BYTES: usize = 128;
/// Checks that are known again, 12 KiB: three quarters of an hour of Chromium's, 2.5 s apart on a path that works. Who
/// keeps one longer and sends it from elsewhere leads media away until the client is heard again: Chromium nominates
/// anew in each check, others are followed after `way::FOLLOW_AFTER`.
pub(super) const SEEN_CHECKS: usize = 1_024;

/// User name and password of one side, as `a=ice-ufrag` and `a=ice-pwd` carry them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) ufrag: String,
    pub(super) pwd: String,
}

/// One generation of ICE credentials and the checks under it.
#[derive(Debug)]
pub(super) struct Ice {
    own: Credentials,
    remote: Credentials,
    nominated: Option<Path>,
    /// Transaction ids of the newest checks, the newest first.
    seen: VecDeque<[u8; 12]>,
}

/// A genuine check.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) answer: Vec<u8>,
    /// It has come before: the client's own repeat, or somebody's who overheard it.
    pub(super) again: bool,
}

impl Ice {
    pub(super) fn new(random: &mut Random, remote: Credentials) -> Self {
        let own = Credentials { ufrag: random.ice_text(UFRAG_LEN), pwd: random.ice_text(PWD_LEN) };
        Self { own, remote, nominated: None, seen: VecDeque::new() }
    }

    pub(super) fn own(&self) -> &Credentials {
        &self.own
    }

    pub(super) fn remote(&self) -> &Credentials {
        &self.remote
    }

    /// Whether a check names this generation; that it is genuine shows in `handle`.
    pub(super) fn is_named_by(&self, datagram: &[u8]) -> bool {
        local_ufrag(datagram).is_ok_and(|ufrag| ufrag == self.own.ufrag)
    }

    /// Nothing is said to a check without the right user names, integrity and fingerprint. One that has come before
    /// nominates nothing.
    pub(super) fn handle(&mut self, path: Path, datagram: &[u8]) -> Result<Check, DropReason> {
        let message = StunMessage::parse(datagram).map_err(|_| DropReason::Stun)?;
        let named = message.split_username() == Some((&self.own.ufrag, &self.remote.ufrag));
        let genuine = message.is_binding_request()
            && named
            && has_fingerprint(datagram)
            && message.verify(self.own.pwd.as_bytes(), hmac_sha1);
        if !genuine {
            return Err(DropReason::Stun);
        }
        let again = self.has_seen(datagram);
        let answer = if message.ice_controlled().is_some() {
            // RFC 8445 section 7.3.1.1. A lite server never controls: the client is to.
            StunMessage::binding_role_conflict_reply(message.trans_id())
        } else {
            if message.use_candidate() && !again {
                // The newest word counts: a client that changes its network nominates another pair.
                self.nominated = Some(path);
            }
            StunMessage::binding_reply(message.trans_id(), path.remote)
        };
        let mut bytes = vec![0; ANSWER_BYTES];
        let len = answer.to_bytes(Some(self.own.pwd.as_bytes()), &mut bytes, hmac_sha1);
        bytes.truncate(len.map_err(|_| DropReason::Stun)?);
        Ok(Check { answer: bytes, again })
    }

    /// Goes by the transaction id, which is random (RFC 8489 section 5).
    fn has_seen(&mut self, check: &[u8]) -> bool {
        let Some((_, id)) = check.first_chunk::<20>().and_then(|header| header.split_last_chunk::<12>()) else {
            return false;
        };
        let again = self.seen.contains(id);
        if !again {
            self.seen.truncate(SEEN_CHECKS - 1);
            self.seen.push_front(*id);
        }
        again
    }

    pub(super) fn nominated(&self) -> Option<Path> {
        self.nominated
    }

    pub(super) fn forget(&mut self, path: Path) {
        if self.nominated == Some(path) {
            self.nominated = None;
        }
    }
}

pub(super) fn hmac_sha1(key: &[u8], parts: &[&[u8]]) -> [u8; 20] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key));
    parts.iter().for_each(|part| context.update(part));
    let mut tag = [0; 20];
    tag.copy_from_slice(context.sign().as_ref());
    tag
}

/// RFC 8489 section 14.7, which ICE demands of each message (RFC 8445 section 7.1).
fn has_fingerprint(datagram: &[u8]) -> bool {
    const ATTRIBUTE: [u8; 4] = [0x80, 0x28, 0, 4];
    const XOR: u32 = 0x5354_554e;
    let Some((covered, [a, b, c, d, value @ ..])) = datagram.split_last_chunk::<8>() else { return false };
    [*a, *b, *c, *d] == ATTRIBUTE && value == &(crc32(covered) ^ XOR).to_be_bytes()
}

/// ISO 3309, reflected. A check has about 100 bytes and there are a few a second: no table.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

/// The server's user name in a STUN binding request: the part of USERNAME before the colon (RFC 8445 section 7.2.2).
pub(super) fn local_ufrag(datagram: &[u8]) -> Result<&str, DropReason> {
    const HEADER: usize = 20;
    const MAGIC: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
    const USERNAME: u16 = 0x0006;
    let is_request = datagram.len() >= HEADER && datagram[..2] == [0, 1] && datagram[4..8] == MAGIC;
    let mut rest = if is_request { &datagram[HEADER..] } else { &[] };
    while let [k0, k1, l0, l1, value @ ..] = rest {
        let len = usize::from(u16::from_be_bytes([*l0, *l1]));
        let value_of = value.get(..len).ok_or(DropReason::Stun)?;
        if u16::from_be_bytes([*k0, *k1]) == USERNAME {
            let name = std::str::from_utf8(value_of).map_err(|_| DropReason::Stun)?;
            return name.split_once(':').map(|(ours, _)| ours).ok_or(DropReason::Stun);
        }
        rest = value.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    Err(DropReason::Stun)
}

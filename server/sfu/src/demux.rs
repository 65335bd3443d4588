//! Whose datagram is this: RFC 7983's first byte, then a table of addresses that ICE has validated, and for STUN the
//! user name. Knows participants, opens no packet further than that.

use crate::{DropReason, ParticipantId, Path, transport};
use std::collections::{BTreeMap, HashMap};

/// Addresses that one transport may have validated at a time; the least recently heard one gives way.
pub const MAX_PATHS: usize = 16;

/// What a datagram carries (RFC 7983 section 7; RTCP by RFC 5761 section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
}

impl Wire {
    pub fn of(datagram: &[u8]) -> Option<Self> {
        match datagram {
            [0..=3, _, ..] => Some(Self::Stun),
            [20..=63, _, ..] => Some(Self::Dtls),
            [128..=191, 192..=223, ..] => Some(Self::Rtcp),
            [128..=191, _, ..] => Some(Self::Rtp),
            _ => None,
        }
    }
}

/// Both tables are bounded by the transports that exist: `MAX_PATHS` addresses and two ufrags for each.
#[derive(Debug, Default)]
pub struct Demux {
    /// Never iterated.
    by_path: HashMap<Path, ParticipantId>,
    /// Never iterated.
    by_ufrag: HashMap<String, ParticipantId>,
    entries: BTreeMap<ParticipantId, Entry>,
}

#[derive(Debug, Default)]
struct Entry {
    paths: Vec<Path>,
    ufrags: Vec<String>,
}

impl Demux {
    pub fn new() -> Self {
        Self::default()
    }

    /// Who gets this datagram. STUN from an address that nobody has validated is routed by user name; its transport
    /// checks the integrity, and tells by `Learned` what to enter with `learn`.
    pub fn route(&self, path: Path, datagram: &[u8]) -> Result<(ParticipantId, Wire), DropReason> {
        let wire = Wire::of(datagram).ok_or(DropReason::NotMedia)?;
        let owner = self.by_path.get(&path).copied();
        match wire {
            Wire::Stun => Ok((self.route_stun(owner, datagram)?, wire)),
            Wire::Dtls | Wire::Rtp | Wire::Rtcp => owner.map(|p| (p, wire)).ok_or(DropReason::NoTransport),
        }
    }

    /// Sets the ufrags under which a transport is found: after each offer that was answered.
    pub fn set_ufrags<'a>(&mut self, participant: ParticipantId, ufrags: impl Iterator<Item = &'a str>) {
        let entry = self.entries.entry(participant).or_default();
        for old in entry.ufrags.drain(..) {
            self.by_ufrag.remove(&old);
        }
        for ufrag in ufrags {
            self.by_ufrag.insert(ufrag.to_owned(), participant);
            entry.ufrags.push(ufrag.to_owned());
        }
    }

    /// Enters what `Transport::handle_stun` found out.
    pub fn learn(&mut self, participant: ParticipantId, learned: &transport::Learned) {
        if let Some(gone) = learned.gone {
            self.forget_path(participant, gone);
        }
        if let Some(path) = learned.new {
            self.by_path.insert(path, participant);
            self.entries.entry(participant).or_default().paths.push(path);
        }
    }

    /// One address ended (a TCP connection closed).
    pub fn forget_path(&mut self, participant: ParticipantId, path: Path) {
        if self.by_path.get(&path) != Some(&participant) {
            return;
        }
        self.by_path.remove(&path);
        if let Some(entry) = self.entries.get_mut(&participant) {
            entry.paths.retain(|p| *p != path);
        }
    }

    /// The transport is gone.
    pub fn remove(&mut self, participant: ParticipantId) {
        let Some(entry) = self.entries.remove(&participant) else { return };
        for path in entry.paths {
            self.by_path.remove(&path);
        }
        for ufrag in entry.ufrags {
            self.by_ufrag.remove(&ufrag);
        }
    }

    /// Which participant has validated this address.
    pub fn owner(&self, path: Path) -> Option<ParticipantId> {
        self.by_path.get(&path).copied()
    }

    fn route_stun(&self, owner: Option<ParticipantId>, datagram: &[u8]) -> Result<ParticipantId, DropReason> {
        let ufrag = transport::local_ufrag(datagram)?;
        let named = self.by_ufrag.get(ufrag).copied().ok_or(DropReason::NoTransport)?;
        // A member of some room who sends from a forged address must not take another one's media away.
        match owner {
            Some(other) if other != named => Err(DropReason::AddressTaken),
            Some(_) | None => Ok(named),
        }
    }
}

//! One participant's ICE, DTLS and SRTP: from datagrams to authenticated packets and back, and the answering of offers.
//! Knows nothing of rooms. The only place that names the crates under it.

mod answer;
mod codecs;
mod dtls;
mod ice;
mod offer;
mod section;
mod srtp;
mod way;

pub use dtls::generate_certificate;
pub use offer::Offer;
pub use section::*;

use crate::demux::MAX_PATHS;
use crate::random::Random;
use crate::{Certificate, DropReason, Egress, LocalCandidate, OfferError, Path, VideoPolicy};
use answer::{Identity, Streams};
use dtls::{Handshake, HandshakeEvent};
use ice::{Check, Credentials, Ice};
use srtp::Srtp;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use way::Way;

/// Silence until a transport counts as lost. Browsers check each 2.5 s (Chromium) to 6 s (Firefox); fewer would call a
/// healthy quiet one lost.
pub const LOST_AFTER: Duration = Duration::from_secs(8);
/// Silence until it is closed: consent has expired (RFC 7675 section 5.1).
pub const CLOSED_AFTER: Duration = Duration::from_secs(30);
/// Before DTLS is done an address gets at most three times what came from it (RFC 9000 section 8.1).
const AMPLIFICATION: usize = 3;
/// Answers to checks and datagrams of the handshake that leave once more, of one transport in a second.
const REPEATED_PER_SECOND: u32 = 50;
const REPEATS_MAX: u8 = 4;
const HANDSHAKE_REPEATS: u8 = 2;
/// A browser on a good path opens its handshake within so many checks.
const CHECKS_GOOD: u32 = 6;
/// Datagrams held back by that until more comes from their address: a flight of the handshake and its repeat.
const HELD: usize = 16;

/// What all transports of a worker share.
#[derive(Debug)]
pub struct Params {
    /// What answers name; in this order of preference.
    pub candidates: Vec<LocalCandidate>,
    pub certificate: Certificate,
    /// Whether simulcast is taken where it is offered.
    pub simulcast: bool,
}

/// What the offer asks for in one section, for the worker to decide about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfferedSection<'a> {
    pub mid: &'a str,
    pub kind: Kind,
    /// The client wants to send.
    pub sends: bool,
    /// The client wants to receive.
    pub receives: bool,
}

/// What the worker allows in one section. The answer's direction is what offer and policy both want.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    pub receive: bool,
    /// `None`: the server sends nothing here.
    pub send: Option<Label>,
    /// How many who are to receive what is published here cannot decode a codec; none where it is not named.
    pub unable: BTreeMap<Codec, usize>,
    /// What is published here.
    pub video: VideoPolicy,
}

/// What the client's page sees of a track that the server sends (`a=msid`); characters outside RFC 8830's token become `_`.
/// Tracks of one stream are played in sync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    pub stream: String,
    pub track: String,
}

/// The outcome of an offer. The sections replace those of earlier offers.
#[derive(Debug, Clone, PartialEq)]
pub struct Negotiated {
    pub answer: String,
    pub sections: Vec<Section>,
    /// The offer had new ICE credentials, so has the answer. Tell `Demux::set_ufrags` after each offer.
    pub ice_restarted: bool,
}

/// What a valid STUN request changed in the addresses of a transport; for `Demux::learn`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Learned {
    pub new: Option<Path>,
    pub gone: Option<Path>,
}

/// An RTP packet that passed authentication: `datagram[..len]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unprotected {
    pub len: usize,
    /// Rollover counter and sequence number (RFC 3711 section 3.3.1). Starts below 65,536.
    pub seq_ext: u64,
}

/// Media cannot be sealed: DTLS is not done, or the transport is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotConnected;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransportEvent {
    /// ICE and DTLS are done: media may flow.
    Connected,
    /// Nothing valid heard for `LOST_AFTER`. It may come back.
    Lost,
    /// Heard again after `Lost`.
    Back,
    /// The end; nothing more goes in or out. Drop the transport and its demux entries.
    Closed(CloseReason),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The client sent DTLS close_notify.
    ByPeer,
    /// Nothing heard for `CLOSED_AFTER`, or never connected within it.
    Silent,
    /// The DTLS handshake failed or timed out.
    Handshake,
    /// The peer's certificate does not have the fingerprint of its offer.
    Fingerprint,
}

/// Why a transport wants to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeoutReason {
    Dtls,
    Silence,
}

/// One ICE + DTLS + SRTP association.
#[derive(Debug)]
pub struct Transport {
    params: Arc<Params>,
    random: Random,
    session_id: u64,
    version: u64,
    cname: String,
    streams: Streams,
    /// The credentials of the last offer, and during a restart those before (RFC 8445 section 9: media goes on there).
    ice: Option<Ice>,
    previous: Option<Ice>,
    handshake: Option<Handshake>,
    /// SHA-256 of the client's certificate.
    fingerprint: Vec<u8>,
    srtp: Option<Box<Srtp>>,
    /// Addresses whose check passed, the one heard last at the end.
    paths: Vec<Known>,
    way: Way,
    phase: Phase,
    heard: Instant,
    events: VecDeque<TransportEvent>,
    ready: Vec<(Path, Vec<u8>)>,
    /// What leaves once more, if it may at once; and how much of that did within a second.
    repeats: Vec<(Path, Vec<u8>)>,
    repeated: (Instant, u32),
    /// Valid checks so far, flights that were sent again, and how often more answers leave once connected.
    checks: u32,
    flights_repeated: u32,
    answer_repeats: u8,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    path: Path,
    received: usize,
    sent: usize,
}

/// When a datagram may go.
enum Leave {
    Now,
    Later,
    /// The address is not known (any more).
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Connecting,
    Connected,
    Lost,
    Closed,
}

impl Transport {
    /// Sends nothing and accepts nothing before the first offer.
    pub fn new(params: Arc<Params>, mut random: Random, now: Instant) -> Self {
        Self {
            params,
            // RFC 8866 section 5.2: numeric; below 2^62 as all parsers take it.
            session_id: random.next_u64() >> 2,
            version: 0,
            cname: random.ice_text(16).replace(['+', '/'], "x"),
            random,
            streams: Streams::new(),
            ice: None,
            previous: None,
            handshake: None,
            fingerprint: Vec::new(),
            srtp: None,
            paths: Vec::new(),
            way: Way::new(now),
            phase: Phase::Connecting,
            heard: now,
            events: VecDeque::new(),
            ready: Vec::new(),
            repeats: Vec::new(),
            repeated: (now, 0),
            checks: 0,
            flights_repeated: 0,
            answer_repeats: 0,
        }
    }

    /// The offer is from another peer connection than the one this transport talks to (its fingerprint is another, as
    /// after a reload of the page): it needs a new transport.
    pub fn is_foreign(&self, offer: &Offer) -> bool {
        self.handshake.is_some() && offer.fingerprint != self.fingerprint
    }

    /// Answers the first or a later offer. On an error nothing has changed. `policy` is asked once for each audio and
    /// video section that is not stopped.
    pub fn handle_offer(
        &mut self,
        now: Instant,
        offer: &Offer,
        policy: &mut dyn FnMut(OfferedSection<'_>) -> Policy,
    ) -> Result<Negotiated, OfferError> {
        if self.is_foreign(offer) {
            return Err(OfferError::Unsupported("the fingerprint changed within one connection".into()));
        }
        let remote = Credentials { ufrag: offer.ufrag.clone(), pwd: offer.pwd.clone() };
        let known = self.ice.as_ref().is_some_and(|ice| *ice.remote() == remote);
        let ice_restarted = !known && self.ice.is_some();
        if !known {
            let fresh = Ice::new(&mut self.random, remote);
            self.previous = self.ice.replace(fresh).or_else(|| self.previous.take());
            self.heard = now;
        }
        if self.handshake.is_none() {
            self.fingerprint.clone_from(&offer.fingerprint);
            self.handshake = Some(Handshake::new(&self.params.certificate, offer.fingerprint.clone(), now));
        }
        self.version += 1;
        let (ufrag, pwd) = self.ice.as_ref().map_or(("", ""), |ice| (&ice.own().ufrag, &ice.own().pwd));
        let identity = Identity {
            params: &self.params,
            ufrag,
            pwd,
            fingerprint: &dtls::fingerprint(&self.params.certificate),
            session_id: self.session_id,
            version: self.version,
            cname: &self.cname,
        };
        let (answer, sections) = answer::answer(offer, &identity, &mut self.streams, &mut self.random, policy);
        Ok(Negotiated { answer, sections, ice_restarted })
    }

    /// User names under which STUN finds this transport: the current one, and during an ICE restart the one before.
    pub fn ufrags(&self) -> impl Iterator<Item = &str> {
        self.ice.iter().chain(&self.previous).map(|ice| ice.own().ufrag.as_str())
    }

    /// A binding request: the answer lies in `poll_transmit`. Nothing is sent back to one with bad integrity, nor to a
    /// repeat from an address that never sent any other.
    pub fn handle_stun(&mut self, now: Instant, path: Path, datagram: &[u8]) -> Result<Learned, DropReason> {
        if self.phase == Phase::Closed {
            return Err(DropReason::NoTransport);
        }
        let generations = [self.ice.as_mut(), self.previous.as_mut()];
        let ice = generations.into_iter().flatten().find(|ice| ice.is_named_by(datagram)).ok_or(DropReason::Stun)?;
        let Check { answer, again } = ice.handle(path, datagram)?;
        // The client repeats a check from where it made it; from elsewhere comes what somebody overheard.
        if again && !self.paths.iter().any(|known| known.path == path) {
            return Err(DropReason::Duplicate);
        }
        self.ready.push((path, answer.clone()));
        let repeats = if self.srtp.is_some() { self.answer_repeats } else { self.handshake_repeats() };
        self.repeat(now, path, repeats, &[answer]);
        if self.ice.as_ref().is_some_and(|ice| ice.nominated().is_some()) {
            self.previous = None;
        }
        let learned = self.know(path, datagram.len());
        self.checks = self.checks.saturating_add(1);
        if !again {
            self.hear(now, path);
        }
        Ok(learned)
    }

    pub fn handle_dtls(&mut self, now: Instant, path: Path, datagram: &[u8]) -> Result<(), DropReason> {
        // Only a valid check makes an address known.
        let known = self.paths.iter_mut().find(|known| known.path == path).ok_or(DropReason::NoTransport)?;
        known.received += datagram.len();
        let handshake = self.handshake.as_mut().filter(|_| self.phase != Phase::Closed).ok_or(DropReason::Dtls)?;
        let events = handshake.handle(datagram, now);
        self.send_records(now, path);
        self.handshaken(now, events);
        Ok(())
    }

    /// Authenticates and decrypts an RTP packet in place.
    pub fn unprotect_rtp(&mut self, now: Instant, path: Path, datagram: &mut [u8]) -> Result<Unprotected, DropReason> {
        let srtp = self.srtp.as_mut().filter(|_| self.phase != Phase::Closed).ok_or(DropReason::Srtp)?;
        let (len, seq_ext) = srtp.open_rtp(datagram)?;
        self.hear_keys(now, path);
        Ok(Unprotected { len, seq_ext })
    }

    /// Authenticates and decrypts an RTCP packet in place; returns its length.
    pub fn unprotect_rtcp(&mut self, now: Instant, path: Path, datagram: &mut [u8]) -> Result<usize, DropReason> {
        let srtp = self.srtp.as_mut().filter(|_| self.phase != Phase::Closed).ok_or(DropReason::Srtp)?;
        let len = srtp.open_rtcp(datagram)?;
        self.hear_keys(now, path);
        Ok(len)
    }

    /// Seals the RTP packet `buffer[start..]` in place and appends the tag (`SRTP_OVERHEAD` bytes at most). `seq_ext` is
    /// the caller's 64-bit number of the packet; its low 16 bits are those of the header, and it starts below 65,536.
    /// The same (SSRC, `seq_ext`) must never be sealed with other bytes: that gives the key away (RFC 7714 section 10).
    pub fn protect_rtp(&mut self, buffer: &mut Vec<u8>, start: usize, seq_ext: u64) -> Result<(), NotConnected> {
        let srtp = self.srtp.as_ref().filter(|_| self.phase != Phase::Closed).ok_or(NotConnected)?;
        srtp.seal_rtp(buffer, start, seq_ext);
        Ok(())
    }

    /// Seals the compound RTCP packet `buffer[start..]` in place and appends index and tag.
    pub fn protect_rtcp(&mut self, buffer: &mut Vec<u8>, start: usize) -> Result<(), NotConnected> {
        let srtp = self.srtp.as_mut().filter(|_| self.phase != Phase::Closed).ok_or(NotConnected)?;
        srtp.seal_rtcp(buffer, start);
        Ok(())
    }

    /// See `room::ahead`.
    pub(crate) fn read_ahead(&self) -> u64 {
        let srtp = self.srtp.as_ref().map_or(0, |srtp| srtp.read_ahead());
        srtp ^ u64::from(self.path().map_or(0, |path| path.remote.port()))
    }

    /// Where media goes: the path that the client nominated last, or the one that it goes on from. `None` before
    /// `Connected`.
    pub fn path(&self) -> Option<Path> {
        self.srtp.as_ref()?;
        self.way_out()
    }

    /// DTLS close_notify to the client; then `Closed` without an event. Drain `poll_transmit` once more.
    pub fn close(&mut self, now: Instant) {
        if let Some(handshake) = &mut self.handshake {
            handshake.close(now);
        }
        if let Some(path) = self.way_out() {
            self.send_records(now, path);
        }
        self.phase = Phase::Closed;
    }

    /// A TCP connection ended. Tell `Demux::forget_path`.
    pub fn forget_path(&mut self, path: Path) {
        self.paths.retain(|known| known.path != path);
        self.way.forget(path);
        for ice in [self.ice.as_mut(), self.previous.as_mut()].into_iter().flatten() {
            ice.forget(path);
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        let silent = now.saturating_duration_since(self.heard);
        match self.phase {
            Phase::Closed => return,
            Phase::Connecting | Phase::Connected | Phase::Lost if silent >= CLOSED_AFTER => {
                return self.end(CloseReason::Silent);
            }
            Phase::Connected if silent >= LOST_AFTER => {
                self.phase = Phase::Lost;
                self.events.push_back(TransportEvent::Lost);
            }
            Phase::Connecting | Phase::Connected | Phase::Lost => {}
        }
        let due = self.handshake.as_mut().filter(|h| h.poll_timeout().is_some_and(|at| at <= now));
        if let Some(handshake) = due {
            let events = handshake.handle_timeout(now);
            self.flights_repeated = self.flights_repeated.saturating_add(1);
            if let Some(path) = self.way_out() {
                self.send_records(now, path);
            }
            self.handshaken(now, events);
        }
        let (way_out, open) = (self.way_out(), matches!(self.phase, Phase::Connecting | Phase::Connected));
        if let Some(handshake) = self.handshake.as_mut().filter(|_| open) {
            if handshake.repeat(now) {
                self.flights_repeated = self.flights_repeated.saturating_add(1);
            }
            match way_out {
                Some(path) => self.send_records(now, path),
                // Its connection ended: what was for it goes nowhere.
                None => drop(handshake.take_records()),
            }
        }
    }

    pub fn poll_timeout(&self) -> Option<(Instant, TimeoutReason)> {
        let silence = match self.phase {
            Phase::Closed => return None,
            Phase::Connected => self.heard + LOST_AFTER,
            Phase::Connecting | Phase::Lost => self.heard + CLOSED_AFTER,
        };
        // The crate names a far deadline also when nothing is open; once the keys are there nothing is repeated.
        let dtls = self.handshake.as_ref().and_then(|handshake| match (self.srtp.is_some(), self.phase) {
            (false, _) => handshake.poll_timeout().into_iter().chain(handshake.repeat_due()).min(),
            (true, Phase::Connected) => handshake.repeat_due(),
            (true, Phase::Connecting | Phase::Lost | Phase::Closed) => None,
        });
        match dtls {
            Some(at) if at < silence => Some((at, TimeoutReason::Dtls)),
            Some(_) | None => Some((silence, TimeoutReason::Silence)),
        }
    }

    /// Moves all STUN and DTLS that is ready to `egress`. After each call of a `handle_…` above and `close`.
    pub fn poll_transmit(&mut self, egress: &mut Egress) {
        for (path, bytes) in std::mem::take(&mut self.ready) {
            match self.leave_for(path, bytes.len()) {
                Leave::Now => egress.push(path, |out| out.extend_from_slice(&bytes)),
                Leave::Later if self.ready.len() < HELD => self.ready.push((path, bytes)),
                Leave::Later | Leave::Never => {}
            }
        }
        // What is sent once more is not worth waiting for.
        for (path, bytes) in std::mem::take(&mut self.repeats) {
            match self.leave_for(path, bytes.len()) {
                Leave::Now => egress.push(path, |out| out.extend_from_slice(&bytes)),
                Leave::Later | Leave::Never => {}
            }
        }
    }

    /// Each answer to a check leaves this often more, as the path loses so many.
    pub fn repeat_answers(&mut self, times: u8) {
        self.answer_repeats = times.min(REPEATS_MAX);
    }

    pub fn poll_event(&mut self) -> Option<TransportEvent> {
        self.events.pop_front()
    }

    /// Names the sending keys in the ledger of sealed packets.
    pub fn key_id(&self) -> Option<u64> {
        self.srtp.as_ref().map(|srtp| srtp.send_id())
    }

    fn handshaken(&mut self, now: Instant, events: Vec<HandshakeEvent>) {
        for event in events {
            match event {
                HandshakeEvent::Keys(keys) => {
                    self.srtp = Some(keys);
                    self.phase = Phase::Connected;
                    self.heard = now;
                    self.events.push_back(TransportEvent::Connected);
                }
                HandshakeEvent::Stranger => self.end(CloseReason::Fingerprint),
                HandshakeEvent::ClosedByPeer => self.end(CloseReason::ByPeer),
                HandshakeEvent::Failed => self.end(CloseReason::Handshake),
            }
        }
    }

    fn end(&mut self, reason: CloseReason) {
        if self.phase != Phase::Closed {
            self.phase = Phase::Closed;
            self.events.push_back(TransportEvent::Closed(reason));
        }
    }

    fn hear_keys(&mut self, now: Instant, path: Path) {
        if let Some(handshake) = &mut self.handshake {
            handshake.confirm();
        }
        self.hear(now, path);
    }

    fn hear(&mut self, now: Instant, path: Path) {
        self.heard = now;
        self.way.hear(now, path, self.nominated());
        if self.phase == Phase::Lost {
            self.phase = Phase::Connected;
            self.events.push_back(TransportEvent::Back);
        }
    }

    /// The nominated path or what stands in for it, else the one heard last: the handshake does not wait for a nomination.
    fn way_out(&self) -> Option<Path> {
        self.way.out(self.nominated()).or_else(|| self.paths.last().map(|known| known.path))
    }

    fn nominated(&self) -> Option<Path> {
        self.ice.iter().chain(&self.previous).find_map(Ice::nominated)
    }

    fn send_records(&mut self, now: Instant, path: Path) {
        let Some(handshake) = &mut self.handshake else { return };
        let records = handshake.take_records();
        self.ready.extend(records.iter().cloned().map(|record| (path, record)));
        // The first flight goes once: on a good path nothing is gained by more.
        let times = if self.flights_repeated > 0 { self.handshake_repeats() } else { 0 };
        self.repeat(now, path, times, &records);
    }

    /// How often more each datagram of the handshake leaves: flights that had to be repeated, and many checks without a
    /// handshake, tell of a bad path.
    fn handshake_repeats(&self) -> u8 {
        let bad = self.flights_repeated > 0 || self.checks > CHECKS_GOOD;
        if bad { HANDSHAKE_REPEATS } else { 0 }
    }

    /// Only to an address whose check passed, as `leave_for` sees to, and so many a second.
    fn repeat(&mut self, now: Instant, path: Path, times: u8, datagrams: &[Vec<u8>]) {
        if now.saturating_duration_since(self.repeated.0) >= Duration::from_secs(1) {
            self.repeated = (now, 0);
        }
        for datagram in (0..times).flat_map(|_| datagrams) {
            if self.repeated.1 >= REPEATED_PER_SECOND {
                return;
            }
            self.repeated.1 += 1;
            self.repeats.push((path, datagram.clone()));
        }
    }

    fn know(&mut self, path: Path, bytes: usize) -> Learned {
        if let Some(at) = self.paths.iter().position(|known| known.path == path) {
            self.paths[at].received += bytes;
            self.paths[at..].rotate_left(1);
            return Learned::default();
        }
        let gone = (self.paths.len() >= MAX_PATHS).then(|| self.least_used_path());
        self.paths.push(Known { path, received: bytes, sent: 0 });
        Learned { new: Some(path), gone }
    }

    /// Takes the address out that was heard longest ago; never the nominated one or the one that media goes to.
    fn least_used_path(&mut self) -> Path {
        let kept = [self.nominated(), self.way_out()];
        let at = self.paths.iter().position(|known| !kept.contains(&Some(known.path))).unwrap_or(0);
        self.paths.remove(at).path
    }

    fn leave_for(&mut self, path: Path, bytes: usize) -> Leave {
        let Some(known) = self.paths.iter_mut().find(|known| known.path == path) else { return Leave::Never };
        if self.srtp.is_none() && known.sent + bytes > AMPLIFICATION * known.received {
            return Leave::Later;
        }
        known.sent += bytes;
        Leave::Now
    }
}

#[cfg(test)]
mod tests;

/// The most that `protect_rtp` adds to a packet.
pub const SRTP_OVERHEAD: usize = 16;

/// The server's user name in a STUN binding request.
pub(crate) fn local_ufrag(datagram: &[u8]) -> Result<&str, DropReason> {
    ice::local_ufrag(datagram)
}

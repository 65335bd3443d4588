//! One participant's ICE, DTLS and SRTP: from datagrams to authenticated packets and back, and the answering of offers.
//! Knows nothing of rooms. The only place that names the crates under it.

mod section;

pub use section::*;

use crate::{Certificate, DropReason, Egress, LocalCandidate, OfferError, Path};
use std::sync::Arc;
use std::time::Instant;

use crate::random::Random;

/// What all transports of a worker share.
#[derive(Debug)]
pub struct Params {
    /// What answers name; in this order of preference.
    pub candidates: Vec<LocalCandidate>,
    pub certificate: Certificate,
    /// Whether simulcast is taken where it is offered.
    pub simulcast: bool,
}

/// An offer that was read and found well-formed, before any transport is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {}

impl Offer {
    /// Errors name the line or the rule (`OfferError::Malformed`, `Unsupported`, `Limit`).
    pub fn parse(_sdp: &str) -> Result<Self, OfferError> {
        Ok(Self {})
    }

    /// The sections of audio and video, in order.
    pub fn sections(&self) -> impl Iterator<Item = OfferedSection<'_>> {
        std::iter::empty()
    }
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
}

impl Transport {
    /// Sends nothing and accepts nothing before the first offer.
    pub fn new(params: Arc<Params>, random: Random, _now: Instant) -> Self {
        Self { params, random }
    }

    /// The offer is from another peer connection than the one this transport talks to (its fingerprint is another, as
    /// after a reload of the page): it needs a new transport.
    pub fn is_foreign(&self, _offer: &Offer) -> bool {
        false
    }

    /// Answers the first or a later offer. On an error nothing has changed. `policy` is asked once for each audio and
    /// video section that is not stopped.
    pub fn handle_offer(
        &mut self,
        _now: Instant,
        _offer: &Offer,
        _policy: &mut dyn FnMut(OfferedSection<'_>) -> Policy,
    ) -> Result<Negotiated, OfferError> {
        let _ = (&self.params, &self.random);
        Err(OfferError::Unsupported(String::new()))
    }

    /// User names under which STUN finds this transport: the current one, and during an ICE restart the one before.
    pub fn ufrags(&self) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }

    /// A binding request: the answer lies in `poll_transmit`. Nothing is sent back to one with bad integrity.
    pub fn handle_stun(&mut self, _now: Instant, _path: Path, _datagram: &[u8]) -> Result<Learned, DropReason> {
        Err(DropReason::Stun)
    }

    pub fn handle_dtls(&mut self, _now: Instant, _path: Path, _datagram: &[u8]) -> Result<(), DropReason> {
        Err(DropReason::Dtls)
    }

    /// Authenticates and decrypts an RTP packet in place.
    pub fn unprotect_rtp(
        &mut self,
        _now: Instant,
        _path: Path,
        _datagram: &mut [u8],
    ) -> Result<Unprotected, DropReason> {
        Err(DropReason::Srtp)
    }

    /// Authenticates and decrypts an RTCP packet in place; returns its length.
    pub fn unprotect_rtcp(&mut self, _now: Instant, _path: Path, _datagram: &mut [u8]) -> Result<usize, DropReason> {
        Err(DropReason::Srtp)
    }

    /// Seals the RTP packet `buffer[start..]` in place and appends the tag (`SRTP_OVERHEAD` bytes at most). `seq_ext` is
    /// the caller's 64-bit number of the packet; its low 16 bits are those of the header, and it starts below 65,536.
    /// The same (SSRC, `seq_ext`) must never be sealed with other bytes: that gives the key away (RFC 7714 section 10).
    pub fn protect_rtp(&mut self, _buffer: &mut Vec<u8>, _start: usize, _seq_ext: u64) -> Result<(), NotConnected> {
        Err(NotConnected)
    }

    /// Seals the compound RTCP packet `buffer[start..]` in place and appends index and tag.
    pub fn protect_rtcp(&mut self, _buffer: &mut Vec<u8>, _start: usize) -> Result<(), NotConnected> {
        Err(NotConnected)
    }

    /// Where media goes: the path that the client nominated last. `None` before `Connected`.
    pub fn path(&self) -> Option<Path> {
        None
    }

    /// DTLS close_notify to the client; then `Closed` without an event. Drain `poll_transmit` once more.
    pub fn close(&mut self, _now: Instant) {}

    /// A TCP connection ended. Tell `Demux::forget_path`.
    pub fn forget_path(&mut self, _path: Path) {}

    pub fn handle_timeout(&mut self, _now: Instant) {}

    pub fn poll_timeout(&self) -> Option<(Instant, TimeoutReason)> {
        None
    }

    /// Moves all STUN and DTLS that is ready to `egress`. After each call of a `handle_…` above and `close`.
    pub fn poll_transmit(&mut self, _egress: &mut Egress) {}

    pub fn poll_event(&mut self) -> Option<TransportEvent> {
        None
    }
}

/// The most that `protect_rtp` adds to a packet.
pub const SRTP_OVERHEAD: usize = 16;

/// The server's user name in a STUN binding request.
pub(crate) fn local_ufrag(_datagram: &[u8]) -> Result<&str, DropReason> {
    Err(DropReason::Stun)
}

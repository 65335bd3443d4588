//! One connection: what it does here, what waits for its socket, and how long it may go on.

use crate::address::{Address, StreamKey};
use crate::client::Client;
use crate::command::{AdmissionId, Role};
use crate::media::Flow;
use crate::outbox::{Bounds, Outbox};
use crate::packet::{LAST_HTTP_CHUNK, Packet};
use crate::session::Session;
use crate::stream::Flows;
use bytes::Bytes;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// How often a peer is asked whether it is there. Dead phones are noticed by the kernel, which wants something to send.
const PING_EVERY: Duration = Duration::from_secs(15);
/// A connection that is to be closed may take so long to read why.
pub(crate) const LINGER: Duration = Duration::from_secs(5);
/// How long the answer to who may do what is waited for.
const ADMISSION_WITHIN: Duration = Duration::from_secs(15);
/// How long a player by HTTP-FLV is kept without an answer while its stream is expected.
pub(crate) const FLV_WITHIN: Duration = Duration::from_secs(10);
/// How often each connection is looked at.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(2);
/// What a publisher may send before it has its answer. Some begin at once, and say their configuration only once.
const EARLY_MESSAGES: usize = 64;
const EARLY_BYTES: usize = 256 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StreamId(pub(crate) u64);

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) remote: IpAddr,
    pub(crate) kind: Kind,
    pub(crate) doing: Doing,
    pub(crate) outbox: Outbox,
    /// It is in the list of those with something to write.
    pub(crate) listed: bool,
    /// It says no more and hears no more; the socket is closed when all is written, or at this time.
    pub(crate) closing: Option<Instant>,
    /// The shell was told to close it.
    pub(crate) closed: bool,
    /// When it began to do what it does: deadlines count from here.
    pub(crate) since: Instant,
    pub(crate) heard: Instant,
    pinged: Instant,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Rtmp(Box<Session>),
    /// We are the client, and publish this stream on another server.
    Push {
        client: Box<Client>,
        stream: StreamKey,
    },
    /// `chunked`: the socket is the HTTP connection's, so that the file is framed here.
    Flv {
        chunked: bool,
    },
}

#[derive(Debug)]
pub(crate) enum Doing {
    /// Handshake, `connect`, or between two streams.
    Nothing,
    /// Waits to be admitted. A publisher's first messages wait with it.
    Asking {
        admission: AdmissionId,
        role: Role,
        address: Box<Address>,
        early: Vec<(Flow, u32, Bytes)>,
    },
    Publishing {
        admission: AdmissionId,
        stream: StreamId,
        allowed: Flows,
    },
    Playing {
        admission: AdmissionId,
        stream: StreamId,
        player: Player,
    },
}

impl Doing {
    pub(crate) fn admission(&self) -> Option<AdmissionId> {
        match self {
            Self::Nothing => None,
            Self::Asking { admission, .. } | Self::Publishing { admission, .. } | Self::Playing { admission, .. } => {
                Some(*admission)
            }
        }
    }
}

/// What a player takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Player {
    /// It was sent the beginning. A player by FLV has no answer before.
    pub(crate) started: bool,
    pub(crate) paused: bool,
    pub(crate) allowed: Flows,
    pub(crate) wanted: Flows,
}

impl Player {
    pub(crate) fn new(allowed: Flows) -> Self {
        Self { started: false, paused: false, allowed, wanted: Flows::BOTH }
    }

    fn takes(&self, flow: Flow) -> bool {
        self.started && !self.paused && self.wanted.allow(flow) && self.allowed.allow(flow)
    }
}

/// Why a connection is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Late {
    /// It did not say in time what it wants.
    Undecided,
    /// The control side did not answer.
    Unanswered,
    /// A publisher says nothing any more.
    Silent,
    /// It reads nothing.
    Stalled,
    /// The expected stream did not come.
    Unexpected,
    /// It was told, and had its time.
    Lingered,
}

impl Connection {
    pub(crate) fn new(now: Instant, remote: IpAddr, kind: Kind) -> Self {
        Self {
            remote,
            kind,
            doing: Doing::Nothing,
            outbox: Outbox::new(now),
            listed: false,
            closing: None,
            closed: false,
            since: now,
            heard: now,
            pinged: now,
        }
    }

    pub(crate) fn session(&mut self) -> Option<&mut Session> {
        match &mut self.kind {
            Kind::Rtmp(session) => Some(session),
            Kind::Push { .. } | Kind::Flv { .. } => None,
        }
    }

    /// Puts what the session has to say behind what waits. `false`: the peer reads nothing of it.
    pub(crate) fn flush(&mut self, now: Instant) -> bool {
        let words = match &mut self.kind {
            Kind::Rtmp(session) => session.take_words(),
            Kind::Push { client, .. } => client.take_words(),
            Kind::Flv { .. } => Vec::new(),
        };
        words.is_empty() || self.outbox.push_word(now, words.into())
    }

    /// A file that ends on purpose says so.
    pub(crate) fn end_file(&mut self, now: Instant) {
        if matches!(self.kind, Kind::Flv { chunked: true }) {
            self.outbox.push_word(now, Bytes::from_static(LAST_HTTP_CHUNK));
        }
    }

    /// Keeps what a publisher sends before it is admitted.
    pub(crate) fn keep_early(&mut self, flow: Flow, time: u32, payload: Bytes) {
        if let Doing::Asking { role: Role::Publish, early, .. } = &mut self.doing {
            let bytes: usize = early.iter().map(|(_, _, payload)| payload.len()).sum();
            if early.len() < EARLY_MESSAGES && bytes + payload.len() <= EARLY_BYTES {
                early.push((flow, time, payload));
            }
        }
    }

    /// Hands a player one message of its stream.
    pub(crate) fn play(&mut self, now: Instant, packet: &Packet, chunk_bytes: u32, bounds: Bounds) {
        let Doing::Playing { player, .. } = &self.doing else { return };
        if !player.takes(packet.media.flow) || self.closing.is_some() {
            return;
        }
        let bytes = match &self.kind {
            Kind::Rtmp(session) if packet.codec().is_some_and(|codec| !session.receives(packet.media.flow, codec)) => {
                return;
            }
            Kind::Rtmp(session) => packet.chunks(session.playing_on(), chunk_bytes),
            Kind::Push { client, .. } => client.chunks(packet),
            Kind::Flv { chunked: false } => packet.tag(),
            Kind::Flv { chunked: true } => packet.http_chunk(),
        };
        self.outbox.push_media(now, bytes, &packet.media, bounds);
    }

    /// Who has used its time up.
    pub(crate) fn is_late(&self, now: Instant, config: &carillon_config::rtmp::Rtmp) -> Option<Late> {
        let passed = |since: Instant, within: Duration| now.saturating_duration_since(since) >= within;
        if let Some(until) = self.closing {
            return (now >= until).then_some(Late::Lingered);
        }
        if self.outbox.stuck_since().is_some_and(|since| passed(since, config.player_stalled())) {
            return Some(Late::Stalled);
        }
        match (&self.doing, &self.kind) {
            (Doing::Nothing, Kind::Rtmp(session)) => {
                let within = if session.is_connected() { config.choose_within() } else { config.connect_within() };
                passed(self.since, within).then_some(Late::Undecided)
            }
            (Doing::Nothing, Kind::Push { .. }) => {
                passed(self.since, config.connect_within()).then_some(Late::Undecided)
            }
            (Doing::Nothing, Kind::Flv { .. }) => Some(Late::Undecided),
            (Doing::Asking { .. }, _) => passed(self.since, ADMISSION_WITHIN).then_some(Late::Unanswered),
            (Doing::Publishing { .. }, _) => passed(self.heard, config.silence()).then_some(Late::Silent),
            (Doing::Playing { player, .. }, Kind::Flv { .. }) => {
                (!player.started && passed(self.since, FLV_WITHIN)).then_some(Late::Unexpected)
            }
            (Doing::Playing { .. }, Kind::Rtmp(_) | Kind::Push { .. }) => None,
        }
    }

    /// Whether a ping is due; it counts as sent.
    pub(crate) fn ping_due(&mut self, now: Instant) -> bool {
        let busy = matches!(self.doing, Doing::Publishing { .. } | Doing::Playing { .. });
        let due = busy && now.saturating_duration_since(self.pinged) >= PING_EVERY;
        if due {
            self.pinged = now;
        }
        due
    }
}

/// A peer's address as it counts for the limit of connections. `None`: loopback, where a proxy stands for everybody.
/// An IPv6 host has at least a /64 to choose its addresses from.
pub(crate) fn counted(remote: IpAddr) -> Option<IpAddr> {
    match remote.to_canonical() {
        ip if ip.is_loopback() => None,
        IpAddr::V6(ip) => Some(std::net::Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64)).into()),
        ip @ IpAddr::V4(_) => Some(ip),
    }
}

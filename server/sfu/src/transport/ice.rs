//! ICE-lite (RFC 8445 section 2.5) behind a small face: the crate `is` answers checks and follows nominations. It draws
//! transaction ids and its tie-breaker from a generator of its own; nothing here depends on them.

use crate::random::Random;
use crate::{DropReason, LocalCandidate, Path, Protocol};
use is::stun::{StunMessage, StunPacket};
use is::{Candidate, IceAgent, IceAgentEvent, IceCreds};
use std::time::Instant;

/// RFC 8839 section 5.4: at least 4 characters (24 bits); 16 bear a table of all transports of a worker.
const UFRAG_LEN: usize = 16;
/// At least 22 characters (128 bits).
const PWD_LEN: usize = 24;
/// Local addresses that are not advertised (a NAT stands before the server) and heard checks all the same.
const LOCALS_LEARNED: usize = 8;

/// One generation of ICE credentials and the checks under it.
#[derive(Debug)]
pub(super) struct Ice {
    agent: IceAgent,
    locals: Vec<LocalCandidate>,
    learned: usize,
    nominated: Option<Path>,
}

impl Ice {
    pub(super) fn new(locals: &[LocalCandidate], random: &mut Random, remote: IceCreds, now: Instant) -> Self {
        let creds = IceCreds { ufrag: random.ice_text(UFRAG_LEN), pass: random.ice_text(PWD_LEN) };
        let mut agent = IceAgent::new(creds);
        agent.set_ice_lite(true);
        agent.set_controlling(false);
        agent.set_remote_credentials(remote);
        let mut ice = Self { agent, locals: Vec::new(), learned: 0, nominated: None };
        locals.iter().for_each(|local| ice.add_local(*local));
        ice.agent.handle_timeout(now);
        ice
    }

    pub(super) fn ufrag(&self) -> &str {
        &self.agent.local_credentials().ufrag
    }

    pub(super) fn pwd(&self) -> &str {
        &self.agent.local_credentials().pass
    }

    pub(super) fn has_remote(&self, ufrag: &str, pwd: &str) -> bool {
        self.agent.remote_credentials().is_some_and(|c| c.ufrag == ufrag && c.pass == pwd)
    }

    /// Whether this is a check meant for this generation, with a valid integrity.
    pub(super) fn accepts(&self, datagram: &[u8]) -> bool {
        StunMessage::parse(datagram).is_ok_and(|m| m.is_binding_request() && self.agent.accepts_message(&m))
    }

    /// A check that `accepts` found valid. Nomination is looked at in `handle_timeout`, so that runs at once: a
    /// handshake that waited for the next one would cost a second.
    pub(super) fn handle(&mut self, now: Instant, path: Path, datagram: &[u8]) -> Result<(), DropReason> {
        self.learn_local(path);
        let message = StunMessage::parse(datagram).map_err(|_| DropReason::Stun)?;
        let proto = protocol(path.protocol);
        let packet = StunPacket { proto, source: path.remote, destination: path.local, message };
        if !self.agent.handle_packet(now, packet) {
            return Err(DropReason::Stun);
        }
        self.agent.handle_timeout(now);
        self.take_events();
        Ok(())
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.agent.handle_timeout(now);
        self.take_events();
    }

    pub(super) fn nominated(&self) -> Option<Path> {
        self.nominated
    }

    pub(super) fn forget(&mut self, path: Path) {
        if self.nominated == Some(path) {
            self.nominated = None;
        }
    }

    pub(super) fn poll_transmit(&mut self) -> Option<(Path, Vec<u8>)> {
        let transmit = self.agent.poll_transmit()?;
        let protocol = match transmit.proto {
            is::Protocol::Udp => Protocol::Udp,
            is::Protocol::Tcp | is::Protocol::SslTcp | is::Protocol::Tls => Protocol::Tcp,
        };
        let path = Path { local: transmit.source, remote: transmit.destination, protocol };
        Some((path, transmit.contents.into()))
    }

    fn take_events(&mut self) {
        while let Some(event) = self.agent.poll_event() {
            match event {
                IceAgentEvent::NominatedSend { proto, source, destination } => {
                    let protocol = if proto == is::Protocol::Udp { Protocol::Udp } else { Protocol::Tcp };
                    self.nominated = Some(Path { local: source, remote: destination, protocol });
                }
                IceAgentEvent::IceRestart(_)
                | IceAgentEvent::IceConnectionStateChange(_)
                | IceAgentEvent::DiscoveredRecv { .. } => {}
            }
        }
    }

    /// An operator may advertise a public address that a NAT maps to a private one: checks come to the private one.
    fn learn_local(&mut self, path: Path) {
        let local = LocalCandidate { address: path.local, protocol: path.protocol };
        if !self.locals.contains(&local) && self.learned < LOCALS_LEARNED {
            self.learned += 1;
            self.add_local(local);
        }
    }

    fn add_local(&mut self, local: LocalCandidate) {
        let candidate = Candidate::host(local.address, protocol(local.protocol));
        if let Ok(candidate) = candidate {
            self.agent.add_local_candidate(candidate);
            self.locals.push(local);
        }
    }
}

fn protocol(protocol: Protocol) -> is::Protocol {
    match protocol {
        Protocol::Udp => is::Protocol::Udp,
        Protocol::Tcp => is::Protocol::Tcp,
    }
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

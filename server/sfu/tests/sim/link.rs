//! A client's ICE and DTLS: the crates under the server, in the browser's roles.

use crate::srtp::Srtp;
use dimpl::{Config, Dtls, DtlsCertificate, Output, certificate};
use is::stun::{StunMessage, StunPacket};
use is::{Candidate, IceAgent, IceAgentEvent, IceCreds, Protocol};
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// What came in, opened.
pub enum Opened {
    Rtp(Vec<u8>, carillon_proto::rtp::SeqExt),
    Rtcp(Vec<u8>),
    Nothing,
}

pub struct Link {
    agent: IceAgent,
    dtls: Dtls,
    dtls_due: Option<Instant>,
    nominated: bool,
    local: SocketAddr,
    server: SocketAddr,
    pub srtp: Option<Srtp>,
    pub out: Vec<Vec<u8>>,
    /// Datagrams that did not open although the keys were there.
    pub broken: u64,
}

impl Link {
    pub fn new(now: Instant, local: SocketAddr, server: SocketAddr) -> Self {
        let mut agent = IceAgent::new(IceCreds::new());
        agent.set_controlling(true);
        // As browsers: checks go on several times a second until one is answered.
        agent.set_initial_stun_rto(Duration::from_millis(100));
        agent.set_max_stun_rto(Duration::from_millis(400));
        agent.set_max_stun_retransmits(30);
        agent.add_local_candidate(host(local));
        // As browsers: a flight is repeated after 50 ms first, then after twice as long each time.
        let config = Config::builder().flight_start_rto(Duration::from_millis(50)).flight_retries(12);
        let config = Arc::new(config.handshake_timeout(Duration::from_secs(60)).build().expect("constant"));
        let mut dtls = Dtls::new_12(config, own_certificate(), now);
        dtls.set_active(true);
        Self { agent, dtls, dtls_due: None, nominated: false, local, server, srtp: None, out: Vec::new(), broken: 0 }
    }

    pub fn ufrag(&self) -> (&str, &str) {
        let own = self.agent.local_credentials();
        (&own.ufrag, &own.pass)
    }

    /// As `a=fingerprint` wants it.
    pub fn fingerprint() -> String {
        let digest = certificate::calculate_fingerprint(&own_certificate().certificate);
        digest.iter().enumerate().fold(String::new(), |mut text, (i, byte)| {
            write!(text, "{}{byte:02X}", if i > 0 { ":" } else { "" }).expect("a string");
            text
        })
    }

    /// Takes the answer's credentials; checks begin.
    pub fn handle_answer(&mut self, now: Instant, ufrag: String, pass: String) {
        let creds = IceCreds { ufrag, pass };
        if self.agent.remote_credentials() == Some(&creds) {
            return;
        }
        self.agent.set_remote_credentials(creds);
        self.agent.add_remote_candidate(host(self.server));
        self.handle_timeout(now);
    }

    /// Checks as often as Chromium does until one is answered (`WEAK_PING_INTERVAL`).
    pub fn check_often(&mut self) {
        self.agent.set_initial_stun_rto(Duration::from_millis(48));
        self.agent.set_max_stun_rto(Duration::from_millis(48));
    }

    /// New credentials: the next offer restarts ICE.
    pub fn restart(&mut self) {
        self.agent.ice_restart(IceCreds::new(), true);
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.agent.handle_timeout(now);
        self.drain(now);
        if self.nominated && self.dtls_due.is_none_or(|due| due <= now) && self.srtp.is_none() {
            self.dtls.handle_timeout(now).expect("a handshake in time");
            self.drain_dtls();
        }
    }

    pub fn due(&mut self) -> Option<Instant> {
        let ice = self.agent.poll_timeout();
        let dtls = self.dtls_due.filter(|_| self.srtp.is_none());
        ice.into_iter().chain(dtls).min()
    }

    pub fn handle_datagram(&mut self, now: Instant, bytes: Vec<u8>) -> Opened {
        match (bytes[0], bytes.get(1).copied().unwrap_or_default()) {
            (0..=3, _) => self.handle_stun(now, &bytes),
            (20..=63, _) => {
                let taken = self.dtls.handle_timeout(now).and_then(|()| self.dtls.handle_packet(&bytes));
                self.broken += u64::from(taken.is_err());
                self.drain_dtls();
            }
            (128..=191, 192..=223) => {
                let opened = self.srtp.as_ref().and_then(|srtp| srtp.open_rtcp(bytes));
                self.broken += u64::from(self.srtp.is_some() && opened.is_none());
                return opened.map_or(Opened::Nothing, Opened::Rtcp);
            }
            (_, _) => {
                let opened = self.srtp.as_mut().and_then(|srtp| srtp.open_rtp(bytes));
                self.broken += u64::from(self.srtp.is_some() && opened.is_none());
                return opened.map_or(Opened::Nothing, |(packet, seq)| Opened::Rtp(packet, seq));
            }
        }
        Opened::Nothing
    }

    pub fn send_rtcp(&mut self, compound: Vec<u8>) {
        if let Some(srtp) = &mut self.srtp {
            self.out.push(srtp.seal_rtcp(compound));
        }
    }

    fn handle_stun(&mut self, now: Instant, bytes: &[u8]) {
        let message = StunMessage::parse(bytes).expect("the server sends no rubbish");
        let packet = StunPacket { proto: Protocol::Udp, source: self.server, destination: self.local, message };
        self.agent.handle_packet(now, packet);
        self.handle_timeout(now);
    }

    fn drain(&mut self, _now: Instant) {
        while let Some(event) = self.agent.poll_event() {
            if let IceAgentEvent::NominatedSend { .. } = event {
                self.nominated = true;
            }
        }
        while let Some(transmit) = self.agent.poll_transmit() {
            self.out.push(transmit.contents.into());
        }
    }

    fn drain_dtls(&mut self) {
        let mut buffer = vec![0; 2_048];
        loop {
            match self.dtls.poll_output(&mut buffer) {
                Output::Packet(record) => self.out.push(record.to_vec()),
                Output::KeyingMaterial(material, _) => self.srtp = Some(Srtp::new(&material)),
                Output::Timeout(at) => {
                    self.dtls_due = Some(at);
                    return;
                }
                _ => {}
            }
        }
    }
}

fn host(address: SocketAddr) -> Candidate {
    Candidate::host(address, Protocol::Udp).expect("an address")
}

/// One for all: making them is the slow part.
fn own_certificate() -> DtlsCertificate {
    static MADE: OnceLock<DtlsCertificate> = OnceLock::new();
    MADE.get_or_init(|| certificate::generate_self_signed_certificate().expect("makes certificates")).clone()
}

//! DTLS 1.2, always as the server (`a=setup:passive`), behind a small face. 1.2 is pinned: the crate's 1.3 server would take
//! the client's first SRTP profile, AES-CM with SHA-1, at three times the cost of GCM. `dimpl` draws its handshake
//! randomness from the crypto library.

use super::srtp::{Profile, Srtp};
use crate::Certificate;
use dimpl::{Config, Dtls, DtlsCertificate, Output, SrtpProfile, certificate};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// Larger than any record it sends: its MTU is 1,150 bytes.
const RECORD_BYTES: usize = 2_048;
/// How long flights are repeated: a client on a bad network still gets through.
const HANDSHAKE_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);
/// A flight is repeated after this, then after twice as long each time; what the client repeats is answered no sooner.
/// WebRTC's 50 ms to 100 ms, not the second of RFC 6347 section 4.2.4.1: on a bad path each try counts.
const FLIGHT_REPEATED: std::time::Duration = std::time::Duration::from_millis(100);
/// Besides, what the client has not answered goes out again this often, evenly: where four of five datagrams are lost, ever
/// longer pauses would use up the client's patience before a flight is whole.
const FLIGHT_AGAIN: std::time::Duration = std::time::Duration::from_millis(200);
/// The last flight is repeated at least this often: 100 bytes.
const LAST_FLIGHT_WAIT_MAX: std::time::Duration = std::time::Duration::from_millis(400);
/// Never the bound: that is the time above.
const FLIGHT_REPEATS: usize = 30;

pub(super) struct Handshake {
    dtls: Dtls,
    /// SHA-256 of the certificate that the offer promised.
    fingerprint: Vec<u8>,
    identified: bool,
    timeout: Option<Instant>,
    records: Vec<Vec<u8>>,
    flight: Option<Flight>,
}

/// What the client lacks if it was lost: the client repeats its own flight ever more seldom, and both may be lost again.
/// So it goes out again, the same bytes, until the client's next one comes, the last until the client shows that it has
/// the keys.
struct Flight {
    records: Vec<Vec<u8>>,
    due: Instant,
    wait: std::time::Duration,
    /// The client may have all and nothing to say: the last flight goes out ever more seldom.
    is_last: bool,
}

#[derive(Debug)]
pub(super) enum HandshakeEvent {
    /// The peer is who the offer said; media may flow under these keys.
    Keys(Box<Srtp>),
    /// The certificate is another than the offer's.
    Stranger,
    ClosedByPeer,
    Failed,
}

impl std::fmt::Debug for Handshake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handshake").field("identified", &self.identified).finish_non_exhaustive()
    }
}

impl Handshake {
    pub(super) fn new(own: &Certificate, fingerprint: Vec<u8>, now: Instant) -> Self {
        let own = DtlsCertificate { certificate: own.der.clone(), private_key: own.private_key.clone() };
        let mut dtls = Dtls::new_12(config(), own, now);
        dtls.set_active(false);
        let mut handshake =
            Self { dtls, fingerprint, identified: false, timeout: None, records: Vec::new(), flight: None };
        // dimpl draws its random here, and without a cookie round trip the first ClientHello already needs it.
        handshake.handle_timeout(now);
        handshake
    }

    pub(super) fn handle(&mut self, datagram: &[u8], now: Instant) -> Vec<HandshakeEvent> {
        // Time first: a client that lost our last flight repeats its own, and dimpl sends ours again only in the time it knows.
        match self.dtls.handle_timeout(now).and_then(|()| self.dtls.handle_packet(datagram)) {
            Ok(()) => {
                let events = self.drain(now);
                if !self.records.is_empty() {
                    let is_last = events.iter().any(|event| matches!(event, HandshakeEvent::Keys(_)));
                    let (records, wait) = (self.records.clone(), FLIGHT_REPEATED);
                    self.flight = Some(Flight { records, due: now + wait, wait, is_last });
                }
                events
            }
            Err(_) => vec![HandshakeEvent::Failed],
        }
    }

    /// Something came under the new keys: the client has our last flight.
    pub(super) fn confirm(&mut self) {
        self.flight = None;
    }

    /// When the newest flight goes out again.
    pub(super) fn repeat_due(&self) -> Option<Instant> {
        self.flight.as_ref().map(|flight| flight.due)
    }

    /// Puts the newest flight to the records once more, where it is due: true then.
    pub(super) fn repeat(&mut self, now: Instant) -> bool {
        let Some(flight) = self.flight.as_mut().filter(|flight| flight.due <= now) else { return false };
        self.records.extend_from_slice(&flight.records);
        let most = if flight.is_last { LAST_FLIGHT_WAIT_MAX } else { FLIGHT_AGAIN };
        flight.wait = (flight.wait * 2).min(most);
        flight.due = now + flight.wait;
        true
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Vec<HandshakeEvent> {
        match self.dtls.handle_timeout(now) {
            Ok(()) => self.drain(now),
            Err(_) => vec![HandshakeEvent::Failed],
        }
    }

    pub(super) fn close(&mut self, now: Instant) {
        if self.dtls.close().is_ok() {
            self.drain(now);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.timeout
    }

    pub(super) fn take_records(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.records)
    }

    fn drain(&mut self, _now: Instant) -> Vec<HandshakeEvent> {
        let mut events = Vec::new();
        let mut buffer = vec![0; RECORD_BYTES];
        loop {
            match self.dtls.poll_output(&mut buffer) {
                Output::Packet(record) => self.records.push(record.to_vec()),
                Output::BufferTooSmall { needed } => buffer.resize(needed, 0),
                Output::Timeout(at) => {
                    self.timeout = Some(at);
                    return events;
                }
                Output::PeerCert(der) => {
                    self.identified = certificate::calculate_fingerprint(der) == self.fingerprint;
                    if !self.identified {
                        events.push(HandshakeEvent::Stranger);
                    }
                }
                Output::KeyingMaterial(material, profile) if self.identified => {
                    let keys = srtp_profile(profile).and_then(|p| Srtp::new_server(p, &material).ok());
                    events.push(keys.map_or(HandshakeEvent::Failed, |keys| HandshakeEvent::Keys(Box::new(keys))));
                }
                Output::CloseNotify => events.push(HandshakeEvent::ClosedByPeer),
                Output::Connected | Output::KeyingMaterial(..) | Output::ApplicationData(_) | _ => {}
            }
        }
    }
}

fn srtp_profile(profile: SrtpProfile) -> Option<Profile> {
    match profile {
        SrtpProfile::AEAD_AES_256_GCM => Some(Profile::AeadAes256Gcm),
        SrtpProfile::AEAD_AES_128_GCM => Some(Profile::AeadAes128Gcm),
        SrtpProfile::AES128_CM_SHA1_80 => Some(Profile::AesCm128HmacSha1_80),
        _ => None,
    }
}

/// One for all transports: it names algorithms and no peer.
fn config() -> Arc<Config> {
    static CONFIG: OnceLock<Arc<Config>> = OnceLock::new();
    let make = || {
        // The ICE check with its integrity has shown that the client hears at its address: no cookie round trip.
        let config = Config::builder().use_server_cookie(false).handshake_timeout(HANDSHAKE_TIMEOUT);
        let config = config.flight_start_rto(FLIGHT_REPEATED).flight_retries(FLIGHT_REPEATS).build();
        Arc::new(config.expect("a constant configuration is valid"))
    };
    CONFIG.get_or_init(make).clone()
}

/// A self-signed certificate out of the system's entropy, for the shell to make once per process.
pub fn generate_certificate() -> Option<Certificate> {
    let made = certificate::generate_self_signed_certificate().ok()?;
    Some(Certificate { der: made.certificate, private_key: made.private_key })
}

/// SHA-256 of a certificate, as `a=fingerprint` carries it.
pub(super) fn fingerprint(own: &Certificate) -> Vec<u8> {
    certificate::calculate_fingerprint(&own.der)
}

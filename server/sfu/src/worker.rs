//! One media thread's engine: its rooms and participants, the way of a datagram through them, and the timers.

use crate::{Command, Egress, LocalCandidate, OfferError, Output, Path, Reason, Stats};
use carillon_config::media::Media;
use carillon_proto::time::Now;
use std::collections::VecDeque;
use std::time::Instant;

/// All rooms of one thread. No room ever spans two workers.
#[derive(Debug)]
pub struct Worker {
    outputs: VecDeque<Output>,
    egress: Egress,
    stats: Stats,
}

/// The certificate that every DTLS handshake of a node shows.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// X.509, DER.
    pub der: Vec<u8>,
    /// PKCS #8, DER.
    pub private_key: Vec<u8>,
}

impl Worker {
    /// `locals` are the addresses that answers name. `seed` feeds every id and secret this worker draws, ICE passwords
    /// among them: outside tests it comes from the operating system.
    pub fn new(
        _config: Media,
        _locals: Vec<LocalCandidate>,
        _certificate: Certificate,
        _seed: [u8; 32],
        _now: Now,
    ) -> Self {
        Self { outputs: VecDeque::new(), egress: Egress::default(), stats: Stats::default() }
    }

    pub fn handle_command(&mut self, _now: Now, command: Command) {
        if let Command::Offer { request, participant, .. } = command {
            self.outputs.push_back(Output::Refused { request, participant, error: OfferError::Gone });
        }
    }

    /// A datagram as it came from the socket (for TCP: one unframed RFC 4571 packet). Its bytes are used as scratch.
    pub fn handle_datagram(&mut self, _now: Now, _path: Path, datagram: &mut [u8]) {
        self.stats.datagrams_in += 1;
        self.stats.bytes_in += datagram.len() as u64;
    }

    /// A TCP connection ended: nothing more is sent there.
    pub fn handle_path_closed(&mut self, _now: Now, _path: Path) {}

    /// Runs what is due. Earlier than `poll_timeout` says is harmless.
    pub fn handle_timeout(&mut self, _now: Now) {}

    /// Drain after each call (or batch of calls) above.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What is ready to go, media of all datagrams handled since the last call included. The caller sends and clears it.
    pub fn egress(&mut self) -> &mut Egress {
        &mut self.egress
    }

    /// When `handle_timeout` is due next, and for whom. `None`: only a datagram or a command can make work.
    pub fn poll_timeout(&self) -> Option<(Instant, Reason)> {
        None
    }

    pub fn stats(&self) -> Stats {
        self.stats.clone()
    }
}

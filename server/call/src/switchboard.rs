//! The engine's face: every command enters here and every output leaves here.

use crate::{Command, Directory, Output, Reason, Stats};
use carillon_config::call::{Call, Rooms};
use carillon_proto::gateway::CallState;
use carillon_proto::id::{AppId, RoomId, UserId};
use carillon_proto::time::Now;
use std::collections::VecDeque;
use std::time::Instant;

/// What an operator may set of this engine.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Config {
    pub call: Call,
    pub rooms: Rooms,
}

/// All calls, invitations, rooms and seats of this process.
#[derive(Debug)]
pub struct Switchboard {
    outputs: VecDeque<Output>,
    stats: Stats,
    config: Config,
}

impl Switchboard {
    pub fn new(config: Config, _seed: u64) -> Self {
        Self { outputs: VecDeque::new(), stats: Stats::default(), config }
    }

    /// Takes back what `Output::Save` kept before the last stop, once, before any command. Nobody is told anything:
    /// seats count as lost and keep the whole grace time, deadlines stay as stored.
    pub fn restore(&mut self, _now: Now, _saved: Vec<(String, String)>) {}

    pub fn handle_command(&mut self, _now: Now, _directory: &dyn Directory, _command: Command) {
        let _ = &self.config;
    }

    pub fn handle_timeout(&mut self, _now: Now, _directory: &dyn Directory) {}

    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub fn poll_timeout(&self) -> Option<(Instant, Reason)> {
        None
    }

    pub fn stats(&self) -> Stats {
        self.stats.clone()
    }

    /// Calls that the user is in or invited to, for the snapshot at sign-in.
    pub fn calls_of(&self, _app: AppId, _user: &UserId) -> Vec<CallState> {
        Vec::new()
    }

    /// Rooms in which the user has a seat, for the snapshot at sign-in.
    pub fn rooms_of(&self, _app: AppId, _user: &UserId) -> Vec<RoomId> {
        Vec::new()
    }

    /// Whether the user is in a call, or rings.
    pub fn is_busy(&self, _app: AppId, _user: &UserId) -> bool {
        false
    }
}

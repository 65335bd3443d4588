//! Publishers and players in virtual time, byte for byte as sockets carry them.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks for one of many")]

mod bad_input;
mod client;
mod push;
mod slow;
mod streams;

use super::*;
use crate::address::Address;
use crate::command::AdmissionId;
use crate::testing::start;
use client::Client;
use std::time::Duration;

pub(super) const AMY: &str = "7/amy?user=amy&token=x";
pub(super) const BEN: &str = "7/amy?user=ben&token=x";

/// More than a test lets wait for one socket.
pub(super) const SLICES: usize = 4_096;

/// A hub, its clock, and what it said.
pub(super) struct World {
    pub(super) hub: Hub,
    pub(super) now: Instant,
    last: u64,
    pub(super) outputs: Vec<Output>,
    /// Questions that nobody has answered, where they are not answered at once.
    pub(super) asked: Vec<(ConnectionId, AdmissionId)>,
    pub(super) hesitant: bool,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(Rtmp::default())
    }

    pub(super) fn with(config: Rtmp) -> Self {
        let hub = Hub::new(config, 7);
        Self { hub, now: start(), last: 0, outputs: Vec::new(), asked: Vec::new(), hesitant: false }
    }

    pub(super) fn next_id(&mut self) -> ConnectionId {
        self.last += 1;
        ConnectionId(self.last)
    }

    pub(super) fn open(&mut self) -> Client {
        let connection = self.next_id();
        let remote = "192.0.2.1".parse().expect("an address");
        self.tell(Command::Open { connection, remote });
        Client::new(connection)
    }

    /// A client that has said `connect` and `createStream`.
    pub(super) fn connect(&mut self) -> Client {
        let mut client = self.open();
        client.connect(self);
        client
    }

    pub(super) fn publisher(&mut self) -> Client {
        let mut client = self.connect();
        client.publish(self, AMY);
        assert_eq!(client.codes(), ["NetStream.Publish.Start"]);
        client
    }

    pub(super) fn player(&mut self) -> Client {
        let mut client = self.connect();
        client.play(self, BEN);
        client
    }

    pub(super) fn flv(&mut self, name: &str, expected: bool) -> ConnectionId {
        self.flv_as(name, expected, false)
    }

    pub(super) fn flv_as(&mut self, name: &str, expected: bool, chunked: bool) -> ConnectionId {
        let connection = self.next_id();
        let remote = "192.0.2.1".parse().expect("an address");
        self.hesitant = true;
        let address = Address::parse("live/1", "", name);
        self.tell(Command::OpenFlv { connection, remote, address, chunked });
        self.hesitant = false;
        for (connection, admission) in std::mem::take(&mut self.asked) {
            self.tell(Command::Admitted { connection, admission, expected, allowed: crate::Flows::BOTH });
        }
        connection
    }

    pub(super) fn tell(&mut self, command: Command) {
        self.hub.handle_command(self.now, command);
        self.drain();
    }

    /// Everybody is admitted, unless the test wants to answer by itself.
    pub(super) fn drain(&mut self) {
        while let Some(output) = self.hub.poll_output() {
            match &output {
                Output::Admit { connection, admission, .. } if self.hesitant => {
                    self.asked.push((*connection, *admission));
                }
                &Output::Admit { connection, admission, .. } => {
                    let admitted =
                        Command::Admitted { connection, admission, expected: false, allowed: crate::Flows::BOTH };
                    self.hub.handle_command(self.now, admitted);
                }
                Output::Left { .. }
                | Output::Flows { .. }
                | Output::Published { .. }
                | Output::Wanted { .. }
                | Output::KeyframeWanted { .. }
                | Output::Tapped { .. }
                | Output::FlvStarted { .. }
                | Output::FlvRefused { .. }
                | Output::Close { .. } => {}
            }
            self.outputs.push(output);
        }
    }

    pub(super) fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some((at, _)) = self.hub.poll_timeout().filter(|(at, _)| *at <= end) {
            self.now = self.now.max(at);
            self.hub.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    pub(super) fn take_outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    pub(super) fn is_closed(&mut self, client: &Client) -> bool {
        let close = Output::Close { connection: client.id };
        self.outputs.contains(&close)
    }

    /// Everything that waits for this socket, which takes it.
    pub(super) fn read(&mut self, id: ConnectionId, bytes_max: usize) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let gathered = self.hub.gather(id, &mut slices);
        assert!(gathered < SLICES, "more waits");
        let mut bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        bytes.truncate(bytes_max);
        self.hub.handle_written(self.now, id, bytes.len());
        self.drain();
        bytes
    }
}

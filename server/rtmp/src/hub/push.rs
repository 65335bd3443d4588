//! Streams published on other servers: a connection of ours that plays here and publishes there.

use super::Hub;
use crate::address::StreamKey;
use crate::client::{Client, Target};
use crate::command::{AdmissionId, ConnectionId};
use crate::connection::{Doing, Kind, Player};
use crate::session::Fault;
use crate::stream::{Flows, Source};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

impl Hub {
    /// Our own connections count for no address.
    pub(super) fn push(&mut self, now: Instant, id: ConnectionId, stream: StreamKey, target: Target) {
        let client = Box::new(Client::new(self.random ^ id.0, target, self.chunk_bytes()));
        if self.open(now, id, IpAddr::V4(Ipv4Addr::LOCALHOST), Kind::Push { client, stream }) {
            self.flush(now, id);
        }
    }

    /// What the other server said had this effect.
    pub(super) fn pushed(&mut self, now: Instant, id: ConnectionId, read: Result<bool, Fault>) {
        match read {
            Ok(started) => {
                self.flush(now, id);
                if started {
                    self.start_push(now, id);
                }
            }
            Err(fault) => {
                self.stats.count_fault(fault);
                self.finish(now, id, true);
            }
        }
    }

    fn start_push(&mut self, now: Instant, id: ConnectionId) {
        let Some(Kind::Push { stream, .. }) = self.connections.get(&id).map(|c| &c.kind) else { return };
        let key = stream.clone();
        let stream_id = self.stream(&key);
        self.last_admission += 1;
        let admission = AdmissionId(self.last_admission);
        let Some(stream) = self.streams.get_mut(&stream_id) else { return };
        stream.players.push(id);
        let published = matches!(stream.source, Source::Connection(_) | Source::Inside);
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.since = now;
            connection.doing = Doing::Playing { admission, stream: stream_id, player: Player::new(Flows::BOTH) };
        }
        self.stats.played += 1;
        self.review(stream_id);
        if published {
            self.begin(now, stream_id, id);
        }
    }
}

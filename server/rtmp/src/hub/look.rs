//! What time alone brings about.

use super::{Hub, Owner};
use crate::command::{ConnectionId, Refusal, Role};
use crate::connection::{Doing, Kind, LOOK_EVERY, Late, StreamId};
use crate::stream::Source;
use std::time::{Duration, Instant};

/// How often a stream is looked at whose flows may end.
pub(super) const STREAM_EVERY: Duration = Duration::from_secs(1);

impl Hub {
    pub(super) fn look_at_connection(&mut self, now: Instant, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if let Some(late) = connection.is_late(now, &self.config) {
            self.stats.count_late(late);
            return self.give_up(now, id, late);
        }
        self.timers.set(Owner::Connection(id), Some(now + LOOK_EVERY));
        if connection.closing.is_none() && connection.ping_due(now) {
            let number = (now.saturating_duration_since(connection.since).as_millis() & 0xffff_ffff) as u32;
            if let Kind::Rtmp(session) = &mut connection.kind {
                session.ping(number);
                self.flush(now, id);
            }
        }
    }

    fn give_up(&mut self, now: Instant, id: ConnectionId, late: Late) {
        let role = match self.doing(id) {
            Some(Doing::Asking { role, .. }) => *role,
            Some(Doing::Nothing | Doing::Publishing { .. } | Doing::Playing { .. }) | None => Role::Play,
        };
        match late {
            Late::Unanswered => self.turn_away(now, id, role, Refusal::Overloaded),
            Late::Unexpected => {
                self.leave(now, id, true);
                self.turn_away(now, id, Role::Play, Refusal::NotFound);
            }
            Late::Undecided | Late::Silent | Late::Stalled | Late::Lingered => self.finish(now, id, true),
        }
    }

    pub(super) fn look_at_stream(&mut self, now: Instant, id: StreamId) {
        let Some(stream) = self.streams.get(&id) else { return };
        if let Source::Lost { since } = stream.source {
            let until = since + self.config.publisher_back();
            return if now >= until {
                self.unpublish(now, id)
            } else {
                self.timers.set(Owner::Stream(id), Some(until))
            };
        }
        let flows = stream.flows(now);
        if flows != stream.told {
            self.tell_flows(now, id, flows);
        } else if stream.flow_ends().is_some() {
            self.timers.set(Owner::Stream(id), Some(now + STREAM_EVERY));
        }
    }
}

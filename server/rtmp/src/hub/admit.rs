//! Who may publish and play: asked of the control side, and what follows from its answer.

use super::{Hub, Owner};
use crate::address::Address;
use crate::command::{AdmissionId, ConnectionId, Output, Refusal, Role};
use crate::connection::{Connection, Doing, Kind, Player};
use crate::media::Flow;
use crate::stream::{Flows, Source};
use bytes::Bytes;
use std::time::Instant;

/// What the control side gave.
type Permission = (AdmissionId, Flows);
/// What was asked for, and what the asker sent meanwhile.
type Question = (Role, Box<Address>, Vec<(Flow, u32, Bytes)>);

impl Hub {
    pub(super) fn ask(&mut self, now: Instant, id: ConnectionId, role: Role, address: Box<Address>) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        self.last_admission += 1;
        let admission = AdmissionId(self.last_admission);
        connection.since = now;
        connection.doing = Doing::Asking { admission, role, address: address.clone(), early: Vec::new() };
        self.outputs.push_back(Output::Admit { connection: id, admission, role, address });
    }

    pub(super) fn admitted(
        &mut self,
        now: Instant,
        id: ConnectionId,
        admission: AdmissionId,
        expected: bool,
        allowed: Flows,
    ) {
        let Some((role, address, early)) = self.take_question(id, admission) else {
            // It went away, or does something else: what it was given is given back.
            return self.outputs.push_back(Output::Left { admission, on_purpose: true });
        };
        match role {
            Role::Publish => {
                self.publish(now, id, (admission, allowed), &address);
                for (flow, time, payload) in early {
                    self.media(now, id, flow, time, payload);
                }
            }
            Role::Play => self.play(now, id, (admission, allowed), &address, expected),
        }
    }

    pub(super) fn refused(&mut self, now: Instant, id: ConnectionId, admission: AdmissionId, refusal: Refusal) {
        if let Some((role, ..)) = self.take_question(id, admission) {
            self.turn_away(now, id, role, refusal);
        }
    }

    /// What a connection asked and still waits for.
    fn take_question(&mut self, id: ConnectionId, admission: AdmissionId) -> Option<Question> {
        let connection = self.connections.get_mut(&id).filter(|c| c.closing.is_none())?;
        match std::mem::replace(&mut connection.doing, Doing::Nothing) {
            Doing::Asking { admission: asked, role, address, early } if asked == admission => {
                Some((role, address, early))
            }
            other @ (Doing::Nothing | Doing::Asking { .. } | Doing::Publishing { .. } | Doing::Playing { .. }) => {
                connection.doing = other;
                None
            }
        }
    }

    /// Says why not, and closes.
    pub(super) fn turn_away(&mut self, now: Instant, id: ConnectionId, role: Role, refusal: Refusal) {
        self.stats.count_refusal(refusal);
        let Some(connection) = self.connections.get_mut(&id) else { return };
        match (&mut connection.kind, role) {
            (Kind::Rtmp(session), Role::Publish) => session.publish_refused(refusal),
            (Kind::Rtmp(session), Role::Play) => session.play_refused(refusal),
            (Kind::Push { .. }, _) => {}
            (Kind::Flv { .. }, _) => self.refuse_flv(id, refusal),
        }
        self.finish(now, id, false);
    }

    /// The request is answered by a status; nothing of it is left to be closed.
    pub(super) fn refuse_flv(&mut self, id: ConnectionId, refusal: Refusal) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.closed = true;
        }
        self.outputs.push_back(Output::FlvRefused { connection: id, refusal });
    }

    pub(super) fn evict(&mut self, now: Instant, id: ConnectionId, admission: AdmissionId) {
        if self.doing(id).and_then(Doing::admission) != Some(admission) {
            return;
        }
        let role = match self.doing(id) {
            None | Some(Doing::Nothing) => return,
            Some(Doing::Asking { role, .. }) => *role,
            Some(Doing::Publishing { .. }) => Role::Publish,
            Some(Doing::Playing { player, .. }) => {
                if !player.started {
                    return self.turn_away(now, id, Role::Play, Refusal::Denied);
                }
                Role::Play
            }
        };
        self.stats.count_refusal(Refusal::Denied);
        let session = self.connections.get_mut(&id).and_then(Connection::session);
        match (session, role) {
            (Some(session), Role::Publish) => session.publish_refused(Refusal::Denied),
            (Some(session), Role::Play) => session.play_refused(Refusal::Denied),
            (None, _) => {}
        }
        self.leave(now, id, true);
        self.finish(now, id, false);
    }

    /// Takes the stream over from whoever published it before: the address says that it is the same publisher.
    fn publish(&mut self, now: Instant, id: ConnectionId, (admission, allowed): Permission, address: &Address) {
        let stream_id = self.stream(&address.stream);
        let Some(stream) = self.streams.get_mut(&stream_id) else { return };
        let before = stream.source;
        stream.start(Source::Connection(id));
        let players = stream.players.clone();
        if let Source::Connection(old) = before {
            self.stats.taken_over += 1;
            self.displace(now, old);
        }
        if matches!(before, Source::None | Source::Inside) {
            self.outputs.push_back(Output::Published { stream: address.stream.clone(), on: true });
            players.iter().for_each(|player| self.notify(now, *player, true));
        }
        for player in players {
            if let Some(connection) = self.connections.get_mut(&player) {
                connection.outbox.want_key();
            }
        }
        self.stats.published += 1;
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.doing = Doing::Publishing { admission, stream: stream_id, allowed };
            connection.since = now;
            if let Some(session) = connection.session() {
                session.publish_started();
            }
        }
        self.flush(now, id);
        self.review(stream_id);
    }

    /// The connection that held the stream before: told, and closed.
    fn displace(&mut self, now: Instant, old: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&old) else { return };
        let before = std::mem::replace(&mut connection.doing, Doing::Nothing);
        if let Some(session) = connection.session() {
            session.taken_over();
        }
        let left = before.admission().map(|admission| Output::Left { admission, on_purpose: true });
        self.outputs.extend(left);
        self.finish(now, old, false);
    }

    /// A player that comes before its publisher waits, and is told nothing: phones give up after three refusals.
    fn play(
        &mut self,
        now: Instant,
        id: ConnectionId,
        (admission, allowed): Permission,
        address: &Address,
        expected: bool,
    ) {
        let stream_id = self.stream(&address.stream);
        let Some(stream) = self.streams.get_mut(&stream_id) else { return };
        let published = stream.source != Source::None;
        stream.players.push(id);
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.since = now;
        connection.doing = Doing::Playing { admission, stream: stream_id, player: Player::new(allowed) };
        self.stats.played += 1;
        let is_flv = matches!(connection.kind, Kind::Flv { .. });
        if let Some(session) = connection.session() {
            session.play_started();
        }
        if is_flv && !published && !expected {
            self.leave(now, id, true);
            return self.turn_away(now, id, Role::Play, Refusal::NotFound);
        }
        self.flush(now, id);
        self.review(stream_id);
        if !is_flv || self.streams.get(&stream_id).is_some_and(crate::stream::Stream::has_media) {
            self.begin(now, stream_id, id);
        }
        self.timers.set(Owner::Stream(stream_id), Some(now + super::look::STREAM_EVERY));
    }
}

//! What passes through a stream: from its publisher to its players, and how either begins and ends.

use super::{Hub, Owner};
use crate::address::StreamKey;
use crate::command::{ConnectionId, Output, Role, Warning};
use crate::connection::{Connection, Doing, Kind, StreamId};
use crate::media::{Class, Flow};
use crate::metadata;
use crate::packet::{Packet, http_chunk};
use crate::plain;
use crate::stream::{Flows, Opening, Source, Stream};
use bytes::Bytes;
use carillon_proto::rtmp::Data;
use std::sync::Arc;
use std::time::Instant;

/// The head of an FLV file, and the size of the tag before the first.
const FLV_HEAD: [u8; 13] = [b'F', b'L', b'V', 1, 0, 0, 0, 0, 9, 0, 0, 0, 0];
const FLV_AUDIO: u8 = 4;
const FLV_VIDEO: u8 = 1;

impl Hub {
    /// A publisher's message. Others send none: what they send anyway is nothing to anybody.
    pub(super) fn media(&mut self, now: Instant, id: ConnectionId, flow: Flow, time: u32, payload: Bytes) {
        match self.doing(id) {
            Some(&Doing::Publishing { stream, allowed, .. }) if allowed.allow(flow) => {
                self.carry(now, stream, flow, time, payload);
            }
            Some(Doing::Asking { .. }) => {
                if let Some(connection) = self.connections.get_mut(&id) {
                    connection.keep_early(flow, time, payload);
                }
            }
            Some(Doing::Nothing | Doing::Publishing { .. } | Doing::Playing { .. }) | None => {}
        }
    }

    pub(super) fn metadata(&mut self, now: Instant, id: ConnectionId, data: &Data) {
        let Some(rebuilt) = metadata::rebuild(data) else { return };
        let Some(&Doing::Publishing { stream: stream_id, .. }) = self.doing(id) else {
            return self.media(now, id, Flow::Data, 0, rebuilt);
        };
        let packet = self.streams.get_mut(&stream_id).and_then(|stream| stream.take_metadata(rebuilt));
        if let Some(packet) = packet {
            self.fan_out(now, stream_id, &packet);
        }
    }

    /// Puts one message onto its stream, and before it what it needs.
    pub(super) fn carry(&mut self, now: Instant, id: StreamId, flow: Flow, time: u32, payload: Bytes) {
        let payload = plain::plain(flow, payload);
        if let Some(header) = self.streams.get(&id).and_then(|stream| stream.ahead_of(flow, &payload)) {
            self.put(now, id, flow, time, header);
        }
        self.put(now, id, flow, time, payload);
    }

    fn put(&mut self, now: Instant, id: StreamId, flow: Flow, time: u32, payload: Bytes) {
        let bounds = self.cache_bounds();
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let Some(packet) = stream.take(now, flow, time, payload, bounds) else { return };
        let flows = stream.flows(now);
        if flows != stream.told {
            self.tell_flows(now, id, flows);
        }
        let resized = (flow == Flow::Video && packet.media.class == Class::Header)
            .then(|| self.streams.get_mut(&id).and_then(Stream::resize))
            .flatten();
        if let Some(metadata) = resized {
            self.fan_out(now, id, &metadata);
        }
        self.fan_out(now, id, &packet);
    }

    fn fan_out(&mut self, now: Instant, id: StreamId, packet: &Arc<Packet>) {
        self.stats.messages += 1;
        let (chunk_bytes, bounds) = (self.chunk_bytes(), self.outbox_bounds());
        let goes = !self.holds(now, id, packet);
        let mut waiting = Vec::new();
        let Self { streams, connections, listed, outputs, .. } = self;
        let Some(stream) = streams.get(&id) else { return };
        if stream.tapped {
            outputs.push_back(Output::Tapped { stream: stream.key.clone(), media: packet.media.clone() });
        }
        let is_header = packet.media.class == Class::Header;
        for player in &stream.players {
            let Some(connection) = connections.get_mut(player) else { continue };
            if !connection.is_playing() {
                // A file begins with what is no configuration: by then every flow has told of its own.
                waiting.extend((!is_header).then_some(*player));
                continue;
            }
            connection.play(now, packet, chunk_bytes, bounds);
            if goes && !connection.listed && !connection.outbox.is_empty() {
                connection.listed = true;
                listed.push_back(*player);
            }
        }
        // What this packet is the last of is in the stream's own memory already.
        waiting.into_iter().for_each(|player| self.begin(now, id, player));
    }

    /// Whether a message is to wait for the next picture: what a player costs is the number of writes to its socket.
    fn holds(&mut self, now: Instant, id: StreamId, packet: &Packet) -> bool {
        let merge = self.config.merge();
        let Some(stream) = self.streams.get_mut(&id) else { return false };
        let holds = packet.media.class == Class::Sound && stream.told.video && !merge.is_zero();
        if holds != stream.sound_waits {
            stream.sound_waits = holds;
            self.timers.set(Owner::Sound(id), holds.then(|| now + merge));
        }
        holds
    }

    /// No picture came.
    pub(super) fn send_sound(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.sound_waits = false;
        for player in stream.players.clone() {
            self.list(player);
        }
    }

    /// Sends a player what it needs first.
    pub(super) fn begin(&mut self, now: Instant, stream_id: StreamId, id: ConnectionId) {
        let Some(stream) = self.streams.get(&stream_id) else { return };
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let Doing::Playing { player, .. } = &mut connection.doing else { return };
        player.started = true;
        if let Kind::Flv { chunked } = connection.kind {
            let mut head = FLV_HEAD;
            let (audio, video) = stream.announced();
            head[4] = if audio { FLV_AUDIO } else { 0 } | if video { FLV_VIDEO } else { 0 };
            let head = if chunked { http_chunk(&head) } else { Bytes::copy_from_slice(&head) };
            connection.outbox.push_word(now, head);
            self.outputs.push_back(Output::FlvStarted { connection: id });
        }
        let opening = stream.opening(now);
        self.open_with(now, stream_id, id, &opening);
    }

    fn resume(&mut self, now: Instant, stream_id: StreamId, id: ConnectionId) {
        if let Some(opening) = self.streams.get(&stream_id).map(Stream::resuming) {
            self.open_with(now, stream_id, id, &opening);
        }
    }

    fn open_with(&mut self, now: Instant, stream_id: StreamId, id: ConnectionId, opening: &Opening) {
        let (chunk_bytes, bounds) = (self.chunk_bytes(), self.outbox_bounds());
        let Some(connection) = self.connections.get_mut(&id) else { return };
        for packet in &opening.packets {
            connection.play(now, packet, chunk_bytes, bounds);
        }
        let Some(stream) = self.streams.get(&stream_id).filter(|_| opening.wants_key) else { return self.list(id) };
        connection.outbox.want_key();
        if stream.source == Source::Inside {
            self.outputs.push_back(Output::KeyframeWanted { stream: stream.key.clone() });
        }
        self.list(id);
    }

    /// The client ends what it does; the connection may go on with something else.
    pub(super) fn stop(&mut self, now: Instant, id: ConnectionId) {
        let Some(publishing) = self.doing(id).and_then(|doing| match doing {
            Doing::Nothing => None,
            Doing::Asking { role, .. } => Some(*role == Role::Publish),
            Doing::Publishing { .. } => Some(true),
            Doing::Playing { .. } => Some(false),
        }) else {
            return;
        };
        self.leave(now, id, true);
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.since = now;
        if let Some(session) = connection.session() {
            session.stopped(publishing);
        }
    }

    /// Takes a connection out of its stream. `on_purpose`: it does not come back.
    pub(super) fn leave(&mut self, now: Instant, id: ConnectionId, on_purpose: bool) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let (stream_id, admission, role) = match std::mem::replace(&mut connection.doing, Doing::Nothing) {
            // Who was asked is told when the answer comes.
            Doing::Nothing | Doing::Asking { .. } => return,
            Doing::Publishing { admission, stream, .. } => (stream, admission, Role::Publish),
            Doing::Playing { admission, stream, .. } => (stream, admission, Role::Play),
        };
        self.outputs.push_back(Output::Left { admission, on_purpose });
        let Some(stream) = self.streams.get_mut(&stream_id) else { return };
        stream.players.retain(|player| *player != id);
        if role == Role::Publish && stream.source == Source::Connection(id) {
            if on_purpose {
                return self.unpublish(now, stream_id);
            }
            self.tell_flows(now, stream_id, Flows::default());
            if let Some(stream) = self.streams.get_mut(&stream_id) {
                stream.stop(Source::Lost { since: now });
            }
            self.timers.set(Owner::Stream(stream_id), Some(now + self.config.publisher_back()));
        }
        self.review(stream_id);
    }

    /// Nobody publishes this stream any more. Players by RTMP are told, and wait for another; a file by HTTP ends.
    pub(super) fn unpublish(&mut self, now: Instant, id: StreamId) {
        let Some(stream) = self.streams.get(&id) else { return };
        let (key, players) = (stream.key.clone(), stream.players.clone());
        let by_connection = matches!(stream.source, Source::Connection(_) | Source::Lost { .. });
        self.tell_flows(now, id, Flows::default());
        if by_connection {
            self.outputs.push_back(Output::Published { stream: key, on: false });
        }
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.stop(Source::None);
        }
        players.into_iter().for_each(|player| self.notify(now, player, false));
        self.review(id);
    }

    /// Tells a player that its stream's publisher is here, or not any more.
    pub(super) fn notify(&mut self, now: Instant, id: ConnectionId, here: bool) {
        match self.connections.get_mut(&id).map(|connection| &mut connection.kind) {
            Some(Kind::Rtmp(session)) => {
                session.publisher(here);
                self.flush(now, id);
            }
            Some(Kind::Push { client, .. }) if !here => {
                client.stop();
                self.finish(now, id, false);
            }
            Some(Kind::Flv { .. }) if !here => self.finish(now, id, false),
            Some(Kind::Push { .. } | Kind::Flv { .. }) | None => {}
        }
    }

    pub(super) fn pause(&mut self, now: Instant, id: ConnectionId, pause: bool) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let Doing::Playing { stream, player, .. } = &mut connection.doing else { return };
        let (stream, was) = (*stream, std::mem::replace(&mut player.paused, pause));
        if was && !pause && player.started {
            self.resume(now, stream, id);
        }
    }

    pub(super) fn want(&mut self, id: ConnectionId, flow: Flow, on: bool) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let Doing::Playing { player, .. } = &mut connection.doing else { return };
        match flow {
            Flow::Audio => player.wanted.audio = on,
            Flow::Video => {
                if on && !player.wanted.video {
                    connection.outbox.want_key();
                }
                player.wanted.video = on;
            }
            Flow::Data => {}
        }
    }

    /// The tap begins like a player: configuration and picture first.
    pub(super) fn tap(&mut self, now: Instant, key: StreamKey, on: bool) {
        let id = self.stream(&key);
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let was = std::mem::replace(&mut stream.tapped, on);
        if on && !was {
            for packet in stream.opening(now).packets {
                self.outputs.push_back(Output::Tapped { stream: key.clone(), media: packet.media.clone() });
            }
        }
        self.review(id);
    }

    pub(super) fn produce(&mut self, now: Instant, key: StreamKey) {
        let id = self.stream(&key);
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if stream.source != Source::None {
            return;
        }
        stream.start(Source::Inside);
        let players = stream.players.clone();
        players.into_iter().for_each(|player| self.notify(now, player, true));
        self.review(id);
    }

    pub(super) fn end_produced(&mut self, now: Instant, key: &StreamKey) {
        let Some(&id) = self.by_key.get(key) else { return };
        if self.streams.get(&id).is_some_and(|stream| stream.source == Source::Inside) {
            self.unpublish(now, id);
        }
    }

    pub(super) fn warn(&mut self, now: Instant, key: &StreamKey, warning: Warning) {
        let stream = self.by_key.get(key).and_then(|id| self.streams.get(id));
        let Some(Source::Connection(id)) = stream.map(|stream| stream.source) else { return };
        if let Some(session) = self.connections.get_mut(&id).and_then(Connection::session) {
            session.warn(warning);
            self.flush(now, id);
        }
    }

    pub(super) fn drain(&mut self, now: Instant, tc_url: Option<&str>) {
        let publishers: Vec<_> = self.connections.keys().copied().collect();
        for id in publishers {
            let Some(connection) = self.connections.get_mut(&id) else { continue };
            let Some(session) = connection.session().filter(|session| session.reconnects()) else { continue };
            session.reconnect(tc_url);
            self.flush(now, id);
        }
    }

    pub(super) fn tell_flows(&mut self, now: Instant, id: StreamId, flows: Flows) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if stream.told == flows {
            return;
        }
        stream.told = flows;
        if stream.source != Source::Inside {
            self.outputs.push_back(Output::Flows { stream: stream.key.clone(), flows });
        }
        let next = now + super::look::STREAM_EVERY;
        self.timers.set(Owner::Stream(id), Some(next));
    }

    /// Tells whether the server should make this stream, and forgets one that nobody has to do with.
    pub(super) fn review(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let open = matches!(stream.source, Source::None | Source::Inside);
        let wanted = open && !stream.players.is_empty();
        if stream.wanted != wanted {
            stream.wanted = wanted;
            self.outputs.push_back(Output::Wanted { stream: stream.key.clone(), on: wanted });
        }
        if stream.source == Source::None && stream.players.is_empty() && !stream.tapped {
            self.stats.clock_jumps += stream.jumps();
            let key = stream.key.clone();
            self.by_key.remove(&key);
            self.streams.remove(&id);
            self.timers.set(Owner::Stream(id), None);
            self.timers.set(Owner::Sound(id), None);
        }
    }
}

impl Connection {
    /// Whether it plays, and has begun to.
    pub(crate) fn is_playing(&self) -> bool {
        matches!(self.doing, Doing::Playing { player, .. } if player.started)
    }
}

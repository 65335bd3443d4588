//! The hub: all connections and all streams, and what passes between them.

mod admit;
mod flow;
mod look;
mod push;
#[cfg(test)]
mod tests;

use crate::address::StreamKey;
use crate::command::{Command, ConnectionId, Output, Reason, Refusal, Role};
use crate::connection::{Connection, Doing, Kind, LOOK_EVERY, StreamId, counted};
use crate::session::{Event, Session};
use crate::stats::Stats;
use crate::stream::{Source, Stream};
use crate::timers::Timers;
use crate::{cache, outbox};
use bytes::Bytes;
use carillon_config::rtmp::Rtmp;
use std::collections::{BTreeMap, VecDeque};
use std::io::IoSlice;
use std::net::IpAddr;
use std::time::Instant;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    Connection(ConnectionId),
    Stream(StreamId),
    /// A stream's sound that waits for a picture.
    Sound(StreamId),
}

/// See the crate's page.
#[derive(Debug)]
pub struct Hub {
    config: Rtmp,
    connections: BTreeMap<ConnectionId, Connection>,
    by_address: BTreeMap<IpAddr, usize>,
    streams: BTreeMap<StreamId, Stream>,
    by_key: BTreeMap<StreamKey, StreamId>,
    last_stream: u64,
    last_admission: u64,
    timers: Timers<Owner>,
    outputs: VecDeque<Output>,
    /// Connections with something to write, each once.
    listed: VecDeque<ConnectionId>,
    /// Fills handshakes; no secret.
    random: u64,
    stats: Stats,
}

impl Hub {
    pub fn new(config: Rtmp, seed: u64) -> Self {
        Self {
            config,
            connections: BTreeMap::new(),
            by_address: BTreeMap::new(),
            streams: BTreeMap::new(),
            by_key: BTreeMap::new(),
            last_stream: 0,
            last_admission: 0,
            timers: Timers::new(),
            outputs: VecDeque::new(),
            listed: VecDeque::new(),
            random: seed,
            stats: Stats::default(),
        }
    }

    pub fn handle_command(&mut self, now: Instant, command: Command) {
        match command {
            Command::Open { connection, remote } => {
                self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(connection.0 | 1);
                let session = Session::new(self.random, self.chunk_bytes());
                self.open(now, connection, remote, Kind::Rtmp(Box::new(session)));
            }
            Command::OpenFlv { connection, remote, address, chunked } => match address {
                Ok(address) if self.open(now, connection, remote, Kind::Flv { chunked }) => {
                    self.ask(now, connection, Role::Play, Box::new(address));
                }
                Ok(_) => self.refuse_flv(connection, Refusal::Overloaded),
                Err(_) => self.refuse_flv(connection, Refusal::Address),
            },
            Command::Push { connection, stream, target } => self.push(now, connection, stream, target),
            Command::Closed { connection } => self.closed(now, connection),
            Command::Admitted { connection, admission, expected, allowed } => {
                self.admitted(now, connection, admission, expected, allowed);
            }
            Command::Refused { connection, admission, refusal } => self.refused(now, connection, admission, refusal),
            Command::Evict { connection, admission } => self.evict(now, connection, admission),
            Command::Tap { stream, on } => self.tap(now, stream, on),
            Command::Produce { stream } => self.produce(now, stream),
            Command::EndProduced { stream } => self.end_produced(now, &stream),
            Command::Warn { stream, warning } => self.warn(now, &stream, warning),
            Command::Drain { tc_url } => self.drain(now, tc_url.as_deref()),
        }
    }

    /// Bytes of a socket. What they lead to is in the outputs and outboxes afterwards.
    pub fn handle_bytes(&mut self, now: Instant, id: ConnectionId, bytes: &[u8]) {
        let Some(connection) = self.connections.get_mut(&id).filter(|c| c.closing.is_none()) else { return };
        connection.heard = now;
        if let Some(session) = connection.session() {
            session.count(bytes.len());
        }
        self.stats.bytes_in += bytes.len() as u64;
        let mut input = bytes;
        if let Kind::Push { client, .. } = &mut connection.kind {
            let read = client.read(&mut input);
            return self.pushed(now, id, read);
        }
        loop {
            let connection = self.connections.get_mut(&id).filter(|c| c.closing.is_none());
            let Some(session) = connection.and_then(Connection::session) else { return };
            match session.next(now, &mut input) {
                Ok(Some(event)) => self.handle_event(now, id, event),
                Ok(None) => break,
                Err(fault) => {
                    self.stats.count_fault(fault);
                    return self.finish(now, id, true);
                }
            }
        }
        self.flush(now, id);
    }

    /// One message of a stream that the server makes (`Command::Produce`), `time` on the maker's clock in milliseconds.
    /// The payload is the body of an FLV tag.
    pub fn handle_produced(&mut self, now: Instant, stream: &StreamKey, flow: crate::Flow, time: u32, payload: Bytes) {
        let Some(&id) = self.by_key.get(stream) else { return };
        if self.streams.get(&id).is_some_and(|stream| stream.source == Source::Inside) {
            self.carry(now, id, flow, time, payload);
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(owner) = self.timers.take_due(now) {
            match owner {
                Owner::Connection(id) => self.look_at_connection(now, id),
                Owner::Stream(id) => self.look_at_stream(now, id),
                Owner::Sound(id) => self.send_sound(id),
            }
        }
    }

    pub fn poll_timeout(&self) -> Option<(Instant, Reason)> {
        let (at, owner) = self.timers.next()?;
        let reason = match owner {
            Owner::Connection(_) => Reason::Connection,
            Owner::Stream(_) => Reason::Stream,
            Owner::Sound(_) => Reason::Sound,
        };
        Some((at, reason))
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// A connection that has something to write and did not have before it was last given out here.
    pub fn poll_writable(&mut self) -> Option<ConnectionId> {
        while let Some(id) = self.listed.pop_front() {
            if let Some(connection) = self.connections.get_mut(&id) {
                connection.listed = false;
                return Some(id);
            }
        }
        None
    }

    /// What is to be written to this socket next, in order, from the front of `slices` on: how many there are.
    pub fn gather<'a>(&'a self, connection: ConnectionId, slices: &mut [IoSlice<'a>]) -> usize {
        self.connections.get(&connection).map_or(0, |connection| connection.outbox.gather(slices))
    }

    /// The socket took so many of the gathered bytes. `false`: there are no more.
    pub fn handle_written(&mut self, now: Instant, id: ConnectionId, count: usize) -> bool {
        let Some(connection) = self.connections.get_mut(&id) else { return false };
        connection.outbox.written(now, count);
        self.stats.bytes_out += count as u64;
        if !connection.outbox.is_empty() {
            return true;
        }
        if connection.closing.is_some() {
            self.close(id);
        }
        false
    }

    /// The next part of an FLV file. `None`: nothing at the moment; `poll_writable` tells when there is.
    pub fn take_flv(&mut self, now: Instant, id: ConnectionId) -> Option<Bytes> {
        let bytes = self.connections.get_mut(&id)?.outbox.pop(now);
        self.stats.bytes_out += bytes.as_ref().map_or(0, Bytes::len) as u64;
        if bytes.is_none() {
            self.close_when_drained(id);
        }
        bytes
    }

    pub fn stats(&self) -> Stats {
        let mut stats = self.stats.clone();
        stats.connections = self.connections.len() as u64;
        stats.streams = self.streams.len() as u64;
        stats.messages_dropped += self.connections.values().map(|c| c.outbox.dropped).sum::<u64>();
        for stream in self.streams.values() {
            stats.publishers += u64::from(matches!(stream.source, Source::Connection(_)));
            stats.players += stream.players.len() as u64;
            stats.cache_bytes += stream.cached_bytes() as u64;
            stats.clock_jumps += stream.jumps();
        }
        stats
    }

    fn handle_event(&mut self, now: Instant, id: ConnectionId, event: Event) {
        match event {
            Event::Connected => {
                if let Some(connection) = self.connections.get_mut(&id) {
                    connection.since = now;
                }
            }
            Event::Publish(Ok(address)) => self.ask(now, id, Role::Publish, address),
            Event::Play(Ok(address)) => self.ask(now, id, Role::Play, address),
            Event::Publish(Err(_)) => self.turn_away(now, id, Role::Publish, Refusal::Address),
            Event::Play(Err(_)) => self.turn_away(now, id, Role::Play, Refusal::Address),
            Event::Media { flow, time, payload } => self.media(now, id, flow, time, payload),
            Event::Metadata(data) => self.metadata(now, id, &data),
            Event::Stop => self.stop(now, id),
            Event::Pause(pause) => self.pause(now, id, pause),
            Event::Want { flow, on } => self.want(id, flow, on),
        }
    }

    /// `false`: there are too many.
    fn open(&mut self, now: Instant, id: ConnectionId, remote: IpAddr, kind: Kind) -> bool {
        let own = counted(remote).map_or(0, |from| self.by_address.get(&from).copied().unwrap_or_default());
        if self.connections.len() >= self.config.connections || own >= self.config.connections_per_address {
            self.stats.connections_refused += 1;
            if matches!(kind, Kind::Rtmp(_) | Kind::Push { .. }) {
                self.outputs.push_back(Output::Close { connection: id });
            }
            return false;
        }
        if let Some(from) = counted(remote) {
            *self.by_address.entry(from).or_default() += 1;
        }
        self.stats.connections_opened += 1;
        self.connections.insert(id, Connection::new(now, remote, kind));
        self.timers.set(Owner::Connection(id), Some(now + LOOK_EVERY));
        true
    }

    /// The shell's last word of a connection.
    fn closed(&mut self, now: Instant, id: ConnectionId) {
        self.leave(now, id, false);
        let Some(connection) = self.connections.remove(&id) else { return };
        self.stats.messages_dropped += connection.outbox.dropped;
        self.timers.set(Owner::Connection(id), None);
        if let Some(from) = counted(connection.remote)
            && let Some(count) = self.by_address.get_mut(&from)
        {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&from);
            }
        }
    }

    /// Ends a connection: at once, or when it has read what was said.
    fn finish(&mut self, now: Instant, id: ConnectionId, at_once: bool) {
        self.leave(now, id, false);
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if !at_once {
            connection.end_file(now);
        }
        let reads = connection.flush(now);
        connection.closing = Some(if at_once || !reads { now } else { now + crate::connection::LINGER });
        if at_once || !reads {
            self.close(id);
        } else {
            self.list(id);
            self.close_when_drained(id);
        }
    }

    fn close_when_drained(&mut self, id: ConnectionId) {
        let drained = self.connections.get(&id).is_some_and(|c| c.closing.is_some() && c.outbox.is_empty());
        if drained {
            self.close(id);
        }
    }

    fn close(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id).filter(|c| !c.closed) else { return };
        connection.closed = true;
        self.outputs.push_back(Output::Close { connection: id });
    }

    /// What its session has to say waits for the socket now.
    fn flush(&mut self, now: Instant, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if connection.flush(now) {
            self.list(id);
        } else {
            self.stats.given_up_stalled += 1;
            self.finish(now, id, true);
        }
    }

    fn list(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if !connection.listed && !connection.outbox.is_empty() {
            connection.listed = true;
            self.listed.push_back(id);
        }
    }

    /// The stream of this name, made where there is none.
    fn stream(&mut self, key: &StreamKey) -> StreamId {
        if let Some(&id) = self.by_key.get(key) {
            return id;
        }
        self.last_stream += 1;
        let id = StreamId(self.last_stream);
        self.by_key.insert(key.clone(), id);
        self.streams.insert(id, Stream::new(key.clone()));
        id
    }

    fn chunk_bytes(&self) -> u32 {
        self.config.chunk_bytes as u32
    }

    fn cache_bounds(&self) -> cache::Bounds {
        cache::Bounds { time: self.config.cache(), bytes: self.config.cache_bytes }
    }

    fn outbox_bounds(&self) -> outbox::Bounds {
        outbox::Bounds { time: self.config.player_queue(), bytes: self.config.player_queue_bytes }
    }

    fn doing(&self, id: ConnectionId) -> Option<&Doing> {
        self.connections.get(&id).map(|connection| &connection.doing)
    }
}

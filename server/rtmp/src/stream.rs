//! One stream: what its publisher sends, put in order, and what those who come need first.

use crate::address::StreamKey;
use crate::cache::{self, Cache};
use crate::command::ConnectionId;
use crate::media::{Class, Flow, Media, classify};
use crate::metadata;
use crate::packet::Packet;
use crate::plain;
use crate::repair::Repair;
use bytes::{Bytes, BytesMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A flow of which nothing came for so long has ended: a camera that is off sends no pictures. Phones in the background
/// send a still picture a few times a second.
const FLOW_ENDS: Duration = Duration::from_secs(3);
/// A player that comes so soon after a keyframe of a source that can be asked for one starts with it.
const KEY_FRESH: Duration = Duration::from_millis(400);

/// Messages that are kept lie together in blocks of so many bytes: a group of pictures comes and goes by a few
/// allocations instead of hundreds.
const BLOCK_BYTES: usize = 64 * 1024;
/// Longer ones lie alone.
const TOGETHER_MAX: usize = 16 * 1024;

/// Who makes the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// Nobody yet.
    None,
    Connection(ConnectionId),
    /// The server itself, out of another kind of media. It can be asked for a keyframe.
    Inside,
    /// Nobody any more, and not on purpose: the same publisher may come back.
    Lost {
        since: Instant,
    },
}

/// Which flows are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flows {
    pub audio: bool,
    pub video: bool,
}

#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) key: StreamKey,
    pub(crate) source: Source,
    pub(crate) players: Vec<ConnectionId>,
    /// Somebody inside the server takes everything, too.
    pub(crate) tapped: bool,
    /// What was told of the flows.
    pub(crate) told: Flows,
    /// It was told that players wait for the server to make it.
    pub(crate) wanted: bool,
    /// Its players have sound that waits for a picture to go with.
    pub(crate) sound_waits: bool,
    repair: Repair,
    metadata: Option<Arc<Packet>>,
    audio: Option<Arc<Packet>>,
    video: Option<Arc<Packet>>,
    cache: Cache,
    /// What is left of the block that is filled.
    block: BytesMut,
    audio_at: Option<Instant>,
    video_at: Option<Instant>,
    /// The end of the line so far.
    head: u32,
}

/// What a player is sent first.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) packets: Vec<Arc<Packet>>,
    /// There is no picture among them that stands alone: the next one is waited for.
    pub(crate) wants_key: bool,
}

impl Flows {
    pub const BOTH: Self = Self { audio: true, video: true };

    pub(crate) fn allow(self, flow: Flow) -> bool {
        match flow {
            Flow::Audio => self.audio,
            Flow::Video => self.video,
            Flow::Data => true,
        }
    }
}

impl Stream {
    pub(crate) fn new(key: StreamKey) -> Self {
        Self {
            key,
            source: Source::None,
            players: Vec::new(),
            tapped: false,
            told: Flows::default(),
            wanted: false,
            sound_waits: false,
            repair: Repair::default(),
            metadata: None,
            audio: None,
            video: None,
            cache: Cache::default(),
            block: BytesMut::new(),
            audio_at: None,
            video_at: None,
            head: 0,
        }
    }

    /// What the publisher sent, as all others get it. `None`: it says nothing new, or nothing at all.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        flow: Flow,
        time: u32,
        payload: Bytes,
        bounds: cache::Bounds,
    ) -> Option<Arc<Packet>> {
        let class = classify(flow, &payload)?;
        match flow {
            Flow::Audio => self.audio_at = Some(now),
            Flow::Video => self.video_at = Some(now),
            Flow::Data => {}
        }
        if class == Class::Header && self.header(flow).is_some_and(|held| held.media.payload == payload) {
            return None;
        }
        let at = self.repair.place(now, flow, time);
        self.head = at;
        // A configuration outlives its group, and would hold the block.
        let payload = if class == Class::Header { payload } else { self.put_together(payload) };
        let packet = Packet::new(Media { flow, class, at, payload });
        match (class, flow) {
            (Class::Header, Flow::Audio) => self.audio = Some(packet.clone()),
            (Class::Header, Flow::Video) => self.video = Some(packet.clone()),
            (Class::Header, Flow::Data) | (Class::Key | Class::Inter | Class::Sound | Class::Data, _) => {}
        }
        let headers: Vec<_> = if class == Class::Key { self.headers().cloned().collect() } else { Vec::new() };
        self.cache.push(now, &packet, &headers, bounds);
        Some(packet)
    }

    fn put_together(&mut self, payload: Bytes) -> Bytes {
        if payload.len() > TOGETHER_MAX {
            return payload;
        }
        if self.block.capacity() < payload.len() {
            self.block = BytesMut::with_capacity(BLOCK_BYTES);
        }
        self.block.extend_from_slice(&payload);
        self.block.split().freeze()
    }

    /// New metadata, as rebuilt for players. `None`: it is what they have.
    pub(crate) fn take_metadata(&mut self, payload: Bytes) -> Option<Arc<Packet>> {
        if self.metadata.as_ref().is_some_and(|held| held.media.payload == payload) {
            return None;
        }
        let packet = Packet::new(Media { flow: Flow::Data, class: Class::Header, at: self.head, payload });
        self.metadata = Some(packet.clone());
        Some(packet)
    }

    /// The configuration that goes ahead of `payload`, where its own parameter sets are not those in force.
    pub(crate) fn ahead_of(&self, flow: Flow, payload: &[u8]) -> Option<Bytes> {
        let key = flow == Flow::Video && classify(flow, payload) == Some(Class::Key);
        let in_force = self.video.as_ref().filter(|_| key)?;
        plain::reconfigured(&in_force.media.payload, payload)
    }

    /// Metadata that says the size of the pictures that come now, where it said another.
    pub(crate) fn resize(&mut self) -> Option<Arc<Packet>> {
        let size = plain::size(&self.video.as_ref()?.media.payload)?;
        let resized = metadata::resized(&self.metadata.as_ref()?.media.payload, size)?;
        self.take_metadata(resized)
    }

    /// For a player that knows the stream already: what is configured now, and then the next keyframe.
    pub(crate) fn resuming(&self) -> Opening {
        let packets = self.metadata.iter().chain(self.headers()).map(|packet| restamped(packet, self.head)).collect();
        Opening { packets, wants_key: true }
    }

    pub(crate) fn opening(&self, now: Instant) -> Opening {
        let inside = self.source == Source::Inside;
        let cached = self.cache.key_at().is_some_and(|at| !inside || now.saturating_duration_since(at) <= KEY_FRESH);
        let Some(first) = self.cache.packets().next().filter(|_| cached) else { return self.resuming() };
        let before = self.metadata.iter().chain(self.cache.headers()).map(|packet| restamped(packet, first.media.at));
        Opening { packets: before.chain(self.cache.packets().cloned()).collect(), wants_key: false }
    }

    /// A publisher comes: the line goes on, what was configured does not.
    pub(crate) fn start(&mut self, source: Source) {
        // The flows of what the server makes are nobody's news.
        if self.source == Source::Inside {
            self.told = Flows::default();
        }
        self.source = source;
        self.repair.restart();
        (self.audio_at, self.video_at) = (None, None);
        (self.metadata, self.audio, self.video) = (None, None, None);
        self.cache.clear();
    }

    /// The publisher is gone: nothing of it is shown to those who come later.
    pub(crate) fn stop(&mut self, source: Source) {
        self.start(source);
    }

    pub(crate) fn flows(&self, now: Instant) -> Flows {
        let live = |at: Option<Instant>| at.is_some_and(|at| now.saturating_duration_since(at) < FLOW_ENDS);
        Flows { audio: live(self.audio_at), video: live(self.video_at) }
    }

    /// When a flow would end, were nothing to come any more.
    pub(crate) fn flow_ends(&self) -> Option<Instant> {
        let told = [(self.told.audio, self.audio_at), (self.told.video, self.video_at)];
        told.into_iter().filter(|(told, _)| *told).filter_map(|(_, at)| Some(at? + FLOW_ENDS)).min()
    }

    pub(crate) fn has_media(&self) -> bool {
        self.audio.is_some() || self.video.is_some() || self.cache.key_at().is_some()
    }

    /// Whether there will be sound, and pictures, as far as the publisher has told. Both, where it has told nothing.
    pub(crate) fn announced(&self) -> (bool, bool) {
        let metadata = self.metadata.as_ref().map(|packet| &packet.media.payload);
        let says = |name: &str| metadata.is_some_and(|bytes| bytes.windows(name.len()).any(|w| w == name.as_bytes()));
        let told = (self.audio.is_some() || says("audiocodecid"), self.video.is_some() || says("videocodecid"));
        if told == (false, false) { (true, true) } else { told }
    }

    pub(crate) fn cached_bytes(&self) -> usize {
        self.cache.bytes()
    }

    pub(crate) fn jumps(&self) -> u64 {
        self.repair.jumps
    }

    fn header(&self, flow: Flow) -> Option<&Arc<Packet>> {
        match flow {
            Flow::Audio => self.audio.as_ref(),
            Flow::Video => self.video.as_ref(),
            Flow::Data => None,
        }
    }

    fn headers(&self) -> impl Iterator<Item = &Arc<Packet>> {
        self.video.iter().chain(self.audio.iter())
    }
}

/// Players hold a configuration that is older than what it configures for a step back.
fn restamped(packet: &Arc<Packet>, at: u32) -> Arc<Packet> {
    if packet.media.at == at { packet.clone() } else { Packet::new(Media { at, ..packet.media.clone() }) }
}

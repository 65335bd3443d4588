//! What a player that comes gets at once: everything from the last keyframe on, with the configuration that held there.

use crate::media::Class;
use crate::packet::Packet;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Messages of one cache: ten seconds of 60 pictures and 94 pieces of sound have 1,540.
const MESSAGES_MAX: usize = 4_096;

/// Bounds of one stream's cache. With no time or no bytes nothing is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) time: Duration,
    pub(crate) bytes: usize,
}

/// The group of pictures that runs. Too long a one is not kept at all: its end means nothing without its beginning.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    headers: Vec<Arc<Packet>>,
    packets: VecDeque<Arc<Packet>>,
    bytes: usize,
    key_at: Option<Instant>,
}

impl Cache {
    /// `headers`: what a decoder must have been told when this packet comes, besides it.
    pub(crate) fn push(&mut self, now: Instant, packet: &Arc<Packet>, headers: &[Arc<Packet>], bounds: Bounds) {
        if packet.media.class == Class::Key {
            self.clear();
            self.key_at = Some(now);
            self.headers = headers.to_vec();
        }
        let Some(key_at) = self.key_at else { return };
        self.bytes += packet.media.payload.len();
        self.packets.push_back(packet.clone());
        let late = now.saturating_duration_since(key_at) > bounds.time;
        if late || self.bytes > bounds.bytes || self.packets.len() > MESSAGES_MAX {
            self.clear();
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// When the picture that the cache starts with came.
    pub(crate) fn key_at(&self) -> Option<Instant> {
        self.key_at
    }

    /// The configuration that held at the keyframe.
    pub(crate) fn headers(&self) -> &[Arc<Packet>] {
        &self.headers
    }

    /// In order, from the keyframe on.
    pub(crate) fn packets(&self) -> impl Iterator<Item = &Arc<Packet>> {
        self.packets.iter()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{Flow, Media};
    use crate::testing::start;

    const BOUNDS: Bounds = Bounds { time: Duration::from_secs(10), bytes: 1_000 };

    fn packet(class: Class, mark: u8, bytes: usize) -> Arc<Packet> {
        Packet::new(Media { flow: Flow::Video, class, at: 0, payload: vec![mark; bytes].into() })
    }

    fn marks(cache: &Cache) -> Vec<u8> {
        cache.packets().map(|packet| packet.media.payload[0]).collect()
    }

    #[test]
    fn begins_with_configuration_and_keyframe() {
        let (mut cache, header) = (Cache::default(), packet(Class::Header, 9, 5));
        for (class, mark) in [
            (Class::Sound, 1),
            (Class::Inter, 2),
            (Class::Key, 3),
            (Class::Sound, 4),
            (Class::Key, 5),
            (Class::Inter, 6),
        ] {
            cache.push(start(), &packet(class, mark, 10), std::slice::from_ref(&header), BOUNDS);
        }
        assert_eq!(marks(&cache), [5, 6]);
        assert_eq!(cache.headers().len(), 1);
        assert_eq!(cache.bytes(), 20);
    }

    #[test]
    fn too_long_a_group_is_given_up_to_the_next_keyframe() {
        let now = start();
        let late = now + Duration::from_secs(11);
        for (at, bytes) in [(late, 10), (now, 1_001)] {
            let mut cache = Cache::default();
            cache.push(now, &packet(Class::Key, 1, 10), &[], BOUNDS);
            cache.push(at, &packet(Class::Inter, 2, bytes), &[], BOUNDS);
            cache.push(at, &packet(Class::Inter, 3, 10), &[], BOUNDS);
            assert!(marks(&cache).is_empty());
            cache.push(at, &packet(Class::Key, 4, 10), &[], BOUNDS);
            assert_eq!(marks(&cache), [4]);
        }
    }
}

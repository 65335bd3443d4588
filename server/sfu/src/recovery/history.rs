//! The recent packets of one source track, once, for everybody: forwarding, repairs and late starts read from here.

use crate::ingress::Packet;
use bytes::{Bytes, BytesMut};
use carillon_proto::rtp::SeqExt;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Bounds of one history.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) age: Duration,
    pub(crate) packets: usize,
    pub(crate) bytes: usize,
}

/// What became of a packet that was to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Insert {
    /// Newer than all before.
    Head,
    /// It fills a hole.
    Filled,
    Duplicate,
    /// Older than anything kept.
    Late,
}

/// Slots in sequence order, holes among them, so that a number finds its packet by subtraction.
#[derive(Debug)]
pub(crate) struct History {
    limits: Limits,
    /// The number of `slots[0]`.
    base: u64,
    slots: VecDeque<Option<Packet>>,
    /// Payload bytes kept.
    bytes: usize,
    /// The newest packet that opens a keyframe.
    keyframe: Option<SeqExt>,
    payloads: Payloads,
}

impl History {
    /// `chunk_bytes`: payloads are carved from allocations of this size.
    pub(crate) fn new(limits: Limits, chunk_bytes: usize) -> Self {
        let payloads = Payloads { chunk: BytesMut::new(), chunk_bytes };
        Self { limits, base: 0, slots: VecDeque::new(), bytes: 0, keyframe: None, payloads }
    }

    /// Packets are kept for this long from now on.
    pub(crate) fn set_age(&mut self, age: Duration) {
        self.limits.age = age;
    }

    /// Copies a payload out of a datagram; the copy is shared from then on.
    pub(crate) fn carve(&mut self, payload: &[u8]) -> Bytes {
        self.payloads.carve(payload)
    }

    /// Keeps `packet` and lets go of what is out of bounds.
    pub(crate) fn insert(&mut self, packet: Packet) -> Insert {
        let seq = packet.seq.0;
        if self.slots.is_empty() {
            self.base = seq;
        }
        if seq < self.base {
            return Insert::Late;
        }
        let now = packet.arrival;
        let keyframe = packet.marks.keyframe.then_some(packet.seq);
        let next = self.base + self.slots.len() as u64;
        let bytes = packet.payload.len();
        if seq < next {
            let slot = &mut self.slots[(seq - self.base) as usize];
            if slot.is_some() {
                return Insert::Duplicate;
            }
            *slot = Some(packet);
            self.bytes += bytes;
            self.keyframe = self.keyframe.max(keyframe);
            self.trim(now);
            return Insert::Filled;
        }
        self.open_to(seq, next);
        self.slots.push_back(Some(packet));
        self.bytes += bytes;
        self.keyframe = keyframe.or(self.keyframe);
        self.trim(now);
        Insert::Head
    }

    pub(crate) fn get(&self, seq: SeqExt) -> Option<&Packet> {
        let index = usize::try_from(seq.0.checked_sub(self.base)?).ok()?;
        self.slots.get(index)?.as_ref()
    }

    /// True where `seq` is older than anything kept. Nothing kept: false.
    pub(crate) fn is_past(&self, seq: SeqExt) -> bool {
        !self.slots.is_empty() && seq.0 < self.base
    }

    /// True where `seq` lies so far ahead that nothing kept would be left behind it.
    pub(crate) fn is_beyond(&self, seq: SeqExt) -> bool {
        let next = self.base + self.slots.len() as u64;
        !self.slots.is_empty() && seq.0.saturating_sub(next) >= self.limits.packets as u64
    }

    /// The newest number kept.
    pub(crate) fn head(&self) -> Option<SeqExt> {
        self.slots.len().checked_sub(1).map(|n| SeqExt(self.base + n as u64))
    }

    /// What is kept from `from` on, in order, holes left out.
    pub(crate) fn since(&self, from: SeqExt) -> impl Iterator<Item = &Packet> {
        let skip = usize::try_from(from.0.saturating_sub(self.base)).unwrap_or(usize::MAX);
        self.slots.range(skip.min(self.slots.len())..).flatten()
    }

    /// True where all packets from `from` to the newest are kept.
    pub(crate) fn is_whole_since(&self, from: SeqExt) -> bool {
        let Some(skip) = from.0.checked_sub(self.base).and_then(|n| usize::try_from(n).ok()) else { return false };
        skip < self.slots.len() && self.slots.range(skip..).all(Option::is_some)
    }

    /// The first packet of the newest keyframe, where that is kept, and the one that was known by its payload: H.264
    /// has parameter sets of the same time before it.
    pub(crate) fn newest_keyframe(&self) -> Option<(&Packet, SeqExt)> {
        let known = self.keyframe?;
        let mut first = self.get(known)?;
        while let Some(before) = self.get(SeqExt(first.seq.0.checked_sub(1)?)).filter(|p| p.time == first.time) {
            first = before;
        }
        Some((first, known))
    }

    /// Lets go of everything: another source follows.
    pub(crate) fn clear(&mut self) {
        self.slots.clear();
        self.bytes = 0;
        self.keyframe = None;
    }

    /// Holes between the newest packet and `seq`. A jump past the whole bound leaves nothing behind.
    fn open_to(&mut self, seq: u64, next: u64) {
        let gap = usize::try_from(seq - next).unwrap_or(usize::MAX);
        if gap >= self.limits.packets {
            self.clear();
            self.base = seq;
            return;
        }
        self.slots.extend(std::iter::repeat_with(|| None).take(gap));
    }

    fn trim(&mut self, now: Instant) {
        while self.slots.len() > 1 && self.front_goes(now) {
            if let Some(Some(packet)) = self.slots.pop_front() {
                self.bytes -= packet.payload.len();
            }
            self.base += 1;
        }
    }

    fn front_goes(&self, now: Instant) -> bool {
        let over = self.slots.len() > self.limits.packets || self.bytes > self.limits.bytes;
        // A hole goes with the packets before it: it cannot be younger than the next packet kept.
        let old = self.slots.front().is_some_and(|slot| match slot {
            Some(packet) => now.saturating_duration_since(packet.arrival) > self.limits.age,
            None => true,
        });
        over || old
    }
}

/// Payloads lie together in chunks: one allocation for many packets, freed when the last of them goes.
#[derive(Debug)]
struct Payloads {
    chunk: BytesMut,
    chunk_bytes: usize,
}

impl Payloads {
    fn carve(&mut self, payload: &[u8]) -> Bytes {
        if self.chunk.capacity() < payload.len() {
            self.chunk = BytesMut::with_capacity(self.chunk_bytes.max(payload.len()));
        }
        self.chunk.extend_from_slice(payload);
        self.chunk.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingress::Marks;
    use crate::testing::start;
    use carillon_proto::rtp::RtpTime;

    fn limits() -> Limits {
        Limits { age: Duration::from_secs(3), packets: 100, bytes: 10_000 }
    }

    fn packet(seq: u64, arrival: Instant, bytes: usize) -> Packet {
        Packet::for_test(seq, arrival, Bytes::from(vec![0; bytes]))
    }

    #[test]
    fn a_number_finds_its_packet_and_a_hole_is_filled_once() {
        let (mut h, t) = (History::new(limits(), 4096), start());
        assert_eq!(h.insert(packet(10, t, 1)), Insert::Head);
        assert_eq!(h.insert(packet(13, t, 1)), Insert::Head);
        assert!(h.get(SeqExt(11)).is_none() && !h.is_whole_since(SeqExt(10)));
        assert_eq!(h.insert(packet(11, t, 1)), Insert::Filled);
        assert_eq!(h.insert(packet(11, t, 1)), Insert::Duplicate);
        assert_eq!(h.insert(packet(12, t, 1)), Insert::Filled);
        assert_eq!(h.insert(packet(9, t, 1)), Insert::Late);
        assert!(h.is_whole_since(SeqExt(10)) && !h.is_whole_since(SeqExt(14)));
        let kept: Vec<u64> = h.since(SeqExt(12)).map(|p| p.seq.0).collect();
        assert_eq!((kept, h.head()), (vec![12, 13], Some(SeqExt(13))));
    }

    #[test]
    fn age_number_and_bytes_are_bounded() {
        let (mut h, t) = (History::new(limits(), 4096), start());
        for n in 0..1_000u64 {
            h.insert(packet(n, t, 10));
            assert!(h.slots.len() <= 100);
        }
        h.insert(packet(1_000, t + Duration::from_secs(4), 10));
        assert_eq!(h.slots.len(), 1);
        for n in 1_001..1_100 {
            h.insert(packet(n, t + Duration::from_secs(4), 1_000));
            assert!(h.bytes <= 10_000 && h.slots.len() <= 12);
        }
    }

    #[test]
    fn a_jump_past_the_bound_starts_anew() {
        let (mut h, t) = (History::new(limits(), 4096), start());
        h.insert(packet(5, t, 10));
        assert_eq!(h.insert(packet(u64::MAX >> 16, t, 10)), Insert::Head);
        assert_eq!((h.slots.len(), h.bytes, h.is_past(SeqExt(5))), (1, 10, true));
    }

    #[test]
    fn holes_leave_with_their_age() {
        let (mut h, t) = (History::new(limits(), 4096), start());
        h.insert(packet(1, t, 1));
        h.insert(packet(50, t + Duration::from_secs(1), 1));
        h.insert(packet(51, t + Duration::from_millis(3_500), 1));
        assert_eq!(h.base, 50);
    }

    #[test]
    fn a_keyframe_begins_with_the_first_packet_of_its_time() {
        let (mut h, t) = (History::new(limits(), 4096), start());
        let key = Marks { keyframe: true, vp8: None };
        for (seq, time, marks) in [(1, 10, key), (2, 20, Marks::default()), (3, 20, key), (4, 20, Marks::default())] {
            h.insert(Packet { time: RtpTime(time), marks, ..packet(seq, t, 1) });
        }
        assert_eq!(h.newest_keyframe().map(|(first, known)| (first.seq.0, known.0)), Some((2, 3)));
        h.insert(Packet { time: RtpTime(30), marks: key, ..packet(6, t, 1) });
        h.insert(Packet { time: RtpTime(29), marks: key, ..packet(5, t, 1) });
        assert_eq!(h.newest_keyframe().map(|(first, known)| (first.seq.0, known.0)), Some((6, 6)));
        assert!(h.is_beyond(SeqExt(107)) && !h.is_beyond(SeqExt(106)));
    }

    #[test]
    fn payloads_share_chunks() {
        let mut h = History::new(limits(), 64);
        let (a, b, big) = (h.carve(&[1; 30]), h.carve(&[2; 30]), h.carve(&[3; 500]));
        assert_eq!((&a[..], &b[..], big.len()), (&[1; 30][..], &[2; 30][..], 500));
        assert_eq!(a.as_ptr().wrapping_add(30), b.as_ptr());
    }
}

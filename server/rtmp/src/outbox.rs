//! What waits for one connection's socket. A slow player never holds anybody up: what waits is bounded by time and by
//! bytes, pictures make way before sound, and a decoder is never shown half of what it needs.

use crate::media::{Class, Flow, Media};
use bytes::Bytes;
use std::collections::VecDeque;
use std::io::IoSlice;
use std::time::{Duration, Instant};

/// Bytes of replies, pings and statuses that may wait. Far above what a session says to a peer that reads.
const WORDS_MAX: usize = 64 * 1024;
/// An emptied queue keeps room for so many entries.
const ROOM_KEPT: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// The protocol's own: never left out.
    Word,
    Media(Flow, Class),
}

#[derive(Debug)]
struct Item {
    bytes: Bytes,
    what: What,
    since: Instant,
}

/// How much may wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) time: Duration,
    pub(crate) bytes: usize,
}

#[derive(Debug)]
pub(crate) struct Outbox {
    items: VecDeque<Item>,
    /// Bytes of the first item that are gone already.
    gone: usize,
    bytes: usize,
    words: usize,
    /// Pictures were left out: those that need them are, too.
    wants_key: bool,
    /// When bytes last left, or began to wait.
    progress: Instant,
    /// Messages of media left out.
    pub(crate) dropped: u64,
}

impl Outbox {
    pub(crate) fn new(now: Instant) -> Self {
        Self { items: VecDeque::new(), gone: 0, bytes: 0, words: 0, wants_key: false, progress: now, dropped: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Since when nothing has left although something waits.
    pub(crate) fn stuck_since(&self) -> Option<Instant> {
        (!self.is_empty()).then_some(self.progress)
    }

    /// Pictures are left out from here on until one stands alone.
    pub(crate) fn want_key(&mut self) {
        self.wants_key = true;
    }

    #[cfg(test)]
    pub(crate) fn wants_key(&self) -> bool {
        self.wants_key
    }

    /// `false`: so much of it waits that the peer does not read.
    pub(crate) fn push_word(&mut self, now: Instant, bytes: Bytes) -> bool {
        self.words += bytes.len();
        self.push(now, bytes, What::Word);
        self.words <= WORDS_MAX
    }

    pub(crate) fn push_media(&mut self, now: Instant, bytes: Bytes, media: &Media, bounds: Bounds) {
        match media.class {
            Class::Key => self.wants_key = false,
            Class::Inter if self.wants_key => {
                self.dropped += 1;
                return;
            }
            Class::Inter | Class::Header | Class::Sound | Class::Data => {}
        }
        self.push(now, bytes, What::Media(media.flow, media.class));
        if self.is_over(now, bounds) {
            self.cut(now, bounds);
        }
    }

    /// The bytes to write next, in order, in as many slices as there is room for: how many that are.
    pub(crate) fn gather<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut skip = self.gone;
        for (slice, item) in slices.iter_mut().zip(&self.items) {
            *slice = IoSlice::new(&item.bytes[skip..]);
            skip = 0;
        }
        slices.len().min(self.items.len())
    }

    /// The next bytes, for those who take whole messages. They count as written.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<Bytes> {
        let item = self.items.pop_front()?;
        let bytes = item.bytes.slice(self.gone..);
        self.left(now, bytes.len(), &item);
        self.gone = 0;
        self.give_room_back();
        Some(bytes)
    }

    /// The socket took `count` bytes.
    pub(crate) fn written(&mut self, now: Instant, count: usize) {
        self.gone += count;
        while let Some(first) = self.items.front() {
            if self.gone < first.bytes.len() {
                break;
            }
            self.gone -= first.bytes.len();
            let Some(item) = self.items.pop_front() else { break };
            self.left(now, item.bytes.len(), &item);
        }
        if count > 0 {
            self.progress = now;
        }
        self.give_room_back();
    }

    /// What a player is given first is more than will ever wait again, if all goes well.
    fn give_room_back(&mut self) {
        if self.items.is_empty() && self.items.capacity() > 4 * ROOM_KEPT {
            self.items.shrink_to(ROOM_KEPT);
        }
    }

    fn left(&mut self, now: Instant, count: usize, item: &Item) {
        self.bytes -= count.min(self.bytes);
        if item.what == What::Word {
            self.words -= item.bytes.len().min(self.words);
        }
        self.progress = now;
    }

    fn push(&mut self, now: Instant, bytes: Bytes, what: What) {
        if bytes.is_empty() {
            return;
        }
        if self.items.is_empty() {
            self.progress = now;
        }
        self.bytes += bytes.len();
        self.items.push_back(Item { bytes, what, since: now });
    }

    fn is_over(&self, now: Instant, bounds: Bounds) -> bool {
        let first = self.items.iter().find(|item| item.what != What::Word);
        self.bytes > bounds.bytes || first.is_some_and(|item| is_old(item, now, bounds))
    }

    /// Pictures before the newest keyframe first; then all of them, to the next keyframe; sound last, the oldest of it.
    fn cut(&mut self, now: Instant, bounds: Bounds) {
        let newest = self.items.iter().rposition(|item| item.what == What::Media(Flow::Video, Class::Key)).unwrap_or(0);
        self.drop_where(|at, item| at < newest && is_picture(item));
        let old = |item: &Item| is_picture(item) && is_old(item, now, bounds);
        if self.bytes > bounds.bytes || self.items.iter().skip(1).any(old) {
            self.drop_where(|_, item| is_picture(item));
            self.wants_key = true;
        }
        self.drop_headers_but_newest();
        self.drop_where(|_, item| is_sound(item) && is_old(item, now, bounds));
        if self.bytes > bounds.bytes {
            self.drop_where(|_, item| is_sound(item));
        }
    }

    /// A publisher may change its configuration more often than a slow player can follow.
    fn drop_headers_but_newest(&mut self) {
        for flow in [Flow::Audio, Flow::Video] {
            let header = What::Media(flow, Class::Header);
            let newest = self.items.iter().rposition(|item| item.what == header).unwrap_or(0);
            self.drop_where(|at, item| at < newest && item.what == header);
        }
    }

    /// What is partly written stays: the peer has its beginning.
    fn drop_where(&mut self, out: impl Fn(usize, &Item) -> bool) {
        let (gone, mut at, before) = (self.gone, 0, self.items.len());
        let mut freed = 0;
        self.items.retain(|item| {
            let drop = out(at, item) && !(at == 0 && gone > 0);
            freed += if drop { item.bytes.len() } else { 0 };
            at += 1;
            !drop
        });
        self.bytes -= freed;
        self.dropped += (before - self.items.len()) as u64;
    }
}

fn is_old(item: &Item, now: Instant, bounds: Bounds) -> bool {
    now.saturating_duration_since(item.since) > bounds.time
}

fn is_picture(item: &Item) -> bool {
    matches!(item.what, What::Media(_, Class::Key | Class::Inter))
}

fn is_sound(item: &Item) -> bool {
    matches!(item.what, What::Media(_, Class::Sound | Class::Data))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    const BOUNDS: Bounds = Bounds { time: Duration::from_secs(2), bytes: 10_000 };

    fn media(class: Class, mark: u8, bytes: usize) -> Media {
        let flow = if matches!(class, Key | Inter) { Flow::Video } else { Flow::Audio };
        Media { flow, class, at: 0, payload: vec![mark; bytes].into() }
    }

    struct Case {
        outbox: Outbox,
        now: Instant,
    }

    impl Case {
        fn new() -> Self {
            Self { outbox: Outbox::new(start()), now: start() }
        }

        fn push(&mut self, class: Class, mark: u8, bytes: usize) {
            let media = media(class, mark, bytes);
            self.outbox.push_media(self.now, media.payload.clone(), &media, BOUNDS);
        }

        fn pass(&mut self, millis: u64) {
            self.now += Duration::from_millis(millis);
        }

        /// The first byte of each message that waits.
        fn marks(&self) -> Vec<u8> {
            self.outbox.items.iter().map(|item| item.bytes[0]).collect()
        }
    }

    use Class::{Header, Inter, Key, Sound};

    #[test]
    fn whole_pictures_make_way_up_to_the_newest_keyframe() {
        let mut case = Case::new();
        for (class, mark) in [(Key, 1), (Inter, 2), (Sound, 3), (Inter, 4), (Key, 5), (Inter, 6), (Sound, 7)] {
            case.push(class, mark, 10);
            case.pass(300);
        }
        case.push(Inter, 8, 10);
        assert_eq!(case.marks(), [3, 5, 6, 7, 8], "sound stays, and what the last keyframe starts");
        assert_eq!(case.outbox.dropped, 3);
    }

    #[test]
    fn without_a_keyframe_pictures_wait_for_the_next_and_sound_goes_on() {
        let mut case = Case::new();
        for mark in 0..30 {
            case.push(if mark % 2 == 0 { Inter } else { Sound }, mark, 10);
            case.pass(100);
        }
        assert!(case.outbox.wants_key());
        assert!(case.marks().iter().all(|mark| mark % 2 == 1), "{:?}", case.marks());
        assert_eq!(case.marks().first(), Some(&9), "sound is bounded by the same time");
        case.push(Inter, 100, 10);
        case.push(Key, 101, 10);
        case.push(Inter, 102, 10);
        assert_eq!(&case.marks()[case.marks().len() - 2..], [101, 102]);
    }

    #[test]
    fn what_is_partly_written_is_written_to_its_end() {
        let mut case = Case::new();
        case.push(Inter, 1, 10);
        case.outbox.written(case.now, 4);
        case.pass(5_000);
        case.push(Sound, 2, 10);
        let mut slices = [IoSlice::new(&[]); 8];
        assert_eq!(case.outbox.gather(&mut slices), 2);
        assert_eq!(slices.map(|slice| slice.len()), [6, 10, 0, 0, 0, 0, 0, 0]);
        case.outbox.written(case.now, 16);
        assert!(case.outbox.is_empty() && case.outbox.stuck_since().is_none());
    }

    #[test]
    fn bytes_are_bounded_whatever_they_are() {
        let mut case = Case::new();
        for mark in 0..200 {
            case.push([Key, Inter, Sound, Header][usize::from(mark) % 4], mark, 900);
            assert!(case.outbox.bytes <= BOUNDS.bytes, "after {mark}");
            let sum: usize = case.outbox.items.iter().map(|item| item.bytes.len()).sum();
            assert_eq!(case.outbox.bytes, sum);
        }
        assert!(case.marks().contains(&199), "the newest configuration is there");
    }

    #[test]
    fn a_peer_that_never_reads_is_not_talked_to_without_end() {
        let mut case = Case::new();
        let word = Bytes::from_static(&[0; 1_000]);
        let taken = (0..100).take_while(|_| case.outbox.push_word(case.now, word.clone())).count();
        assert_eq!(taken, WORDS_MAX / 1_000);
        case.pass(10_000);
        assert_eq!(case.outbox.stuck_since(), Some(case.now - Duration::from_secs(10)));
    }

    #[test]
    fn whole_messages_are_taken_one_by_one() {
        let mut case = Case::new();
        case.push(Key, 1, 3);
        case.push(Sound, 2, 2);
        assert_eq!(case.outbox.pop(case.now).as_deref(), Some(&[1, 1, 1][..]));
        assert_eq!(case.outbox.pop(case.now).as_deref(), Some(&[2, 2][..]));
        assert_eq!(case.outbox.pop(case.now), None);
        assert_eq!(case.outbox.bytes, 0);
    }

    #[test]
    fn room_of_a_long_beginning_is_given_back() {
        let mut case = Case::new();
        (0..200).for_each(|mark| case.push(Sound, mark, 1));
        while case.outbox.pop(case.now).is_some() {}
        assert!(case.outbox.items.capacity() <= 4 * ROOM_KEPT, "{}", case.outbox.items.capacity());
    }
}

//! What is published: an FLV file, over and over, its clock running on.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// One tag as it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Tag {
    /// 8 sound, 9 picture, 18 metadata: the same as RTMP's message types.
    pub(crate) kind: u8,
    /// Since the clip's start.
    pub(crate) at_ms: u32,
    pub(crate) payload: Arc<[u8]>,
}

/// A clip in memory.
#[derive(Debug, Clone)]
pub struct Clip {
    /// Metadata and configurations, sent once.
    pub(crate) head: Vec<Tag>,
    /// The rest, in order.
    pub(crate) body: Vec<Tag>,
    /// From one round to the next.
    pub(crate) round: Duration,
}

impl Clip {
    /// Reads a file that holds AVC and AAC.
    pub fn read(path: &Path) -> io::Result<Self> {
        let bytes = std::fs::read(path)?;
        Self::parse(&bytes).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no FLV, or no picture in it"))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(b"FLV\x01")?.get(9..)?;
        let (mut head, mut body) = (Vec::new(), Vec::new());
        while let Some((fields, after)) = rest.split_at_checked(11) {
            let length = number(&fields[1..4]);
            let Some(payload) = after.get(..length) else { break };
            let at_ms = (number(&fields[4..7]) | usize::from(fields[7]) << 24) as u32;
            let tag = Tag { kind: fields[0], at_ms, payload: payload.into() };
            let is_head = tag.kind == 18 || matches!(payload, [_, 0, ..]);
            // The end of a sequence would end it for the players, too.
            if is_head {
                head.push(tag);
            } else if !matches!((tag.kind, payload), (9, [0x17, 2, ..])) {
                body.push(tag);
            }
            rest = after.get(length + 4..).unwrap_or_default();
        }
        let pictures: Vec<u32> = body.iter().filter(|tag| tag.kind == 9).map(|tag| tag.at_ms).collect();
        let [first, second, ..] = pictures[..] else { return None };
        // One frame past the last picture the first one comes again.
        let round_ms = pictures.last()? - first + (second - first);
        Some(Self { head, body, round: Duration::from_millis(round_ms.into()) })
    }
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// Where a publisher is in its clip.
#[derive(Debug, Default)]
pub(crate) struct Position {
    next: usize,
    rounds: u32,
}

impl Position {
    /// The next tag and when it is due after the start; its timestamp is that in milliseconds.
    pub(crate) fn peek<'a>(&self, clip: &'a Clip) -> (&'a Tag, Duration) {
        let tag = &clip.body[self.next];
        (tag, clip.round * self.rounds + Duration::from_millis(tag.at_ms.into()))
    }

    pub(crate) fn advance(&mut self, clip: &Clip) {
        self.next += 1;
        if self.next == clip.body.len() {
            (self.next, self.rounds) = (0, self.rounds + 1);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Metadata, configurations, then three pictures 40 ms apart, the first a keyframe, and a sound after each.
    pub(crate) fn clip() -> Clip {
        let mut bytes = b"FLV\x01\x05\0\0\0\x09\0\0\0\0".to_vec();
        let mut tag = |kind: u8, at_ms: u8, payload: &[u8]| {
            bytes.extend([kind, 0, 0, payload.len() as u8, 0, 0, at_ms, 0, 0, 0, 0]);
            bytes.extend(payload);
            bytes.extend((payload.len() as u32 + 11).to_be_bytes());
        };
        tag(18, 0, &[2, 0, 0]);
        tag(9, 0, &[0x17, 0, 0, 0, 0, 1]);
        tag(8, 0, &[0xaf, 0, 0x11, 0x90]);
        for at in [0, 40, 80] {
            tag(9, at, &[if at == 0 { 0x17 } else { 0x27 }, 1, 0, 0, 0, 0, 0, 0, 1, 0x65]);
            tag(8, at + 5, &[0xaf, 1, 7]);
        }
        tag(9, 120, &[0x17, 2, 0, 0, 0]);
        Clip::parse(&bytes).expect("a clip")
    }

    #[test]
    fn a_clip_starts_anew_one_frame_after_its_last() {
        let clip = clip();
        assert_eq!((clip.head.len(), clip.body.len(), clip.round), (3, 6, Duration::from_millis(120)));
        let mut position = Position::default();
        let times: Vec<u128> = (0..8)
            .map(|_| {
                let due = position.peek(&clip).1;
                position.advance(&clip);
                due.as_millis()
            })
            .collect();
        assert_eq!(times, [0, 5, 40, 45, 80, 85, 120, 125]);
    }

    #[test]
    fn what_is_no_clip_is_refused() {
        assert!(Clip::parse(b"FLV\x01\x05\0\0\0\x09\0\0\0\0").is_none());
        assert!(Clip::parse(b"MP4").is_none());
    }
}

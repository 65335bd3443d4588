//! What one player sees.

use super::marker;
use std::time::Duration;

/// Between two pictures that long is a stall.
const STALL: Duration = Duration::from_millis(500);

/// Microseconds since the load began.
pub(crate) type Micros = u64;

#[derive(Debug, Default)]
pub(crate) struct Watch {
    pub(crate) asked_at: Micros,
    /// How long after it asked the first keyframe was whole, and how old that was.
    pub(crate) first_key: Option<(Micros, Micros)>,
    pub(crate) latencies: Vec<u32>,
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
    pub(crate) stalls: u64,
    /// Timestamps below the one before on the same track.
    pub(crate) back_steps: u64,
    last_picture_at: Option<Micros>,
    last_times: [Option<u32>; 2],
}

impl Watch {
    /// A player that asks now.
    pub(crate) fn new(asked_at: Micros) -> Self {
        Self { asked_at, ..Self::default() }
    }

    /// One message of sound (8) or picture (9). `counts`: it falls into the window that is measured.
    pub(crate) fn see(&mut self, now: Micros, kind: u8, timestamp: u32, front: &[u8], counts: bool) {
        let last = &mut self.last_times[usize::from(kind == 9)];
        let is_back = last.is_some_and(|last| timestamp.wrapping_sub(last).cast_signed() < 0);
        *last = Some(timestamp);
        self.back_steps += u64::from(is_back && counts);
        if kind != 9 || !matches!(front, [_, 1, ..]) {
            return;
        }
        let stamp = marker::find(front);
        if front[0] >> 4 == 1 && self.first_key.is_none() {
            self.first_key = Some((now - self.asked_at, stamp.map_or(0, |stamp| now.saturating_sub(stamp))));
        }
        if counts {
            self.frames += 1;
            self.stalls += u64::from(self.last_picture_at.is_some_and(|last| now - last > STALL.as_micros() as Micros));
            // What was stamped before the player asked came out of a cache: its age is that of the first keyframe.
            let stamp = stamp.filter(|stamp| *stamp >= self.asked_at);
            self.latencies.extend(stamp.map(|stamp| u32::try_from(now.saturating_sub(stamp)).unwrap_or(u32::MAX)));
        }
        self.last_picture_at = Some(now);
    }
}

/// FLV over HTTP, its body as it comes.
#[derive(Debug, Default)]
pub(crate) struct FlvReader {
    is_body: bool,
    head: Vec<u8>,
    /// Kind, timestamp, bytes to come (those behind the payload, too).
    open: Option<(u8, u32, usize)>,
    front: Vec<u8>,
}

const HEADER_BYTES: usize = 13;
const TAG_HEAD_BYTES: usize = 11;

impl FlvReader {
    /// Shows kind, timestamp and front of each tag; says what is wrong with the answer if something is.
    pub(crate) fn read(&mut self, mut input: &[u8], mut on_tag: impl FnMut(u8, u32, &[u8])) -> Result<(), String> {
        while let Some((first, rest)) = input.split_first() {
            if let Some((kind, timestamp, left)) = self.open {
                let taken = left.min(input.len());
                let room = marker::REACH.saturating_sub(self.front.len()).min(taken);
                self.front.extend_from_slice(&input[..room]);
                input = &input[taken..];
                self.open = Some((kind, timestamp, left - taken)).filter(|_| taken < left);
                if self.open.is_none() {
                    on_tag(kind, timestamp, &self.front);
                }
                continue;
            }
            self.head.push(*first);
            input = rest;
            if !self.is_body {
                self.try_response()?;
            } else if self.head.len() == TAG_HEAD_BYTES {
                let number = |bytes: &[u8]| bytes.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
                let timestamp = number(&self.head[4..7]) | u32::from(self.head[7]) << 24;
                self.open = Some((self.head[0], timestamp, number(&self.head[1..4]) as usize + 4));
                self.front.clear();
                self.head.clear();
            }
        }
        Ok(())
    }

    /// The response's head and the file's header behind it.
    fn try_response(&mut self) -> Result<(), String> {
        const END: &[u8] = b"\r\n\r\n";
        let Some(end) = self.head.windows(END.len()).position(|window| window == END) else { return Ok(()) };
        let head = String::from_utf8_lossy(&self.head[..end]).to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap_or_default();
        if status != "200" || head.contains("chunked") {
            return Err(format!("not a plain stream: {}", head.lines().next().unwrap_or_default()));
        }
        if self.head.len() == end + END.len() + HEADER_BYTES {
            self.is_body = true;
            self.head.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_player_counts_what_falls_into_the_window() {
        let mut watch = Watch::new(1_000);
        let frame = |stamp: u64, key: bool| marker::stamped(&[if key { 0x17 } else { 0x27 }, 1, 0, 0, 0, 9], stamp);
        watch.see(5_000, 9, 100, &frame(500, true), true);
        assert_eq!(watch.first_key, Some((4_000, 4_500)));
        assert!(watch.latencies.is_empty(), "it is from before it asked");
        watch.see(9_000, 9, 140, &frame(8_000, false), true);
        watch.see(600_000, 9, 120, &frame(599_000, false), true);
        watch.see(700_000, 9, 90, &frame(699_000, false), false);
        assert_eq!(watch.latencies, [1_000, 1_000]);
        assert_eq!((watch.frames, watch.stalls, watch.back_steps), (3, 1, 1));
    }

    #[test]
    fn a_stream_over_http_is_cut_into_tags() {
        let mut wire = b"HTTP/1.0 200 OK\r\ncontent-type: video/x-flv\r\n\r\nFLV\x01\x05\0\0\0\x09\0\0\0\0".to_vec();
        wire.extend([8, 0, 0, 2, 0, 0, 5, 1, 0, 0, 0, 0xaf, 1, 0, 0, 0, 13]);
        for segment_bytes in [1, 7, 100] {
            let (mut reader, mut seen) = (FlvReader::default(), Vec::new());
            for segment in wire.chunks(segment_bytes) {
                reader
                    .read(segment, |kind, time, front| seen.push((kind, time, front[..2].to_vec())))
                    .expect("a stream");
            }
            assert_eq!(seen, [(8, 0x0100_0005, vec![0xaf, 1])]);
        }
        assert!(FlvReader::default().read(b"HTTP/1.0 403 Forbidden\r\n\r\n", |_, _, _| ()).is_err());
    }
}

//! RTMP chunks. Of each message only the front is kept: enough for a command, and for the marker in a picture.

use super::marker::REACH;
use std::collections::HashMap;
use std::io;

/// What is kept of a message. Answers to commands are shorter.
const FRONT_BYTES: usize = 2 * REACH;

/// What is cut at in our direction, as ffmpeg does.
pub(crate) const CHUNK_BYTES_OUT: usize = 60_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) kind: u8,
    pub(crate) timestamp: u32,
    pub(crate) bytes: usize,
    /// The first `FRONT_BYTES` of the payload at most.
    pub(crate) front: Vec<u8>,
}

#[derive(Debug, Default)]
struct Stream {
    kind: u8,
    bytes: usize,
    timestamp: u32,
    delta: u32,
    is_extended: bool,
    got: usize,
    front: Vec<u8>,
}

/// The receiving direction.
#[derive(Debug)]
pub(crate) struct Reader {
    chunk_bytes: usize,
    streams: HashMap<u32, Stream>,
    /// Stream and bytes left of the chunk that is open.
    open: Option<(u32, usize)>,
    /// Bytes of a head that is not whole.
    head: Vec<u8>,
}

impl Default for Reader {
    fn default() -> Self {
        Self { chunk_bytes: 128, streams: HashMap::new(), open: None, head: Vec::new() }
    }
}

impl Reader {
    /// Reads all of `input` and shows each message that ends in it.
    pub(crate) fn read(&mut self, mut input: &[u8], mut on_message: impl FnMut(&Message)) -> io::Result<()> {
        while !input.is_empty() {
            let Some((id, left)) = self.open else {
                self.head.push(input[0]);
                input = &input[1..];
                self.try_head()?;
                if let Some((id, 0)) = self.open {
                    self.end_chunk(id, &mut on_message)?;
                }
                continue;
            };
            let taken = left.min(input.len());
            let stream = self.streams.entry(id).or_default();
            let room = FRONT_BYTES.saturating_sub(stream.front.len()).min(taken);
            stream.front.extend_from_slice(&input[..room]);
            stream.got += taken;
            input = &input[taken..];
            self.open = Some((id, left - taken));
            if left == taken {
                self.end_chunk(id, &mut on_message)?;
            }
        }
        Ok(())
    }

    fn end_chunk(&mut self, id: u32, on_message: &mut impl FnMut(&Message)) -> io::Result<()> {
        self.open = None;
        let stream = self.streams.entry(id).or_default();
        if stream.got < stream.bytes {
            return Ok(());
        }
        let message = Message {
            kind: stream.kind,
            timestamp: stream.timestamp,
            bytes: stream.bytes,
            front: std::mem::take(&mut stream.front),
        };
        stream.got = 0;
        if message.kind == 1 {
            let bytes = message.front.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
            self.chunk_bytes = usize::try_from(bytes).unwrap_or(0);
            if self.chunk_bytes == 0 {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "chunks of no byte"));
            }
        }
        on_message(&message);
        // The front's memory serves the next message.
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.front = message.front;
            stream.front.clear();
        }
        Ok(())
    }

    /// Opens a chunk if the head is whole.
    fn try_head(&mut self) -> io::Result<()> {
        let head = &self.head[..];
        let (id, at) = match (head[0] & 0x3f, head) {
            (0, [_, low, ..]) => (64 + u32::from(*low), 2),
            (1, [_, low, high, ..]) => (64 + u32::from(*low) + 256 * u32::from(*high), 3),
            (0 | 1, _) => return Ok(()),
            (id, _) => (u32::from(id), 1),
        };
        let format = head[0] >> 6;
        let fields_bytes = [11, 7, 3, 0][usize::from(format)];
        let Some(fields) = head.get(at..at + fields_bytes) else { return Ok(()) };
        let was_extended = self.streams.get(&id).is_some_and(|stream| stream.is_extended);
        let is_extended = if format < 3 { number(&fields[..3]) == 0x00ff_ffff } else { was_extended };
        let Some(extended) = head.get(at + fields_bytes..at + fields_bytes + if is_extended { 4 } else { 0 }) else {
            return Ok(());
        };
        let stream = self.streams.entry(id).or_default();
        let time = match (is_extended, format) {
            (true, _) => number(extended),
            (false, 3) => stream.delta,
            (false, _) => number(&fields[..3]),
        };
        stream.is_extended = is_extended;
        if format < 2 {
            stream.bytes = number(&fields[3..6]) as usize;
            stream.kind = fields[6];
        }
        if stream.got == 0 {
            stream.delta = time;
            stream.timestamp = if format == 0 { time } else { stream.timestamp.wrapping_add(time) };
        }
        let left = self.chunk_bytes.min(stream.bytes - stream.got.min(stream.bytes));
        self.open = Some((id, left));
        self.head.clear();
        Ok(())
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// What stands in front of a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    /// 2 to 63.
    pub(crate) chunk_stream: u8,
    pub(crate) kind: u8,
    pub(crate) stream: u32,
    pub(crate) timestamp: u32,
}

/// Appends one message in chunks of `chunk_bytes`, each field in full.
pub(crate) fn write(head: Head, payload: &[u8], chunk_bytes: usize, out: &mut Vec<u8>) {
    let Head { chunk_stream, kind, stream, timestamp } = head;
    let extended = timestamp >= 0x00ff_ffff;
    for (n, piece) in payload.chunks(chunk_bytes).enumerate() {
        out.push(if n == 0 { chunk_stream } else { 0xc0 | chunk_stream });
        if n == 0 {
            out.extend(&timestamp.min(0x00ff_ffff).to_be_bytes()[1..]);
            out.extend(&(payload.len() as u32).to_be_bytes()[1..]);
            out.push(kind);
            out.extend(stream.to_le_bytes());
        }
        if extended {
            out.extend(timestamp.to_be_bytes());
        }
        out.extend_from_slice(piece);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(chunk_stream: u8, kind: u8, timestamp: u32) -> Head {
        Head { chunk_stream, kind, stream: 1, timestamp }
    }

    fn read(wire: &[u8], segment_bytes: usize) -> Vec<(u8, u32, usize)> {
        let mut reader = Reader::default();
        let mut seen = Vec::new();
        for segment in wire.chunks(segment_bytes) {
            reader.read(segment, |m| seen.push((m.kind, m.timestamp, m.bytes))).expect("chunks");
        }
        seen
    }

    #[test]
    fn what_is_written_is_read() {
        let mut wire = Vec::new();
        write(head(2, 1, 0), &4096_u32.to_be_bytes(), 128, &mut wire);
        for (time, bytes) in [(0, 10_000), (40, 4096), (0x0100_0000, 9000)] {
            write(head(6, 9, time), &vec![7; bytes], 4096, &mut wire);
        }
        for segment_bytes in [1, 7, 1460, 1 << 20] {
            let want = [(1, 0, 4), (9, 0, 10_000), (9, 40, 4096), (9, 0x0100_0000, 9000)];
            assert_eq!(read(&wire, segment_bytes), want);
        }
    }

    #[test]
    fn short_heads_are_deltas() {
        let mut wire = Vec::new();
        write(head(4, 8, 100), &[1], 128, &mut wire);
        wire.extend([0x44, 0, 0, 20, 0, 0, 2, 8, 1, 1, 0x84, 0, 0, 21, 2, 2, 0xc4, 3, 3]);
        assert_eq!(read(&wire, 1), [(8, 100, 1), (8, 120, 2), (8, 141, 2), (8, 162, 2)]);
    }
}

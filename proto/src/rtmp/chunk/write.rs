//! Chunks out. A message's payload is shared by all who get it, so it is never copied: what is made here are the heads
//! that stand between its pieces, and an iterator over both for a vectored write.

use super::{CHUNK_BYTES_DEFAULT, EXTENDED};
use crate::rtmp::{Message, MessageKind};

/// Basic header of 1 byte (all chunk streams written here are below 64), message header, extended timestamp.
const FIRST_BYTES_MAX: usize = 16;
const NEXT_BYTES_MAX: usize = 5;

/// What the 24-bit length field can say.
const PAYLOAD_BYTES_MAX: usize = 0x00ff_ffff;

/// Writes the chunks of one direction of one connection. Each kind of message has its own chunk stream, so that sound
/// may pass between two chunks of a picture.
#[derive(Debug, Clone)]
pub struct ChunkWriter {
    chunk_bytes: u32,
    /// The last message of each chunk stream, which the next one's head is told against.
    last: [Option<Last>; CHUNK_STREAMS],
}

#[derive(Debug, Clone, Copy)]
struct Last {
    kind: MessageKind,
    stream: u32,
    timestamp: u32,
    payload_bytes: usize,
}

impl Default for ChunkWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl ChunkWriter {
    pub fn new() -> Self {
        Self { chunk_bytes: CHUNK_BYTES_DEFAULT, last: [None; CHUNK_STREAMS] }
    }

    /// Cuts at another size from the next message on, which the peer must have been told by Set Chunk Size before.
    /// At least 1.
    pub fn set_chunk_bytes(&mut self, chunk_bytes: u32) {
        self.chunk_bytes = chunk_bytes.max(1);
    }

    /// Frames the next message. The head is told as a difference to the one before on the same chunk stream: once
    /// framed a message must be sent, and in this order. What may yet be dropped is framed later, or by
    /// `Framing::full`.
    ///
    /// Type 3 never starts a message here: readers disagree about the timestamp that it stands for.
    pub fn frame(&mut self, kind: MessageKind, stream: u32, timestamp: u32, payload_bytes: usize) -> Framing {
        let last = &mut self.last[chunk_stream(kind).slot];
        let heading = Heading::against(last.as_ref(), kind, stream, timestamp, payload_bytes);
        *last = Some(Last { kind, stream, timestamp, payload_bytes });
        Framing::new(heading, kind, stream, payload_bytes, self.chunk_bytes)
    }

    /// Frames a message and appends it whole, for what is short and rare.
    pub fn write(&mut self, message: &Message, out: &mut Vec<u8>) {
        let framing = self.frame(message.kind, message.stream, message.timestamp, message.payload.len());
        framing.slices(&message.payload, 0).for_each(|slice| out.extend_from_slice(slice));
    }
}

/// How one message is cut: the head of its first chunk and the one that all others share. Holds no payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framing {
    first: [u8; FIRST_BYTES_MAX],
    first_bytes: u8,
    next: [u8; NEXT_BYTES_MAX],
    next_bytes: u8,
    payload_bytes: u32,
    chunk_bytes: u32,
}

impl Framing {
    /// A framing that stands alone: all fields in full (type 0), the same for every connection that cuts at
    /// `chunk_bytes` and names the message stream `stream`. May be mixed with those of a `ChunkWriter` only if the
    /// writer is not used for messages of this kind's chunk stream afterwards.
    pub fn full(kind: MessageKind, stream: u32, timestamp: u32, payload_bytes: usize, chunk_bytes: u32) -> Self {
        Self::new(Heading::Full { timestamp }, kind, stream, payload_bytes, chunk_bytes.max(1))
    }

    /// Bytes on the wire, heads and payload.
    pub fn wire_bytes(&self) -> usize {
        let later = (self.payload_bytes as usize).saturating_sub(1) / self.chunk_bytes as usize;
        usize::from(self.first_bytes) + self.payload_bytes as usize + later * usize::from(self.next_bytes)
    }

    /// Heads and pieces of `payload` in turn, as they go on the wire, without the first `skip` bytes: those that an
    /// earlier write has taken. `payload` is the one whose length was framed (past 16,777,215 bytes it is cut).
    pub fn slices<'a>(&'a self, payload: &'a [u8], skip: usize) -> Slices<'a> {
        let payload = &payload[..payload.len().min(self.payload_bytes as usize)];
        let first = &self.first[..usize::from(self.first_bytes)];
        let Some(past_first) = skip.checked_sub(first.len()) else {
            return Slices { framing: self, payload, at: 0, head: &first[skip..] };
        };
        // After the first head the wire repeats: a chunk of payload, a head.
        let (chunk, next) = (self.chunk_bytes as usize, &self.next[..usize::from(self.next_bytes)]);
        let (whole, within) = (past_first / (chunk + next.len()), past_first % (chunk + next.len()));
        let at = (whole * chunk + within.min(chunk)).min(payload.len());
        let head = if within >= chunk && at < payload.len() { &next[within - chunk..] } else { &[] };
        Slices { framing: self, payload, at, head }
    }

    fn new(heading: Heading, kind: MessageKind, stream: u32, payload_bytes: usize, chunk_bytes: u32) -> Self {
        let payload_bytes = payload_bytes.min(PAYLOAD_BYTES_MAX) as u32;
        let id = chunk_stream(kind).id;
        let (format, time) = heading.format_and_time();
        let mut first = Head::new(format, id);
        let mut next = Head::new(3, id);
        first.extend(&time.min(EXTENDED).to_be_bytes()[1..]);
        if format < 2 {
            first.extend(&payload_bytes.to_be_bytes()[1..]);
            first.extend(&[kind.id()]);
        }
        if format == 0 {
            first.extend(&stream.to_le_bytes());
        }
        if time >= EXTENDED {
            first.extend(&time.to_be_bytes());
            next.extend(&time.to_be_bytes());
        }
        let mut framing = Self {
            first: first.bytes,
            first_bytes: first.len,
            next: [0; NEXT_BYTES_MAX],
            next_bytes: next.len,
            payload_bytes,
            chunk_bytes,
        };
        framing.next.copy_from_slice(&next.bytes[..NEXT_BYTES_MAX]);
        framing
    }
}

/// See `Framing::slices`.
#[derive(Debug, Clone)]
pub struct Slices<'a> {
    framing: &'a Framing,
    payload: &'a [u8],
    /// Where in the payload the next piece starts.
    at: usize,
    /// The head, or what is left of it, that goes before that piece.
    head: &'a [u8],
}

impl<'a> Iterator for Slices<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if !self.head.is_empty() {
            return Some(std::mem::take(&mut self.head));
        }
        let chunk = self.framing.chunk_bytes as usize;
        let end = (self.at - self.at % chunk + chunk).min(self.payload.len());
        let piece = self.payload.get(self.at..end).filter(|piece| !piece.is_empty())?;
        self.at = end;
        if end < self.payload.len() {
            self.head = &self.framing.next[..usize::from(self.framing.next_bytes)];
        }
        Some(piece)
    }
}

/// How the head of a message's first chunk is told (RTMP 1.0 section 5.3.1.2).
enum Heading {
    /// Type 0.
    Full { timestamp: u32 },
    /// Type 1: of the same message stream.
    SameStream { delta: u32 },
    /// Type 2: of the same length and kind, too.
    SameShape { delta: u32 },
}

impl Heading {
    /// The shortest that says it. A clock that steps back is told in full: a delta has no sign.
    fn against(last: Option<&Last>, kind: MessageKind, stream: u32, timestamp: u32, payload_bytes: usize) -> Self {
        let delta = |last: &Last| timestamp.checked_sub(last.timestamp).filter(|delta| *delta < EXTENDED);
        let Some((last, delta)) = last.filter(|last| last.stream == stream).and_then(|last| Some((last, delta(last)?)))
        else {
            return Self::Full { timestamp };
        };
        if last.kind == kind && last.payload_bytes == payload_bytes {
            return Self::SameShape { delta };
        }
        Self::SameStream { delta }
    }

    fn format_and_time(&self) -> (u8, u32) {
        match self {
            Self::Full { timestamp } => (0, *timestamp),
            Self::SameStream { delta } => (1, *delta),
            Self::SameShape { delta } => (2, *delta),
        }
    }
}

/// A head under construction.
struct Head {
    bytes: [u8; FIRST_BYTES_MAX],
    len: u8,
}

impl Head {
    fn new(format: u8, id: u8) -> Self {
        let mut bytes = [0; FIRST_BYTES_MAX];
        bytes[0] = format << 6 | id;
        Self { bytes, len: 1 }
    }

    fn extend(&mut self, more: &[u8]) {
        let at = usize::from(self.len);
        self.bytes[at..at + more.len()].copy_from_slice(more);
        self.len += more.len() as u8;
    }
}

const CHUNK_STREAMS: usize = 5;

/// A chunk stream of ours: its id on the wire, its place in a writer's memory.
struct ChunkStream {
    id: u8,
    slot: usize,
}

/// Control is on 2, as the specification wants it (section 5.4); the others are where ffmpeg and nginx-rtmp have them.
fn chunk_stream(kind: MessageKind) -> ChunkStream {
    let (id, slot) = match kind {
        MessageKind::SetChunkSize
        | MessageKind::Abort
        | MessageKind::Acknowledgement
        | MessageKind::UserControl
        | MessageKind::WindowAckSize
        | MessageKind::SetPeerBandwidth => (2, 0),
        MessageKind::Command | MessageKind::CommandAmf3 => (3, 1),
        MessageKind::Audio => (4, 2),
        MessageKind::Data
        | MessageKind::DataAmf3
        | MessageKind::SharedObject
        | MessageKind::SharedObjectAmf3
        | MessageKind::Other(_) => (5, 3),
        MessageKind::Video | MessageKind::Aggregate => (6, 4),
    };
    ChunkStream { id, slot }
}

#[cfg(test)]
mod tests;

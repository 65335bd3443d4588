//! Chunks in: bytes as they come, messages when they are whole.

use super::{CHUNK_BYTES_DEFAULT, EXTENDED};
use crate::rtmp::{Message, MessageKind};
use crate::wire::{u24_at, u32_at};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

/// Chunk streams that one peer may use in the life of a connection. Known senders use three to five.
pub const CHUNK_STREAMS_MAX: usize = 64;

/// Messages begun and not ended. Known senders have two: sound inside a picture.
pub const PARTIALS_MAX: usize = 8;

/// Bytes of all messages begun and not ended.
pub const PARTIAL_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Basic header of 3 bytes, message header of 11, extended timestamp of 4.
const HEAD_BYTES_MAX: usize = 18;

/// Longer than a head, so that a step over a full joint always gets on.
const JOINT_BYTES: usize = 64;

/// Why a connection cannot go on: after one of these nobody knows where the next chunk starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkError {
    /// A header refers to one before it that never came.
    NoHeaderBefore,
    /// A control message that chunks depend on is too short, or asks for chunks of 0 or of 2^31 bytes and more.
    Control,
    /// Longer than `MessageKind::bytes_max`.
    MessageTooLong { kind: MessageKind, bytes: usize },
    /// More than `CHUNK_STREAMS_MAX`.
    TooManyChunkStreams,
    /// More than `PARTIALS_MAX` or `PARTIAL_BYTES_MAX`.
    TooManyPartials,
}

impl fmt::Display for ChunkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHeaderBefore => f.write_str("a chunk refers to a header that never came"),
            Self::Control => f.write_str("malformed chunk control message"),
            Self::MessageTooLong { kind, bytes } => {
                write!(f, "a message of kind {} announces {bytes} bytes", kind.id())
            }
            Self::TooManyChunkStreams => f.write_str("too many chunk streams"),
            Self::TooManyPartials => f.write_str("too much begun and not ended"),
        }
    }
}

impl std::error::Error for ChunkError {}

/// Puts messages together. Holds what was begun and not ended, and allocates as bytes arrive, not as lengths announce.
#[derive(Debug)]
pub struct ChunkReader {
    chunk_bytes: usize,
    streams: BTreeMap<u32, ChunkStream>,
    /// The chunk whose payload comes next: its stream and how many bytes it still has.
    open: Option<(u32, usize)>,
    partials: usize,
    partial_bytes: usize,
    /// Bytes of a head that has not come whole.
    tail: Vec<u8>,
}

impl Default for ChunkReader {
    fn default() -> Self {
        Self::new()
    }
}

impl ChunkReader {
    pub fn new() -> Self {
        Self {
            chunk_bytes: CHUNK_BYTES_DEFAULT as usize,
            streams: BTreeMap::new(),
            open: None,
            partials: 0,
            partial_bytes: 0,
            tail: Vec::new(),
        }
    }

    /// Takes from the front of `input` until a message is whole, or `input` is empty and nothing is.
    ///
    /// Set Chunk Size and Abort are obeyed here and never returned. After an error the connection is to be closed.
    pub fn read(&mut self, input: &mut &[u8]) -> Result<Option<Message>, ChunkError> {
        while !input.is_empty() {
            let message = if self.tail.is_empty() { self.step_over(input)? } else { self.step_over_joint(input)? };
            if message.is_some() {
                return Ok(message);
            }
        }
        Ok(None)
    }

    /// Bytes of messages begun and not ended.
    pub fn partial_bytes(&self) -> usize {
        self.partial_bytes
    }

    fn step_over(&mut self, input: &mut &[u8]) -> Result<Option<Message>, ChunkError> {
        let (taken, message) = self.step(input)?;
        *input = &input[taken..];
        if taken == 0 {
            self.tail.extend_from_slice(input);
            *input = &[];
        }
        Ok(message)
    }

    /// As `step_over`, where the chunk starts in an earlier input.
    fn step_over_joint(&mut self, input: &mut &[u8]) -> Result<Option<Message>, ChunkError> {
        let kept = self.tail.len();
        let mut joint = std::mem::take(&mut self.tail);
        let fresh = input.len().min(JOINT_BYTES - kept.min(JOINT_BYTES));
        joint.extend_from_slice(&input[..fresh]);
        let (taken, message) = self.step(&joint)?;
        // What was kept and not taken goes first again, be it a head that still lacks bytes or one that was none.
        let from_input = if taken == 0 { fresh } else { taken.saturating_sub(kept) };
        *input = &input[from_input..];
        joint.truncate(kept + from_input);
        joint.drain(..taken);
        self.tail = joint;
        Ok(message)
    }

    /// One head, or as much payload as there is: how many bytes were taken, none if a head is not whole, and the
    /// message that they end.
    fn step(&mut self, bytes: &[u8]) -> Result<(usize, Option<Message>), ChunkError> {
        match self.open {
            Some((id, left)) => {
                let taken = left.min(bytes.len());
                self.open = Some((id, left - taken));
                self.append(id, &bytes[..taken])?;
                Ok((taken, self.end_of_chunk()?))
            }
            None => {
                let Some(head) = self.head(bytes)? else { return Ok((0, None)) };
                self.begin(&head)?;
                Ok((head.bytes, self.end_of_chunk()?))
            }
        }
    }

    /// Reads the head of the next chunk; None while bytes are missing.
    fn head(&self, bytes: &[u8]) -> Result<Option<Head>, ChunkError> {
        let Some((format, id, at)) = basic_header(bytes) else { return Ok(None) };
        let before = self.streams.get(&id);
        // librtmp opens a chunk stream with type 1 for its pings, so only what needs the past is refused.
        if before.is_none() && format >= 2 {
            return Err(ChunkError::NoHeaderBefore);
        }
        let whole = |fields: usize| bytes.get(at..at + fields);
        let head = match (format, before) {
            (0, _) => whole(11).map(|fields| Fields::Full {
                time: field_24(fields, 0),
                length: field_24(fields, 3) as usize,
                kind: MessageKind::from_id(fields[6]),
                stream: u32::from_le_bytes([fields[7], fields[8], fields[9], fields[10]]),
            }),
            (1, _) => whole(7).map(|fields| Fields::SameStream {
                delta: field_24(fields, 0),
                length: field_24(fields, 3) as usize,
                kind: MessageKind::from_id(fields[6]),
            }),
            (2, _) => whole(3).map(|fields| Fields::SameShape { delta: field_24(fields, 0) }),
            (_, Some(before)) if before.is_open => Some(Fields::Continued),
            (_, _) => Some(Fields::Again),
        };
        let Some(fields) = head else { return Ok(None) };
        let at = at + fields.bytes();
        let extended = match extended_timestamp(&fields, before, &bytes[at..]) {
            Peek::Missing => return Ok(None),
            Peek::Absent => None,
            Peek::Present(value) => Some(value),
        };
        Ok(Some(Head { id, fields, extended, bytes: at + if extended.is_some() { 4 } else { 0 } }))
    }

    /// Applies a head: a new message, or the next chunk of one that is open.
    fn begin(&mut self, head: &Head) -> Result<(), ChunkError> {
        let count = self.streams.len();
        let stream = match self.streams.entry(head.id) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(_) if count == CHUNK_STREAMS_MAX => return Err(ChunkError::TooManyChunkStreams),
            Entry::Vacant(entry) => entry.insert(ChunkStream::default()),
        };
        if head.fields != Fields::Continued {
            if stream.is_open {
                // A new message while one is open: the old one will never end (SRS and nginx-rtmp append, to no use).
                self.partials -= 1;
                self.partial_bytes -= stream.discard();
            }
            stream.start(head);
            if stream.length > stream.kind.bytes_max() {
                return Err(ChunkError::MessageTooLong { kind: stream.kind, bytes: stream.length });
            }
            stream.is_open = true;
            self.partials += 1;
        }
        self.open = Some((head.id, self.chunk_bytes.min(stream.length - stream.payload.len())));
        if self.partials > PARTIALS_MAX { Err(ChunkError::TooManyPartials) } else { Ok(()) }
    }

    fn append(&mut self, id: u32, bytes: &[u8]) -> Result<(), ChunkError> {
        self.partial_bytes += bytes.len();
        if self.partial_bytes > PARTIAL_BYTES_MAX {
            return Err(ChunkError::TooManyPartials);
        }
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.append(bytes);
        }
        Ok(())
    }

    /// Closes the chunk if its bytes are all there, and the message if that was its last.
    fn end_of_chunk(&mut self) -> Result<Option<Message>, ChunkError> {
        let Some((id, 0)) = self.open else { return Ok(None) };
        self.open = None;
        let Some(stream) = self.streams.get_mut(&id).filter(|s| s.payload.len() == s.length) else { return Ok(None) };
        self.partials -= 1;
        self.partial_bytes -= stream.length;
        let message = stream.take();
        self.obey(message)
    }

    /// Obeys what concerns chunks, and passes on the rest.
    fn obey(&mut self, message: Message) -> Result<Option<Message>, ChunkError> {
        let value = || u32_at(&message.payload, 0).map_err(|_| ChunkError::Control);
        if message.kind == MessageKind::SetChunkSize {
            let bytes = value()?;
            if bytes == 0 || bytes > i32::MAX as u32 {
                return Err(ChunkError::Control);
            }
            self.chunk_bytes = bytes as usize;
            return Ok(None);
        }
        if message.kind == MessageKind::Abort {
            if let Some(stream) = self.streams.get_mut(&value()?).filter(|stream| stream.is_open) {
                self.partials -= 1;
                self.partial_bytes -= stream.discard();
            }
            return Ok(None);
        }
        Ok(Some(message))
    }
}

/// The fields of a message header, by its type (section 5.3.1.2).
#[derive(Debug, PartialEq)]
enum Fields {
    Full {
        time: u32,
        length: usize,
        kind: MessageKind,
        stream: u32,
    },
    SameStream {
        delta: u32,
        length: usize,
        kind: MessageKind,
    },
    SameShape {
        delta: u32,
    },
    /// Type 3: a message like the last one.
    Again,
    /// Type 3: more of the message that is open.
    Continued,
}

impl Fields {
    fn bytes(&self) -> usize {
        match self {
            Self::Full { .. } => 11,
            Self::SameStream { .. } => 7,
            Self::SameShape { .. } => 3,
            Self::Again | Self::Continued => 0,
        }
    }

    fn time(&self) -> Option<u32> {
        match self {
            Self::Full { time, .. } => Some(*time),
            Self::SameStream { delta, .. } | Self::SameShape { delta } => Some(*delta),
            Self::Again | Self::Continued => None,
        }
    }
}

struct Head {
    id: u32,
    fields: Fields,
    extended: Option<u32>,
    bytes: usize,
}

/// What the next chunk of one chunk stream is read against.
#[derive(Debug)]
struct ChunkStream {
    kind: MessageKind,
    stream: u32,
    length: usize,
    timestamp: u32,
    /// What type 3 adds when it starts a message: the last time field, be it a delta or, after type 0, the timestamp
    /// itself (section 5.3.1.2.4; ffmpeg and FMLE count on it).
    delta: u32,
    /// The last extended timestamp as it stood on the wire, while the last time field called for one.
    extended: Option<u32>,
    /// The last time field was a timestamp (type 0), not a delta.
    is_absolute: bool,
    is_open: bool,
    payload: Vec<u8>,
}

impl Default for ChunkStream {
    fn default() -> Self {
        Self {
            kind: MessageKind::Other(0),
            stream: 0,
            length: 0,
            timestamp: 0,
            delta: 0,
            extended: None,
            is_absolute: false,
            is_open: false,
            payload: Vec::new(),
        }
    }
}

impl ChunkStream {
    /// Takes over the fields of a head that starts a message.
    fn start(&mut self, head: &Head) {
        match &head.fields {
            Fields::Full { length, kind, stream, .. } => {
                (self.length, self.kind, self.stream) = (*length, *kind, *stream);
            }
            Fields::SameStream { length, kind, .. } => (self.length, self.kind) = (*length, *kind),
            Fields::SameShape { .. } | Fields::Again | Fields::Continued => {}
        }
        match head.fields.time() {
            Some(time) => {
                self.is_absolute = matches!(head.fields, Fields::Full { .. });
                self.delta = head.extended.unwrap_or(time);
                self.timestamp = if self.is_absolute { self.delta } else { self.timestamp.wrapping_add(self.delta) };
            }
            // After an extended type 0 the field can only be the timestamp again: as a delta it would be a leap of
            // more than 4.6 hours.
            None if self.is_absolute && head.extended.is_some() => {
                self.delta = head.extended.unwrap_or(self.delta);
                self.timestamp = self.delta;
            }
            None => {
                self.delta = head.extended.unwrap_or(self.delta);
                self.timestamp = self.timestamp.wrapping_add(self.delta);
            }
        }
        self.extended = head.extended;
    }

    /// Grows to what has come and at most to twice that, and never past the announced length.
    fn append(&mut self, bytes: &[u8]) {
        let wanted = self.payload.len() + bytes.len();
        if wanted > self.payload.capacity() {
            let target = self.length.min(wanted.max(2 * self.payload.len()));
            self.payload.reserve_exact(target - self.payload.len());
        }
        self.payload.extend_from_slice(bytes);
    }

    /// Forgets what is open; says how many bytes that were.
    fn discard(&mut self) -> usize {
        self.is_open = false;
        std::mem::take(&mut self.payload).len()
    }

    fn take(&mut self) -> Message {
        self.is_open = false;
        let payload = std::mem::take(&mut self.payload).into();
        Message { kind: self.kind, stream: self.stream, timestamp: self.timestamp, payload }
    }
}

/// Type, chunk stream id and length of the basic header (section 5.3.1.1).
fn basic_header(bytes: &[u8]) -> Option<(u8, u32, usize)> {
    let first = *bytes.first()?;
    let format = first >> 6;
    match first & 0x3f {
        0 => Some((format, 64 + u32::from(*bytes.get(1)?), 2)),
        1 => Some((format, 64 + u32::from(*bytes.get(1)?) + 256 * u32::from(*bytes.get(2)?), 3)),
        id => Some((format, u32::from(id), 1)),
    }
}

enum Peek {
    Missing,
    Absent,
    Present(u32),
}

/// The extended timestamp, if there is one, at the front of `bytes`.
fn extended_timestamp(fields: &Fields, before: Option<&ChunkStream>, bytes: &[u8]) -> Peek {
    let present = || u32_at(bytes, 0).map_or(Peek::Missing, Peek::Present);
    match (fields, fields.time(), before.and_then(|b| b.extended)) {
        (_, Some(EXTENDED), _) | (Fields::Again, _, Some(_)) => present(),
        (Fields::Continued, _, Some(_)) => before.map_or(Peek::Absent, |before| repeated_timestamp(before, bytes)),
        (_, _, _) => Peek::Absent,
    }
}

/// Type 3 inside a message: the specification repeats the extended timestamp, librtmp of old does not. So it is there
/// if the bytes are those: the field as it stood, or the timestamp that it led to, the highest bit left aside.
/// One byte that differs decides, so that nothing waits for bytes that may never come.
fn repeated_timestamp(before: &ChunkStream, bytes: &[u8]) -> Peek {
    let mut candidates = [before.extended, Some(before.timestamp).filter(|time| *time >= EXTENDED)];
    for (at, byte) in bytes.iter().take(4).enumerate() {
        let mask = if at == 0 { 0x7f } else { 0xff };
        for candidate in &mut candidates {
            *candidate = candidate.filter(|value| value.to_be_bytes()[at] & mask == byte & mask);
        }
    }
    match candidates {
        [None, None] => Peek::Absent,
        [_, _] => u32_at(bytes, 0).map_or(Peek::Missing, Peek::Present),
    }
}

fn field_24(fields: &[u8], at: usize) -> u32 {
    u24_at(fields, at).unwrap_or_default()
}

const _: () = assert!(JOINT_BYTES > HEAD_BYTES_MAX);

#[cfg(test)]
mod tests;

//! One connection of the load: its socket, what is still to be sent, and which part it plays.

use super::address::{Address, Target};
use super::chunks::{self, CHUNK_BYTES_OUT, Head};
use super::clip::{Clip, Position, Tag};
use super::marker;
use super::player::{FlvReader, Micros, Watch};
use super::script::{Role, Script};
use mio::net::TcpStream;
use std::io::{self, Read, Write};
use std::time::Duration;

/// A publisher that is that far behind has a server that does not read.
const PENDING_BYTES_MAX: usize = 8 * 1024 * 1024;

#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) socket: TcpStream,
    pending: Vec<u8>,
    part: Part,
    pub(crate) is_over: bool,
}

#[derive(Debug)]
enum Part {
    Publisher {
        script: Script,
        position: Position,
        /// When the first tag went out.
        started_at: Option<Micros>,
    },
    RtmpPlayer(Script),
    FlvPlayer(FlvReader),
    /// Takes bytes and looks at none.
    RawPlayer,
}

impl Peer {
    /// Connects; the first bytes go out when the socket is ready.
    pub(crate) fn connect(address: &Address, role: Role) -> io::Result<Self> {
        let socket = TcpStream::connect(address.socket)?;
        let mut pending = Vec::new();
        let part = match (&address.target, role) {
            (Target::Rtmp { app, name, tc_url }, Role::Publish) => {
                let script = Script::new(role, app, name, tc_url, &mut pending);
                Part::Publisher { script, position: Position::default(), started_at: None }
            }
            (Target::Rtmp { app, name, tc_url }, Role::Play) => {
                Part::RtmpPlayer(Script::new(role, app, name, tc_url, &mut pending))
            }
            (Target::Flv { host, path }, Role::Play) => {
                pending.extend(format!("GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n").bytes());
                Part::FlvPlayer(FlvReader::default())
            }
            (Target::Raw, Role::Play) => Part::RawPlayer,
            (Target::Flv { .. } | Target::Raw, Role::Publish) => {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "publishing is by RTMP only"));
            }
        };
        Ok(Self { socket, pending, part, is_over: false })
    }

    /// Reads all that has come.
    pub(crate) fn receive(
        &mut self,
        now: Micros,
        buffer: &mut [u8],
        watch: Option<&mut Watch>,
        counts: bool,
    ) -> io::Result<()> {
        let mut nobody = Watch::default();
        let watch = watch.unwrap_or(&mut nobody);
        loop {
            let bytes = match self.socket.read(buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(bytes) => bytes,
                Err(error) if is_later(&error) => return self.flush(),
                Err(error) => return Err(error),
            };
            watch.bytes += if counts { bytes as u64 } else { 0 };
            let input = &buffer[..bytes];
            match &mut self.part {
                Part::Publisher { script, .. } => script.read(input, &mut self.pending, |_| ())?,
                Part::RtmpPlayer(script) => script.read(input, &mut self.pending, |message| {
                    watch.see(now, message.kind, message.timestamp, &message.front, counts);
                })?,
                Part::FlvPlayer(reader) => reader
                    .read(input, |kind, timestamp, front| watch.see(now, kind, timestamp, front, counts))
                    .map_err(io::Error::other)?,
                Part::RawPlayer => {}
            }
        }
    }

    /// Sends the tags that are due and says how long it is until the next, none while it may not publish; and how many
    /// bytes that were.
    pub(crate) fn publish(&mut self, clip: &Clip, now: Micros) -> io::Result<(Option<Duration>, usize)> {
        let Part::Publisher { script, position, started_at } = &mut self.part else { return Ok((None, 0)) };
        if !script.is_ready() {
            return Ok((None, 0));
        }
        let before = self.pending.len();
        let stream = script.stream();
        if started_at.is_none() {
            *started_at = Some(now);
            clip.head.iter().for_each(|tag| put(tag, stream, 0, &tag.payload, &mut self.pending));
        }
        let since = Duration::from_micros(now - started_at.unwrap_or(now));
        let wait = loop {
            let (tag, due) = position.peek(clip);
            if due > since {
                break due - since;
            }
            let timestamp = due.as_millis() as u32;
            if tag.kind == 9 && marker::is_frame(&tag.payload) {
                put(tag, stream, timestamp, &marker::stamped(&tag.payload, now), &mut self.pending);
            } else {
                put(tag, stream, timestamp, &tag.payload, &mut self.pending);
            }
            position.advance(clip);
        };
        if self.pending.len() > PENDING_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the server does not read"));
        }
        let bytes = self.pending.len() - before;
        self.flush()?;
        Ok((Some(wait), bytes))
    }

    /// Writes as much as the socket takes.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        while !self.pending.is_empty() {
            match self.socket.write(&self.pending) {
                Ok(bytes) => drop(self.pending.drain(..bytes)),
                Err(error) if is_later(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Not connected yet, or nothing to read, or no room to write.
fn is_later(error: &io::Error) -> bool {
    [io::ErrorKind::WouldBlock, io::ErrorKind::NotConnected, io::ErrorKind::Interrupted].contains(&error.kind())
}

fn put(tag: &Tag, stream: u32, timestamp: u32, payload: &[u8], out: &mut Vec<u8>) {
    let (chunk_stream, kind) = match tag.kind {
        8 => (4, 8),
        9 => (6, 9),
        kind => (5, kind),
    };
    // What a file calls `onMetaData` is set by `@setDataFrame` in RTMP.
    let mut wrapped = Vec::new();
    if kind == 18 {
        wrapped.extend(b"\x02\x00\x0d@setDataFrame");
    }
    wrapped.extend_from_slice(payload);
    chunks::write(Head { chunk_stream, kind, stream, timestamp }, &wrapped, CHUNK_BYTES_OUT, out);
}

//! The floor: a loop that writes the bytes of one stream, chunked as a server chunks them, to every socket that it has
//! accepted, a message at a time as they are due, and does nothing else.

use super::chunks::{self, Head};
use super::clip::{Clip, Position};
use super::load::clock;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

/// What servers cut at: nginx-rtmp by default, and ours.
const CHUNK_BYTES: usize = 4096;

/// A listener and what it sends.
#[derive(Debug)]
pub struct Bare {
    clip: Clip,
    listener: TcpListener,
}

impl Bare {
    pub fn new(clip: Clip, listen: SocketAddr) -> io::Result<Self> {
        Ok(Self { clip, listener: TcpListener::bind(listen)? })
    }

    /// Runs until it is ended from outside.
    pub fn run(mut self) -> io::Result<()> {
        let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(64));
        poll.registry().register(&mut self.listener, Token(0), Interest::READABLE)?;
        let (started, mut position) = (clock(), Position::default());
        let mut sockets: Vec<TcpStream> = Vec::new();
        let mut wire = Vec::new();
        loop {
            let (tag, due) = position.peek(&self.clip);
            let since = started.elapsed();
            if let Some(wait) = due.checked_sub(since).filter(|wait| !wait.is_zero()) {
                poll.poll(&mut events, Some(wait.max(Duration::from_micros(100))))?;
                while let Ok((socket, _)) = self.listener.accept() {
                    socket.set_nodelay(true)?;
                    sockets.push(socket);
                }
                continue;
            }
            wire.clear();
            let chunk_stream = if tag.kind == 9 { 6 } else { 4 };
            let head = Head { chunk_stream, kind: tag.kind, stream: 1, timestamp: due.as_millis() as u32 };
            chunks::write(head, &tag.payload, CHUNK_BYTES, &mut wire);
            // A socket without room loses the message: nobody reads what it holds.
            sockets.retain_mut(|socket| match socket.write(&wire) {
                Ok(bytes) => bytes > 0,
                Err(error) => error.kind() == io::ErrorKind::WouldBlock,
            });
            position.advance(&self.clip);
        }
    }
}

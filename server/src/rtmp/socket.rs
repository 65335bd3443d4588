//! One client's socket, plain or under TLS, neither of which ever blocks.

use mio::net::TcpStream;
use rustls::{ServerConfig, ServerConnection};
use socket2::{SockRef, TcpKeepalive};
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::Arc;
use std::time::Duration;

/// Bytes that the kernel holds unsent for one client: what is behind them can still be left out when it is late.
const UNSENT_BYTES: u32 = 64 * 1024;
/// A peer that acknowledges nothing for so long is dead; a phone that left its network says no goodbye.
const DEAD_AFTER: Duration = Duration::from_secs(10);
const KEEPALIVE: Duration = Duration::from_secs(20);

pub(super) enum Socket {
    Plain(TcpStream),
    Tls { stream: TcpStream, tls: Box<ServerConnection> },
}

impl Socket {
    pub(super) fn plain(stream: TcpStream) -> Self {
        set_options(&stream);
        Self::Plain(stream)
    }

    /// Errors: the configuration cannot serve anybody.
    pub(super) fn tls(stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<Self> {
        set_options(&stream);
        let tls = ServerConnection::new(config).map_err(io::Error::other)?;
        Ok(Self::Tls { stream, tls: Box::new(tls) })
    }

    pub(super) fn stream(&mut self) -> &mut TcpStream {
        match self {
            Self::Plain(stream) | Self::Tls { stream, .. } => stream,
        }
    }

    /// 0: the client has closed its end. `WouldBlock`: nothing there at the moment.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls { stream, tls } => read_tls(stream, tls, buffer),
        }
    }

    /// Whether a read that does not fill its buffer has taken all that is there, so that an event comes with what comes
    /// next (epoll(7), edge-triggered). What TLS opens comes in records, with more behind them.
    pub(super) fn tells_end_by_short_read(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    /// How many bytes were taken. `WouldBlock`: none, until the socket is writable again.
    pub(super) fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => match slices {
                // The kernel has less to check.
                [one] => stream.write(one),
                many => stream.write_vectored(many),
            },
            Self::Tls { stream, tls } => {
                write_tls(stream, tls)?;
                let taken = tls.writer().write_vectored(slices)?;
                match write_tls(stream, tls) {
                    // What was taken is sealed and waits in the TLS buffer, which is bounded.
                    Err(error) if error.kind() == ErrorKind::WouldBlock && taken > 0 => Ok(taken),
                    Err(error) => Err(error),
                    Ok(()) => Ok(taken),
                }
            }
        }
    }

    /// Sends what is sealed already.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls { stream, tls } => write_tls(stream, tls),
        }
    }
}

fn set_options(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    // Best effort: a kernel without one of these serves as well.
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_tcp_notsent_lowat(UNSENT_BYTES);
    let _ = socket.set_tcp_user_timeout(Some(DEAD_AFTER));
    let _ = socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE));
    // Lossy uplinks of phones: where the kernel has it.
    let _ = socket.set_tcp_congestion(b"bbr");
}

fn read_tls(stream: &mut TcpStream, tls: &mut ServerConnection, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match tls.reader().read(buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            // A connection that is cut without a goodbye has ended, too.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
            result => return result,
        }
        if tls.read_tls(stream)? == 0 {
            return Ok(0);
        }
        let processed = tls.process_new_packets();
        // Also the alert that tells the peer of its fault.
        match write_tls(stream, tls) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
            Err(_) | Ok(()) => {}
        }
        processed.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
    }
}

fn write_tls(stream: &mut TcpStream, tls: &mut ServerConnection) -> io::Result<()> {
    while tls.wants_write() {
        tls.write_tls(stream)?;
    }
    Ok(())
}

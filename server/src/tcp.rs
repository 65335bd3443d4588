//! ICE-TCP (RFC 6544): media for networks that let no UDP through. Frames of RFC 4571 in both directions; which worker a
//! connection belongs to is known when the first one answers on it.

use crate::worker::{self, Input, NO_OWNER};
use carillon_sfu::{Path, Protocol};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

/// Connections at once; one more is closed at once.
const CONNECTIONS: usize = 2000;
/// The largest frame a client may send: media fits a UDP datagram of 1,500 bytes, DTLS flights are smaller.
const FRAME_BYTES: usize = 4096;
/// Frames waiting for a client that reads slowly: about a second of video. Beyond, they are dropped.
const QUEUE: usize = 256;
/// A connection that says nothing for so long is closed (ICE checks come every few seconds).
const SILENCE: Duration = Duration::from_secs(40);

/// Accepts until the listener fails for good.
pub async fn serve(listener: TcpListener, workers: Arc<[worker::Handle]>) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => {
                let Ok(slot) = slots.clone().try_acquire_owned() else {
                    tracing::warn!("ICE-TCP: {CONNECTIONS} connections, one more refused");
                    continue;
                };
                let workers = workers.clone();
                tokio::spawn(async move {
                    if let Err(error) = connection(stream, remote, &workers).await {
                        tracing::debug!(%error, "ICE-TCP connection ended");
                    }
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "ICE-TCP: accepting failed");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, remote: SocketAddr, workers: &[worker::Handle]) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let local = unmapped(stream.local_addr()?);
    let path = Path { local, remote: unmapped(remote), protocol: Protocol::Tcp };
    let owner = Arc::new(AtomicUsize::new(NO_OWNER));
    let (out, queue) = mpsc::channel(QUEUE);
    for worker in workers {
        let opened = Input::TcpOpened { path, out: out.clone(), owner: owner.clone() };
        if worker.send(opened).is_err() {
            workers.iter().for_each(|worker| drop(worker.send(Input::TcpClosed { path })));
            return Err(io::Error::other("a worker is overloaded"));
        }
    }
    drop(out);
    let (read, write) = stream.into_split();
    let writer = tokio::spawn(write_frames(write, queue));
    let result = read_frames(read, path, workers, &owner).await;
    for worker in workers {
        let _ = worker.send(Input::TcpClosed { path });
    }
    writer.abort();
    result
}

async fn read_frames(
    read: OwnedReadHalf,
    path: Path,
    workers: &[worker::Handle],
    owner: &AtomicUsize,
) -> io::Result<()> {
    let mut read = BufReader::new(read);
    loop {
        let Ok(frame) = tokio::time::timeout(SILENCE, read_frame(&mut read)).await else { return Ok(()) };
        let bytes = frame?;
        match workers.get(owner.load(Ordering::Acquire)) {
            // A full mailbox loses the datagram, as a full socket buffer would.
            Some(worker) => drop(worker.send(Input::TcpDatagram { path, bytes })),
            None => {
                for worker in workers {
                    let _ = worker.send(Input::TcpDatagram { path, bytes: bytes.clone() });
                }
            }
        }
    }
}

async fn read_frame(read: &mut BufReader<OwnedReadHalf>) -> io::Result<Vec<u8>> {
    let len = usize::from(read.read_u16().await?);
    if len > FRAME_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "frame too long"));
    }
    let mut bytes = vec![0; len];
    read.read_exact(&mut bytes).await?;
    Ok(bytes)
}

async fn write_frames(mut write: OwnedWriteHalf, mut queue: mpsc::Receiver<Vec<u8>>) -> io::Result<()> {
    while let Some(mut frame) = queue.recv().await {
        let Ok(len) = u16::try_from(frame.len()) else { continue };
        frame.splice(0..0, len.to_be_bytes());
        write.write_all(&frame).await?;
    }
    Ok(())
}

/// A dual-stack listener sees IPv4 peers as mapped addresses; candidates name the plain ones.
fn unmapped(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

//! ICE-TCP (RFC 6544): media for networks that let no UDP through. Frames of RFC 4571 in both directions; which worker a
//! connection belongs to is known when the first one answers on it.

use crate::places::Places;
use crate::worker::{self, Input, NO_OWNER, Refused};
use carillon_sfu::{Path, Protocol};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// Connections at once; one more is closed at once.
const CONNECTIONS: usize = 2000;
/// The largest frame a client may send: media fits a UDP datagram of 1,500 bytes, DTLS flights are smaller.
const FRAME_BYTES: usize = 4096;
/// Frames waiting for a client that reads slowly: about a second of video. Beyond, they are dropped.
const QUEUE: usize = 256;
/// A connection that no worker answers is closed: workers answer ICE checks with the password of a participant, and
/// clients send one as soon as they are connected.
const OWNER_WITHIN: Duration = Duration::from_secs(5);
/// A connection that says nothing for so long is closed (ICE checks come every few seconds).
const SILENCE: Duration = Duration::from_secs(40);

/// How soon a worker whose mailbox was full is told again that a connection has ended.
const RETRY: Duration = Duration::from_millis(50);

/// Accepts until it is dropped. `per_address`: connections of one address, loopback exempt; one more is closed at once.
pub async fn serve(listener: TcpListener, workers: Arc<[worker::Handle]>, per_address: usize) {
    let places = Places::new(CONNECTIONS, per_address);
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => {
                let Some(permit) = places.try_permit() else {
                    tracing::warn!("ICE-TCP: {CONNECTIONS} connections, one more refused");
                    continue;
                };
                let Some(place) = places.take(permit, remote.ip()) else {
                    tracing::debug!(%remote, "ICE-TCP: too many connections of this address");
                    continue;
                };
                let workers = workers.clone();
                tokio::spawn(async move {
                    if let Err(error) = connection(stream, remote, &workers).await {
                        tracing::debug!(%error, "ICE-TCP connection ended");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "ICE-TCP: accepting failed");
                sleep(Duration::from_millis(100)).await;
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
            tell_closed(workers, path).await;
            return Err(io::Error::other("a worker is overloaded"));
        }
    }
    drop(out);
    let (read, write) = stream.into_split();
    let writer = tokio::spawn(write_frames(write, queue));
    let result = tokio::select! {
        result = read_frames(read, path, workers, &owner) => result,
        () = unanswered(&owner) => Err(io::Error::new(io::ErrorKind::TimedOut, "no participant's")),
    };
    writer.abort();
    tell_closed(workers, path).await;
    result
}

/// Ends when the time is over in which a worker should have answered, and none did.
async fn unanswered(owner: &AtomicUsize) {
    sleep(OWNER_WITHIN).await;
    if owner.load(Ordering::Acquire) != NO_OWNER {
        std::future::pending().await
    }
}

/// Every worker hears of it, however full its mailbox is: the connection keeps its place so long, which bounds what
/// workers know of connections.
async fn tell_closed(workers: &[worker::Handle], path: Path) {
    for worker in workers {
        while let Err(Refused::Full(_)) = worker.send(Input::TcpClosed { path }) {
            sleep(RETRY).await;
        }
    }
}

async fn read_frames(
    read: OwnedReadHalf,
    path: Path,
    workers: &[worker::Handle],
    owner: &AtomicUsize,
) -> io::Result<()> {
    let mut read = BufReader::new(read);
    loop {
        let Ok(frame) = timeout(SILENCE, read_frame(&mut read)).await else { return Ok(()) };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn connection_that_no_worker_answers_is_closed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let address = listener.local_addr().expect("bound");
        let server = tokio::spawn(serve(listener, Arc::new([]), 1));
        let mut client = TcpStream::connect(address).await.expect("it listens");
        let drip = async {
            loop {
                sleep(Duration::from_millis(100)).await;
                if client.write_all(&[0, 1, 7]).await.is_err() {
                    break;
                }
            }
        };
        timeout(2 * OWNER_WITHIN, drip).await.expect("frames of a stranger do not keep it open");
        server.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn connection_of_a_participant_is_kept() {
        let kept = timeout(20 * OWNER_WITHIN, unanswered(&AtomicUsize::new(0))).await;
        assert!(kept.is_err(), "it has an owner");
        timeout(2 * OWNER_WITHIN, unanswered(&AtomicUsize::new(NO_OWNER))).await.expect("it has none");
    }
}

//! A media thread: datagrams in, `carillon_sfu::Worker`, datagrams out, one timer. It shares nothing: commands come
//! through a bounded mailbox, events leave through the control thread's.

mod events;
mod frames;

use crate::bridge::Sinks;
use crate::clock::Clock;
use crate::control;
use crate::udp::{self, ReceiveBatch, SendOutcome, UdpSocket};
use carillon_sfu::{Command, Path, Protocol, Stats, Worker};
use events::Events;
use frames::{FRAMES_IN, Outboxes};
pub use frames::{FrameInput, FrameRefused, FromWorker};
use std::collections::HashMap;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Commands waiting for one worker. Full: the asker is told that the server is overloaded.
const MAILBOX: usize = 4096;
/// Inputs and receive batches taken in one pass, so that neither starves the other.
const PASS: usize = 256;
/// The longest sleep.
const IDLE: Duration = Duration::from_secs(1);
/// How soon events that found the control thread's channel full are offered again.
const RETRY: Duration = Duration::from_millis(5);
/// No worker answered on this TCP connection yet.
pub const NO_OWNER: usize = usize::MAX;

/// What a media thread is told.
#[derive(Debug)]
pub enum Input {
    Command(Command),
    /// A client's ICE-TCP connection. Every worker hears of it; the first that answers on it becomes its owner.
    TcpOpened {
        path: Path,
        out: mpsc::Sender<Vec<u8>>,
        owner: Arc<AtomicUsize>,
    },
    TcpDatagram {
        path: Path,
        bytes: Vec<u8>,
    },
    TcpClosed {
        path: Path,
    },
    Stats(oneshot::Sender<Report>),
    Stop,
}

/// One worker's counters, the engine's and the sockets'.
#[derive(Debug, Clone, Default)]
pub struct Report {
    pub engine: Stats,
    pub udp: UdpCounters,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct UdpCounters {
    pub received_datagrams: u64,
    pub received_bytes: u64,
    pub sent_datagrams: u64,
    pub sent_bytes: u64,
    pub dropped_full: u64,
    pub dropped_error: u64,
    pub events_dropped: u64,
    /// Of taps whose taker is behind.
    pub frames_dropped: u64,
}

/// The other threads' end of a worker.
#[derive(Debug, Clone)]
pub struct Handle {
    pub index: usize,
    inputs: SyncSender<Input>,
    frames: SyncSender<FrameInput>,
    wake: Arc<Wake>,
}

/// The input was not taken.
#[derive(Debug)]
pub enum Refused {
    /// The mailbox is full; the input comes back.
    Full(Box<Input>),
    /// The worker has stopped, and with it the process soon: one that fails ends the process at once.
    Stopped,
}

impl Handle {
    pub fn send(&self, input: Input) -> Result<(), Refused> {
        self.inputs.try_send(input).map_err(|e| match e {
            TrySendError::Full(input) => Refused::Full(Box::new(input)),
            TrySendError::Disconnected(_) => Refused::Stopped,
        })?;
        self.wake.wake();
        Ok(())
    }

    /// For the threads that speak other wires. A worker takes the commands that wait before the frames that do.
    pub fn send_frame(&self, input: FrameInput) -> Result<(), FrameRefused> {
        self.frames.try_send(input).map_err(|e| match e {
            TrySendError::Full(_) => FrameRefused::Full,
            TrySendError::Disconnected(_) => FrameRefused::Stopped,
        })?;
        self.wake.wake();
        Ok(())
    }
}

#[cfg(test)]
impl Handle {
    /// A worker that takes nothing from its mailbox.
    pub(crate) fn stuck() -> (Self, Receiver<Input>) {
        let (inputs, mailbox) = sync_channel(MAILBOX);
        let (sender, _) = UnixDatagram::pair().expect("sockets");
        let wake = Arc::new(Wake { sender, pending: AtomicBool::new(false) });
        let (frames, _) = sync_channel(FRAMES_IN);
        (Self { index: 0, inputs, frames, wake }, mailbox)
    }
}

/// Ends another thread's `ppoll`.
#[derive(Debug)]
struct Wake {
    sender: UnixDatagram,
    pending: AtomicBool,
}

impl Wake {
    fn wake(&self) {
        if !self.pending.swap(true, Ordering::AcqRel) {
            // A full buffer means that a wake-up is on its way already.
            let _ = self.sender.send(&[1]);
        }
    }
}

/// Starts the thread. `sockets` are bound already, one for each address family in use.
pub fn start(
    index: usize,
    worker: Worker,
    sockets: Vec<UdpSocket>,
    control: control::Handle,
    frames_out: Sinks,
    clock: Clock,
    pin: bool,
) -> io::Result<(Handle, std::thread::JoinHandle<()>)> {
    let (inputs, mailbox) = sync_channel(MAILBOX);
    let (frames, frame_box) = sync_channel(FRAMES_IN);
    let (sender, receiver) = UnixDatagram::pair()?;
    sender.set_nonblocking(true)?;
    receiver.set_nonblocking(true)?;
    let wake = Arc::new(Wake { sender, pending: AtomicBool::new(false) });
    let handle = Handle { index, inputs, frames, wake: wake.clone() };
    let thread = Thread {
        index,
        worker,
        sockets,
        control,
        clock,
        mailbox,
        frame_box,
        outboxes: Outboxes::new(index, frames_out),
        wake,
        wake_receiver: receiver,
        tcp: HashMap::new(),
        events: Events::default(),
        counters: UdpCounters::default(),
    };
    let join = std::thread::Builder::new().name(format!("media-{index}")).spawn(move || {
        if pin {
            udp::pin_to_core(index);
        }
        let _guard = Guard;
        thread.run();
    })?;
    Ok((handle, join))
}

/// A media thread that failed leaves its rooms dead and nobody to tell them: whoever runs this process starts it again.
struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("a media thread failed: the process ends");
            std::process::abort();
        }
    }
}

struct Tcp {
    out: mpsc::Sender<Vec<u8>>,
    owner: Arc<AtomicUsize>,
}

struct Thread {
    index: usize,
    worker: Worker,
    sockets: Vec<UdpSocket>,
    control: control::Handle,
    clock: Clock,
    mailbox: Receiver<Input>,
    frame_box: Receiver<FrameInput>,
    outboxes: Outboxes,
    wake: Arc<Wake>,
    wake_receiver: UnixDatagram,
    /// Bounded by the listener's connection limit.
    tcp: HashMap<Path, Tcp>,
    events: Events,
    counters: UdpCounters,
}

impl Thread {
    fn run(mut self) {
        let mut batch = ReceiveBatch::new();
        loop {
            let Some(more) = self.take_inputs() else { return };
            let fed = self.take_frames();
            let busy = self.receive(&mut batch) || more || fed;
            self.clock.resync();
            let now = self.clock.now();
            if self.worker.poll_timeout().is_some_and(|(at, _)| at <= now.instant) {
                self.worker.handle_timeout(now);
            }
            self.send();
            self.outboxes.drain(&mut self.worker, now, &mut self.counters);
            self.tell_control();
            if !busy {
                self.sleep();
            }
        }
    }

    /// Whether there may be more. `None`: stop.
    fn take_inputs(&mut self) -> Option<bool> {
        for _ in 0..PASS {
            let Ok(input) = self.mailbox.try_recv() else { return Some(false) };
            match input {
                Input::Command(command) => self.worker.handle_command(self.clock.now(), command),
                Input::TcpOpened { path, out, owner } => {
                    self.tcp.insert(path, Tcp { out, owner });
                }
                Input::TcpDatagram { path, mut bytes } => {
                    self.count_received(bytes.len());
                    self.worker.handle_datagram(self.clock.now(), path, &mut bytes);
                }
                Input::TcpClosed { path } => {
                    self.tcp.remove(&path);
                    self.worker.handle_path_closed(self.clock.now(), path);
                }
                Input::Stats(reply) => {
                    let _ = reply.send(Report { engine: self.worker.stats(), udp: self.counters });
                }
                Input::Stop => return None,
            }
        }
        Some(true)
    }

    /// Whether there may be more.
    fn take_frames(&mut self) -> bool {
        for _ in 0..PASS {
            let Ok(input) = self.frame_box.try_recv() else { return false };
            let now = self.clock.now();
            match input {
                FrameInput::Frame { participant, track, frame } => {
                    self.worker.handle_frame(now, participant, track, &frame);
                }
                FrameInput::Level { participant, level } => self.worker.handle_level(now, participant, level),
            }
        }
        true
    }

    /// One batch from each socket, under one reading of the clock. `true`: there may be more.
    fn receive(&mut self, batch: &mut ReceiveBatch) -> bool {
        let Self { sockets, worker, clock, counters, .. } = self;
        let mut busy = false;
        for socket in sockets {
            let now = clock.now();
            let got = socket.receive(batch, |path, bytes| {
                counters.received_datagrams += 1;
                counters.received_bytes += bytes.len() as u64;
                worker.handle_datagram(now, path, bytes);
            });
            match got {
                Ok(any) => busy |= any,
                Err(error) => tracing::warn!(%error, worker = self.index, "receiving media failed"),
            }
        }
        busy
    }

    fn send(&mut self) {
        let Self { worker, sockets, tcp, counters, index, .. } = self;
        let egress = worker.egress();
        if egress.is_empty() {
            return;
        }
        for socket in sockets {
            let v4 = socket.local().is_ipv4();
            let mut bytes = 0;
            let runs = egress.runs(socket.max_segments());
            let ours = runs.filter(|r| r.path.protocol == Protocol::Udp && r.path.remote.is_ipv4() == v4);
            let outcome = socket.send(ours.inspect(|r| bytes += r.bytes.len() as u64));
            count_sent(counters, outcome, bytes);
        }
        if !tcp.is_empty() {
            for (path, bytes) in egress.datagrams().filter(|(p, _)| p.protocol == Protocol::Tcp) {
                let Some(connection) = tcp.get(&path) else { continue };
                connection.owner.store(*index, Ordering::Release);
                match connection.out.try_send(bytes.to_vec()) {
                    Ok(()) => {
                        counters.sent_datagrams += 1;
                        counters.sent_bytes += bytes.len() as u64;
                    }
                    Err(mpsc::error::TrySendError::Full(_)) => counters.dropped_full += 1,
                    // `TcpClosed` is on its way.
                    Err(mpsc::error::TrySendError::Closed(_)) => drop(tcp.remove(&path)),
                }
            }
        }
        egress.clear();
    }

    fn tell_control(&mut self) {
        while let Some(output) = self.worker.poll_output() {
            self.counters.events_dropped += self.events.push(output);
        }
        self.events.offer(|output| self.control.media(output));
    }

    fn sleep(&mut self) {
        let now = self.clock.now().instant;
        let next = self.worker.poll_timeout().map_or(IDLE, |(at, _)| at.saturating_duration_since(now));
        let timeout =
            if self.events.is_empty() && !self.outboxes.is_behind() { next.min(IDLE) } else { next.min(RETRY) };
        let mut fds: Vec<_> = self.sockets.iter().map(AsRawFd::as_raw_fd).collect();
        fds.push(self.wake_receiver.as_raw_fd());
        if let Err(error) = udp::wait_readable(&fds, timeout) {
            tracing::error!(%error, worker = self.index, "waiting for media failed");
            std::thread::sleep(RETRY);
        }
        // Bytes first, then the flag: the other way round the byte of a wake-up in between is eaten while its flag stays,
        // and no later one sends any. A byte without a flag is an old wake-up's.
        let mut drain = [0; 8];
        while self.wake_receiver.recv(&mut drain).is_ok() {}
        self.wake.pending.swap(false, Ordering::AcqRel);
    }

    fn count_received(&mut self, bytes: usize) {
        self.counters.received_datagrams += 1;
        self.counters.received_bytes += bytes as u64;
    }
}

fn count_sent(counters: &mut UdpCounters, outcome: SendOutcome, bytes: u64) {
    counters.sent_datagrams += outcome.datagrams as u64;
    counters.sent_bytes += bytes;
    counters.dropped_full += outcome.dropped_full as u64;
    counters.dropped_error += outcome.dropped_error as u64;
}

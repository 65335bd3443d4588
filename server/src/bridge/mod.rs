//! Where RTMP's streams and the rooms of the media workers meet: a thread that carries frames between them and changes
//! their sound from one codec to the other, once for each publisher and direction, and only while somebody wants it.
//!
//! A frame of sound costs some 60 µs here and a picture next to nothing, so that one thread carries hundreds of
//! publishers; no media thread and no player ever waits for it. What it does not keep up with is dropped and counted.

mod playing;
mod publishing;
mod thread;

pub use thread::start;

use crate::worker::FromWorker;
use carillon_rtmp::bridge::Ages;
use carillon_rtmp::{Class, Flow, Media, StreamKey};
use carillon_sfu::ParticipantId;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use tokio::sync::oneshot;

/// Frames and messages waiting for the thread: two seconds of twenty publishers.
const WAITING: usize = 4_096;

/// What flows in all the time. Whoever finds no place drops it.
#[derive(Debug)]
pub enum Input {
    Worker(FromWorker),
    Tapped {
        stream: StreamKey,
        media: Media,
    },
    /// An order waits.
    Wake,
}

/// What is to be done, by the control thread and RTMP's. Never dropped; there are a few for each stream.
#[derive(Debug)]
pub enum Order {
    /// A connection publishes this stream, and the publisher sits there.
    Publish {
        stream: StreamKey,
        worker: usize,
        participant: ParticipantId,
    },
    /// Players want this stream of somebody who publishes there by WebRTC.
    Play {
        stream: StreamKey,
        worker: usize,
        participant: ParticipantId,
    },
    /// Neither any more.
    End {
        stream: StreamKey,
    },
    /// A new player of a stream under `Play` needs a picture that stands alone.
    Keyframe {
        stream: StreamKey,
    },
    Stats(oneshot::Sender<Stats>),
    Stop,
}

/// Of the thread, since it began; the first two are of this moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    pub publishing: u64,
    pub playing: u64,
    /// Sound that was changed from AAC to Opus and from Opus to AAC, in frames of what came.
    pub aac_frames: u64,
    pub opus_frames: u64,
    /// Of pictures when they leave this thread.
    pub ages_to_room: Ages,
    pub ages_to_players: Ages,
    /// Frames that a worker had no place for.
    pub refused: u64,
    /// Messages and frames that this thread had no place for.
    pub dropped: u64,
    /// Streams that ended because a decoder failed on them.
    pub failed: u64,
}

/// The other threads' end.
#[derive(Debug, Clone)]
pub struct Handle {
    inputs: SyncSender<Input>,
    orders: Sender<Order>,
    dropped: Arc<AtomicU64>,
}

/// The thread's own end.
#[derive(Debug)]
pub struct Mailbox {
    inputs: Receiver<Input>,
    orders: Receiver<Order>,
    dropped: Arc<AtomicU64>,
}

/// Made before the threads are that speak to it.
pub fn channels() -> (Handle, Mailbox) {
    let (inputs, inputs_out) = sync_channel(WAITING);
    let (orders, orders_out) = channel();
    let dropped = Arc::new(AtomicU64::new(0));
    let mailbox = Mailbox { inputs: inputs_out, orders: orders_out, dropped: dropped.clone() };
    (Handle { inputs, orders, dropped }, mailbox)
}

impl Handle {
    pub fn order(&self, order: Order) {
        if self.orders.send(order).is_ok() {
            // A full channel means that the thread is awake.
            let _ = self.inputs.try_send(Input::Wake);
        }
    }

    /// For the media workers, who know what to do about what finds no place.
    pub fn inputs(&self) -> SyncSender<Input> {
        self.inputs.clone()
    }
}

/// RTMP's side of the way in. A picture that found no place takes those with it that build on it.
#[derive(Debug)]
pub struct Feeder {
    handle: Handle,
    /// Streams whose next picture must stand alone.
    broken: BTreeSet<StreamKey>,
}

impl Feeder {
    pub fn new(handle: Handle) -> Self {
        Self { handle, broken: BTreeSet::new() }
    }

    pub fn feed(&mut self, stream: StreamKey, media: Media) {
        let picture = media.flow == Flow::Video && media.class != Class::Header;
        if picture && self.broken.contains(&stream) {
            if media.class != Class::Key {
                return self.count();
            }
            self.broken.remove(&stream);
        }
        match self.handle.inputs.try_send(Input::Tapped { stream, media }) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(Input::Tapped { stream, media })) => {
                self.count();
                if media.flow == Flow::Video {
                    self.broken.insert(stream);
                }
            }
            Err(TrySendError::Full(Input::Worker(_) | Input::Wake)) => {}
        }
    }

    /// Nothing more is fed of this stream.
    pub fn forget(&mut self, stream: &StreamKey) {
        self.broken.remove(stream);
    }

    pub fn keyframe(&self, stream: StreamKey) {
        self.handle.order(Order::Keyframe { stream });
    }

    fn count(&self) {
        self.handle.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

//! The ways to the bridge's threads. Each publisher belongs to one of them, by its name.

use super::{Input, Order, Stats};
use carillon_rtmp::{Class, Flow, Media, StreamKey};
use carillon_sfu::TapId;
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use tokio::sync::oneshot;

/// Frames and messages waiting for one thread: two seconds of twenty publishers.
const WAITING: usize = 4_096;

/// More threads carry more publishers than the rest of the server does.
const THREADS_MAX: usize = 4;

/// The other threads' end.
#[derive(Debug, Clone)]
pub struct Handle {
    lanes: Arc<[Lane]>,
}

#[derive(Debug)]
struct Lane {
    inputs: SyncSender<Input>,
    orders: Sender<Order>,
    dropped: Arc<AtomicU64>,
}

/// A thread's own end.
#[derive(Debug)]
pub struct Mailbox {
    pub(super) inputs: Receiver<Input>,
    pub(super) orders: Receiver<Order>,
    pub(super) dropped: Arc<AtomicU64>,
    /// Which of how many threads.
    pub(super) lane: (u64, u64),
}

/// Where media workers put what they yield, one for each thread.
#[derive(Debug, Clone)]
pub struct Sinks(pub Vec<SyncSender<Input>>);

/// One for each thread that this machine is to have, made before the threads are that speak to them.
pub fn channels() -> (Handle, Vec<Mailbox>) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    lanes(cores.min(THREADS_MAX))
}

fn lanes(count: usize) -> (Handle, Vec<Mailbox>) {
    let made = (0..count as u64).map(|lane| {
        let (inputs, inputs_out) = sync_channel(WAITING);
        let (orders, orders_out) = channel();
        let dropped = Arc::new(AtomicU64::new(0));
        let mailbox =
            Mailbox { inputs: inputs_out, orders: orders_out, dropped: dropped.clone(), lane: (lane, count as u64) };
        (Lane { inputs, orders, dropped }, mailbox)
    });
    let (lanes, mailboxes): (Vec<_>, _) = made.unzip();
    (Handle { lanes: lanes.into() }, mailboxes)
}

impl Handle {
    /// Of a stream. What is for every thread has functions of its own.
    pub fn order(&self, order: Order) {
        if let Some(stream) = order.stream() {
            self.lane(stream).order(order);
        }
    }

    pub fn stop(&self) {
        self.lanes.iter().for_each(|lane| lane.order(Order::Stop));
    }

    /// Of all threads together. `None`: one does not answer.
    pub fn stats(&self) -> impl Future<Output = Option<Stats>> + use<> {
        let asked = self.lanes.iter().map(|lane| {
            let (reply, stats) = oneshot::channel();
            lane.order(Order::Stats(reply));
            stats
        });
        let asked: Vec<_> = asked.collect();
        async move {
            let mut all = Stats::default();
            for stats in asked {
                all = all.plus(stats.await.ok()?);
            }
            Some(all)
        }
    }

    /// For the media workers, who know what to do about what finds no place.
    pub fn sinks(&self) -> Sinks {
        Sinks(self.lanes.iter().map(|lane| lane.inputs.clone()).collect())
    }

    fn lane(&self, stream: &StreamKey) -> &Lane {
        let mut hasher = DefaultHasher::new();
        (stream.app, &stream.room, &stream.publisher).hash(&mut hasher);
        &self.lanes[(hasher.finish() % self.lanes.len() as u64) as usize]
    }
}

impl Lane {
    fn order(&self, order: Order) {
        if self.orders.send(order).is_ok() {
            // A full channel means that the thread is awake.
            let _ = self.inputs.try_send(Input::Wake);
        }
    }
}

impl Mailbox {
    /// The number of the thread's `n`th tap: it says whose it is.
    pub(super) fn tap(&self, n: u64) -> TapId {
        let (lane, count) = self.lane;
        TapId(n * count + lane)
    }
}

impl Sinks {
    /// The thread that opened a tap.
    pub fn of(&self, tap: TapId) -> usize {
        (tap.0 % self.0.len().max(1) as u64) as usize
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
                return self.count(&stream);
            }
            self.broken.remove(&stream);
        }
        match self.handle.lane(&stream).inputs.try_send(Input::Tapped { stream, media }) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(Input::Tapped { stream, media })) => {
                self.count(&stream);
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

    fn count(&self, stream: &StreamKey) {
        self.handle.lane(stream).dropped.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use carillon_proto::id::{AppId, RoomId, UserId};

    fn stream(publisher: &str, screen: bool) -> StreamKey {
        StreamKey { app: AppId(1), room: RoomId::Number(1), publisher: UserId::new(publisher).unwrap(), screen }
    }

    fn picture(class: Class) -> Media {
        Media { flow: Flow::Video, class, at: 0, payload: Bytes::new() }
    }

    /// A publisher of each of two threads.
    fn two(handle: &Handle) -> [StreamKey; 2] {
        let at = |stream: &StreamKey| std::ptr::eq(handle.lane(stream), &handle.lanes[0]);
        let all: Vec<_> = (0..64).map(|n| stream(&format!("p{n}"), false)).collect();
        let first = all.iter().find(|stream| at(stream)).cloned().unwrap();
        [first, all.iter().find(|stream| !at(stream)).cloned().unwrap()]
    }

    #[test]
    fn a_thread_that_is_behind_delays_nobody_of_the_others() {
        let (handle, mailboxes) = lanes(2);
        let [slow, quick] = two(&handle);
        let mut feeder = Feeder::new(handle);
        for _ in 0..WAITING + 10 {
            feeder.feed(slow.clone(), picture(Class::Inter));
        }
        feeder.feed(quick, picture(Class::Inter));
        let of = |lane: usize| std::iter::from_fn(|| mailboxes[lane].inputs.try_recv().ok()).count();
        assert_eq!((of(0), of(1)), (WAITING, 1));
        let dropped: Vec<u64> = mailboxes.iter().map(|m| m.dropped.load(Ordering::Relaxed)).collect();
        assert_eq!(dropped, [10, 0]);
        feeder.feed(slow.clone(), picture(Class::Inter));
        assert_eq!(of(0), 0, "it builds on what was dropped");
        feeder.feed(slow, picture(Class::Key));
        assert_eq!(of(0), 1);
    }

    #[test]
    fn what_is_of_one_publisher_stays_with_one_thread() {
        let (handle, mailboxes) = lanes(4);
        for publisher in ["a", "b", "c"] {
            let [camera, screen] = [false, true].map(|screen| handle.lane(&stream(publisher, screen)));
            assert!(std::ptr::eq(camera, screen), "{publisher}");
        }
        let sinks = handle.sinks();
        for (lane, mailbox) in mailboxes.iter().enumerate() {
            assert!((1..50).all(|n| sinks.of(mailbox.tap(n)) == lane));
        }
    }

    #[test]
    fn what_is_for_all_threads_reaches_all() {
        let (handle, mailboxes) = lanes(3);
        let stats = handle.stats();
        handle.stop();
        for mailbox in &mailboxes {
            let Ok(Order::Stats(reply)) = mailbox.orders.try_recv() else { panic!("asked first") };
            reply.send(Stats { playing: 2, ..Stats::default() }).unwrap();
            assert!(matches!(mailbox.orders.try_recv(), Ok(Order::Stop)));
        }
        let all = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(stats);
        assert_eq!(all, Some(Stats { playing: 6, ..Stats::default() }));
    }
}

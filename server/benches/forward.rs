//! What forwarding costs, as ratios to floors of the same run: time per packet and subscriber against sealing the same
//! bytes, and heap per subscriber. Fails above the limits. `cargo bench -p carillon-sfu`.
#![allow(unsafe_code, reason = "an allocator that counts is an unsafe trait")]
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a bench reads the clock and prints")]

#[path = "../sfu/tests/support/mod.rs"]
mod support;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use carillon_config::media::Media;
use carillon_proto::gateway::TrackName::{self, Camera, Microphone, Screen};
use carillon_sfu::ParticipantId;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::RefCell;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};
use support::{IN_WORKER, Want, World, is_media};

const SUBSCRIBERS: usize = 200;
/// A frame of 1.5 Mbit/s at 30 a second.
const PACKETS: usize = 6;
const FRAMES: usize = 300;
/// Header and payload as they are forwarded.
const PACKET_BYTES: usize = 1_100;
const RATIO_MAX: f64 = 2.5;
const SUBSCRIBER_BYTES_MAX: i64 = 40_000;
const STREAM_BYTES_MAX: i64 = 8_000;

fn main() -> ExitCode {
    let ratio = forward_against_seal();
    let (subscriber, stream) = heap();
    println!("forward / seal of the same bytes: {ratio:.2} (limit {RATIO_MAX})");
    println!("heap per connected subscriber: {subscriber} bytes (limit {SUBSCRIBER_BYTES_MAX})");
    println!("heap per received stream: {stream} bytes (limit {STREAM_BYTES_MAX})");
    let good = ratio <= RATIO_MAX && subscriber <= SUBSCRIBER_BYTES_MAX && stream <= STREAM_BYTES_MAX;
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Frames of one publisher to 200 subscribers, each followed by the floor, so that both meet the same noise.
fn forward_against_seal() -> f64 {
    let mut world = World::new(Media::default());
    let a = world.add_peer();
    let video = world.offer(a, &[Want::Send(Camera)])[0];
    for _ in 0..SUBSCRIBERS {
        let n = world.add_peer();
        world.offer(n, &[Want::Receive(ParticipantId(1), Camera)]);
        world.run(Duration::from_millis(100));
    }
    let frames = sealed_frames(&mut world, a, video);
    let path = world.path_of(a);
    let mut floor = Floor::new();
    let (mut forward, mut seal) = (Vec::new(), Vec::new());
    for mut frame in frames {
        world.now = world.now.plus(Duration::from_millis(33));
        let begin = Instant::now();
        for datagram in &mut frame {
            world.worker.handle_datagram(world.now, path, datagram);
        }
        let sent = world.worker.egress().datagrams().filter(|(_, bytes)| is_media(bytes)).count();
        forward.push(begin.elapsed().as_nanos() as f64 / (PACKETS * SUBSCRIBERS) as f64);
        assert_eq!(sent, PACKETS * SUBSCRIBERS, "everybody gets everything");
        world.worker.egress().clear();
        let begin = Instant::now();
        floor.seal_frame();
        seal.push(begin.elapsed().as_nanos() as f64 / (PACKETS * SUBSCRIBERS) as f64);
    }
    let (forward, seal) = (median(forward), median(seal));
    println!("forward {forward:.0} ns, seal {seal:.0} ns per packet and subscriber");
    forward / seal
}

/// What the publisher's browser would put on the wire, kept from reaching the server.
fn sealed_frames(world: &mut World, a: usize, video: str0m::media::Mid) -> Vec<Vec<Vec<u8>>> {
    let kept = Rc::new(RefCell::new(Vec::new()));
    let keep = Rc::clone(&kept);
    world.lose = Box::new(move |up, _, bytes| {
        let media = up && is_media(bytes);
        if media {
            keep.borrow_mut().push(bytes.to_vec());
        }
        media
    });
    world.packet_bytes = PACKET_BYTES - 12 - 16;
    for n in 0..FRAMES {
        world.send_frame(a, video, n == 0, PACKETS);
        world.run(Duration::from_millis(1));
    }
    world.lose = Box::new(|_, _, _| false);
    let datagrams = kept.take();
    datagrams.chunks(PACKETS).map(<[_]>::to_vec).collect()
}

/// Copy and seal, with a key for each subscriber: nothing that forwards can do less.
struct Floor {
    keys: Vec<LessSafeKey>,
    packet: Vec<u8>,
    out: Vec<u8>,
    nonce: u64,
}

impl Floor {
    fn new() -> Self {
        let key = |n: usize| LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[n as u8; 32]).expect("32 bytes"));
        Self { keys: (0..SUBSCRIBERS).map(key).collect(), packet: vec![7; PACKET_BYTES], out: Vec::new(), nonce: 0 }
    }

    fn seal_frame(&mut self) {
        self.out.clear();
        for key in &self.keys {
            for _ in 0..PACKETS {
                self.nonce += 1;
                let mut nonce = [0; 12];
                nonce[..8].copy_from_slice(&self.nonce.to_be_bytes());
                let start = self.out.len();
                self.out.extend_from_slice(&self.packet);
                let (head, body) = self.out[start..].split_at_mut(24);
                let nonce = Nonce::assume_unique_for_key(nonce);
                let tag = key.seal_in_place_separate_tag(nonce, Aad::from(head), body).expect("seals");
                self.out.extend_from_slice(tag.as_ref());
            }
        }
    }
}

/// Bytes per connected subscriber, and per stream that it receives: from subscribers of one stream and of nine.
fn heap() -> (i64, i64) {
    const EACH: usize = 30;
    let mut world = World::new(Media::default());
    COUNTING.store(true, Ordering::Relaxed);
    let tracks = [Microphone, Camera, Screen];
    let mut publishers = Vec::new();
    for _ in 0..3 {
        let n = world.add_peer();
        publishers.push((n, world.offer(n, &tracks.map(Want::Send))));
    }
    let all: Vec<(ParticipantId, TrackName)> =
        publishers.iter().flat_map(|(n, _)| tracks.map(|track| (ParticipantId(*n as u64 + 1), track))).collect();
    let grown = |world: &mut World, streams: usize| {
        let before = HEAP.load(Ordering::Relaxed);
        for _ in 0..EACH {
            let n = world.add_peer();
            let wants: Vec<_> = all.iter().take(streams).map(|(p, track)| Want::Receive(*p, *track)).collect();
            world.offer(n, &wants);
            world.run(Duration::from_millis(50));
        }
        for round in 0..100 {
            for (n, mids) in &publishers {
                world.send_audio(*n, mids[0]);
                world.send_frame(*n, mids[1], round % 20 == 0, 2);
                world.send_frame(*n, mids[2], round % 20 == 0, 2);
            }
            world.run(Duration::from_millis(20));
        }
        drop(std::mem::take(world.worker.egress()));
        (HEAP.load(Ordering::Relaxed) - before) / EACH as i64
    };
    // The first run fills the histories, which belong to the publishers.
    grown(&mut world, 1);
    let (one, nine) = (grown(&mut world, 1), grown(&mut world, 9));
    COUNTING.store(false, Ordering::Relaxed);
    let stream = (nine - one) / 8;
    (one - stream, stream)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Counts the heap that was allocated while the worker ran, whoever frees it.
struct Counting;

static COUNTING: AtomicBool = AtomicBool::new(false);
static HEAP: AtomicI64 = AtomicI64::new(0);
/// Before each allocation: whether it was counted.
const TAG_BYTES: usize = 16;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every block comes from `System` with its size raised by `TAG_BYTES` and is given back with the same layout.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(tagged) = tagged(layout) else { return unsafe { System.alloc(layout) } };
        let block = unsafe { System.alloc(tagged) };
        if block.is_null() {
            return block;
        }
        let counted = IN_WORKER.load(Ordering::Relaxed) && COUNTING.load(Ordering::Relaxed);
        if counted {
            HEAP.fetch_add(layout.size() as i64, Ordering::Relaxed);
        }
        unsafe {
            block.write(u8::from(counted));
            block.add(TAG_BYTES)
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(tagged) = tagged(layout) else { return unsafe { System.dealloc(block, layout) } };
        unsafe {
            let start = block.sub(TAG_BYTES);
            if start.read() == 1 {
                HEAP.fetch_sub(layout.size() as i64, Ordering::Relaxed);
            }
            System.dealloc(start, tagged);
        }
    }
}

/// Larger alignments are rare and go uncounted.
fn tagged(layout: Layout) -> Option<Layout> {
    let size = layout.size().checked_add(TAG_BYTES)?;
    (layout.align() <= TAG_BYTES).then(|| Layout::from_size_align(size, TAG_BYTES).ok()).flatten()
}

//! What forwarding costs, as ratios to floors of the same run: time per packet and subscriber against sealing the same
//! bytes, and heap per subscriber. Fails above the limits. `cargo bench -p carillon-sfu`.
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a bench reads the clock and prints")]

mod common;
mod heap;
#[path = "../sfu/tests/support/mod.rs"]
mod support;

use carillon_config::media::Media;
use carillon_proto::gateway::TrackName::{self, Camera, Microphone, Screen};
use carillon_sfu::ParticipantId;
use common::{ARENA_BYTES, MESSAGE_BYTES, PACKETS, SUBSCRIBERS, Sealer, audience, median, sealed_frames};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use support::{Want, World, is_media};

const RATIO_MAX: f64 = 2.5;
const SUBSCRIBER_BYTES_MAX: i64 = 40_000;
const STREAM_BYTES_MAX: i64 = 8_000;

fn main() -> ExitCode {
    let ratio = forward_against_seal();
    let (subscriber, stream) = heap_of_subscribers();
    println!("forward / seal of the same bytes: {ratio:.2} (limit {RATIO_MAX})");
    println!("heap per connected subscriber: {subscriber} bytes (limit {SUBSCRIBER_BYTES_MAX})");
    println!("heap per received stream: {stream} bytes (limit {STREAM_BYTES_MAX})");
    let good = ratio <= RATIO_MAX && subscriber <= SUBSCRIBER_BYTES_MAX && stream <= STREAM_BYTES_MAX;
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Frames of one publisher to 200 subscribers, each followed by the floor, so that both meet the same noise.
fn forward_against_seal() -> f64 {
    let (mut world, video) = audience();
    let frames = sealed_frames(&mut world, 0, video);
    let path = world.path_of(0);
    let (mut floor, mut arena) = (Sealer::new(), vec![0; ARENA_BYTES]);
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
        for (subscriber, message) in arena.chunks_exact_mut(MESSAGE_BYTES).enumerate() {
            floor.seal_frame(subscriber, message);
        }
        seal.push(begin.elapsed().as_nanos() as f64 / (PACKETS * SUBSCRIBERS) as f64);
    }
    let (forward, seal) = (median(forward), median(seal));
    println!("forward {forward:.0} ns, seal {seal:.0} ns per packet and subscriber");
    forward / seal
}

/// Bytes per connected subscriber, and per stream that it receives: from subscribers of one stream and of nine.
fn heap_of_subscribers() -> (i64, i64) {
    const EACH: usize = 30;
    let mut world = World::new(Media::default());
    heap::count(true);
    let tracks = [Microphone, Camera, Screen];
    let mut publishers = Vec::new();
    for _ in 0..3 {
        let n = world.add_peer();
        publishers.push((n, world.offer(n, &tracks.map(Want::Send))));
    }
    let all: Vec<(ParticipantId, TrackName)> =
        publishers.iter().flat_map(|(n, _)| tracks.map(|track| (ParticipantId(*n as u64 + 1), track))).collect();
    let grown = |world: &mut World, streams: usize| {
        let before = heap::held();
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
        (heap::held() - before) / EACH as i64
    };
    // The first run fills the histories, which belong to the publishers.
    grown(&mut world, 1);
    let (one, nine) = (grown(&mut world, 1), grown(&mut world, 9));
    heap::count(false);
    let stream = (nine - one) / 8;
    (one - stream, stream)
}

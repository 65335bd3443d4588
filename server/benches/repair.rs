//! What repair costs, as ratios to copying and sealing packets of the same size right after it; and what a track's
//! history holds. Fails above the limits. `cargo bench -p carillon-sfu --bench repair`.
//!
//! The times are of a call in virtual time, a model of Chromium at both ends, half of all packets lost on both ways:
//! each piece of work is what the worker does there, with all that belongs to it.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a bench reads the clock")]
#![allow(clippy::wildcard_enum_match_arm, clippy::print_stdout, unreachable_pub, reason = "it picks and prints")]

mod common;
mod heap;
#[path = "../sfu/tests/sim/link.rs"]
#[allow(dead_code, reason = "shared with the simulations")]
mod link;
#[path = "../sfu/tests/browsers/media.rs"]
mod media;
#[path = "../sfu/tests/browsers/offer.rs"]
mod offer;
#[path = "../sfu/tests/browsers/peer.rs"]
mod peer;
#[path = "../sfu/tests/browsers/player/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared with the table of weathers")]
mod player;
#[path = "../sfu/tests/browsers/sender/mod.rs"]
#[allow(dead_code, reason = "shared with the table of weathers")]
mod sender;
#[path = "../sfu/tests/sim/srtp.rs"]
mod srtp;
#[path = "../sfu/tests/support/stage.rs"]
#[allow(dead_code, reason = "shared with the simulations")]
mod stage;
#[path = "../sfu/tests/support/mod.rs"]
mod support;
#[path = "../sfu/tests/browsers/world.rs"]
#[allow(dead_code, reason = "shared with the table of weathers")]
mod world;

use carillon_config::media::Media;
use carillon_loadtest::impair::Profile;
use carillon_proto::gateway::TrackName::Camera as CameraTrack;
use carillon_sfu::Stats;
use common::{Sealer, median};
use peer::Peer;
use sender::{Sender, encoder::Camera};
use stage::Work;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};
use support::Want;
use world::World;

/// Fewer say little.
const SAMPLES_MIN: usize = 100;
/// Sealings after each piece of work, of which the mean counts: one alone is too short for the clock.
const SEALED: u32 = 4;
/// A packet's slot in a history.
const SLOT_BYTES: i64 = 128;
/// What may be held of an allocation that payloads share, at each end.
const CHUNK_BYTES: i64 = 64 << 10;

/// One row of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Path {
    TakenClean,
    TakenLossy,
    Asked,
    RedTaken,
    RedSent,
    Answered,
    Copied,
}

impl Path {
    /// What it is, and at most how many sealings it may take.
    fn limit(self) -> (&'static str, f64) {
        match self {
            Self::TakenClean => ("picture's packet taken in, nothing lost (opened, kept)", 6.0),
            Self::TakenLossy => ("the same where half is lost (and its gaps noted)", 8.0),
            Self::Asked => ("each number asked for: NACK written and sealed", 3.0),
            Self::RedTaken => ("sound in RED taken in (opened, unpacked, its gaps filled)", 10.0),
            Self::RedSent => ("sound in RED sent on (chosen, written, sealed)", 7.0),
            Self::Answered => ("each request answered by RTX (NACK opened, found, sealed)", 8.0),
            Self::Copied => ("each copy sent unasked by RTX (found, sealed)", 5.0),
        }
    }
}

fn main() -> ExitCode {
    let mut good = true;
    for (path, ratios) in ratios() {
        let (name, limit) = path.limit();
        let samples = ratios.len();
        let ratio = median(ratios);
        println!("{ratio:5.2} (limit {limit:4.1})  {name}");
        good &= ratio <= limit && samples >= SAMPLES_MIN;
    }
    good &= history();
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// To sealing, by path.
fn ratios() -> BTreeMap<Path, Vec<f64>> {
    let all: Rc<RefCell<BTreeMap<Path, Vec<f64>>>> = Rc::default();
    let (mut world, halves) = call();
    for loss in [0.0, 50.0] {
        let weather = Profile { delay_ms: 20.0, loss, ..Profile::default() };
        halves.iter().zip(1..).for_each(|(half, seed)| world.set_half(*half, weather, seed));
        let (all, mut sealer) = (Rc::clone(&all), Sealer::new());
        world.set_meter(Box::new(move |work, took, before, after| {
            let Some((path, count, bytes)) = sort(work, loss > 0.0, before, after) else { return };
            let begin = Instant::now();
            (0..SEALED).for_each(|_| sealer.seal(bytes as usize));
            let seal = begin.elapsed() / SEALED;
            let ratio = took.as_secs_f64() / count as f64 / seal.as_secs_f64();
            all.borrow_mut().entry(path).or_default().push(ratio);
        }));
        world.run(8_000.0);
    }
    drop(world);
    all.take()
}

/// One publishes, one plays; the media's halves of their links.
fn call() -> (World, [usize; 2]) {
    let mut world = World::new(1);
    let clear = Profile { delay_ms: 20.0, ..Profile::default() };
    let [a_up, a_down, b_up, b_down] = [1, 2, 3, 4].map(|seed| world.add_half(clear, seed));
    let camera = Camera::FULL_HD;
    let a = world.join(a_up, a_down, camera.fps, |now, peer: &mut Peer| {
        peer.sender = Some(Sender::new(now.ms, 0x1000, camera, 1));
    });
    let from = world.peers[a].participant;
    world.run(500.0);
    world.join(b_up, b_down, camera.fps, |_, peer: &mut Peer| peer.wants.push(from));
    world.run(2_000.0);
    (world, [a_up, b_down])
}

/// What a piece of work was, where it was that alone; how often; and the size of its packets.
fn sort(work: Work, lossy: bool, before: &Stats, after: &Stats) -> Option<(Path, u64, u64)> {
    let grown = |count: fn(&Stats) -> u64| count(after) - count(before);
    let [received, sent] = [grown(|s| s.datagrams_in), grown(|s| s.datagrams_out)];
    let came = grown(|s| s.bytes_in).checked_div(received);
    let left = grown(|s| s.bytes_out).checked_div(sent);
    match work {
        Work::Datagram if grown(|s| s.rtx_out) > 0 => {
            let answered = grown(|s| s.rtx_out);
            (sent == answered && lossy).then_some((Path::Answered, answered, left?))
        }
        Work::Datagram if grown(|s| s.video_packets_in) == 1 => {
            Some((if lossy { Path::TakenLossy } else { Path::TakenClean }, 1, came?))
        }
        Work::Datagram if grown(|s| s.audio_packets_in) == 1 => lossy.then_some((Path::RedTaken, 1, came?)),
        Work::Timeout if grown(|s| s.copies_out) > 0 => {
            let copied = grown(|s| s.copies_out);
            (sent == copied).then_some((Path::Copied, copied, left?))
        }
        Work::Timeout if grown(|s| s.nacks_out) > 0 => {
            lossy.then_some((Path::Asked, grown(|s| s.nacks_out), common::PACKET_BYTES as u64))
        }
        Work::Egress if grown(|s| s.red_out) == 1 && sent == 1 => lossy.then_some((Path::RedSent, 1, left?)),
        _ => None,
    }
}

/// The heap of one track's history as full as the configuration lets it be, beside its bound.
fn history() -> bool {
    let config = Media::default();
    let (packets, bytes) = (config.history_packets_max, config.history_bytes_max);
    let mut world = support::World::new(config);
    let a = world.add_peer();
    let video = world.offer(a, &[Want::Send(CameraTrack)])[0];
    world.run(Duration::from_secs(1));
    // As many packets as may be kept are as many bytes as may be kept.
    world.packet_bytes = bytes / packets;
    heap::count(true);
    let before = heap::held();
    for n in 0..packets / 16 + 50 {
        world.send_frame(a, video, n == 0, 16);
        world.run(Duration::from_millis(5));
    }
    drop(std::mem::take(world.worker.egress()));
    let held = heap::held() - before;
    heap::count(false);
    // A deque grows by doubling.
    let bound = bytes as i64 + 2 * packets as i64 * SLOT_BYTES + 2 * CHUNK_BYTES;
    println!("history of a track: at most {packets} packets and {bytes} bytes of payload, {bound} with all around it");
    println!("the same when it is full: {held} bytes of heap");
    held <= bound && held >= bytes as i64 / 2
}

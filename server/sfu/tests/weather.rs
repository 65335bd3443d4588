//! What the plan of repair does to a subscriber with transport-cc, seen on the wire.

#![allow(clippy::wildcard_enum_match_arm, reason = "tests pick the events they ask about")]

mod support;

use carillon_config::media::Media;
use str0m::media::Mid;
use support::{Lose, World, is_media, ms, pair, talk};

/// Loses this share of media towards the second peer.
fn down(percent: u64) -> Lose {
    let mut dice = 1u64;
    Box::new(move |up, n, bytes| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        !up && n == 1 && is_media(bytes) && (dice >> 33) % 100 < percent
    })
}

/// The least playout delay that the newest packet of a section carries, milliseconds.
fn floor_ms(world: &World, mid: Mid) -> u64 {
    let mut packets = world.peers[1].received.iter().filter(|p| p.header.ext_vals.mid == Some(mid));
    let newest = packets.next_back().expect("a picture").header.ext_vals.play_delay_min.expect("negotiated");
    (newest.as_seconds() * 1_000.0).round() as u64
}

#[test]
fn players_are_asked_to_wait_as_long_as_repair_takes() {
    let mut world = World::new(Media::default());
    let [a_audio, a_video, _, b_video] = pair(&mut world);
    talk(&mut world, 3, a_audio, a_video);
    assert_eq!(floor_ms(&world, b_video), 0, "a good path");
    world.lose = down(70);
    talk(&mut world, 8, a_audio, a_video);
    let bad = floor_ms(&world, b_video);
    assert!((50..=200).contains(&bad), "{bad}");
    world.lose = down(0);
    talk(&mut world, 3, a_audio, a_video);
    assert!(floor_ms(&world, b_video) >= bad - 60, "slow to fall");
    talk(&mut world, 12, a_audio, a_video);
    assert_eq!(floor_ms(&world, b_video), 0);
}

#[test]
fn what_is_only_late_is_not_sent_again() {
    let mut world = World::new(Media::default());
    let [a_audio, a_video, _, b_video] = pair(&mut world);
    world.jitter = ms(200);
    talk(&mut world, 10, a_audio, a_video);
    let before = world.worker.stats();
    talk(&mut world, 10, a_audio, a_video);
    let stats = world.worker.stats();
    let (asked, again) = (stats.nacks_in - before.nacks_in, stats.rtx_out - before.rtx_out);
    assert!(asked > 100, "{asked}: the client takes what is late for lost");
    let sent = stats.video_packets_out - before.video_packets_out;
    let asked_for = stats.nacks_out - before.nacks_out;
    assert!(asked_for <= sent / 4, "{asked_for} of {sent} asked of the publisher");
    assert!(again <= sent / 3, "{again} of {sent}, {asked} asked for");
    world.run(ms(1_000));
    let (numbers, _) = world.sorted(1, b_video);
    assert_eq!(numbers.len() as u64, numbers[numbers.len() - 1] - numbers[0] + 1);
}

#[test]
fn an_outage_ends_with_a_keyframe() {
    let mut world = World::new(Media::default());
    let [a_audio, a_video, ..] = pair(&mut world);
    talk(&mut world, 2, a_audio, a_video);
    let asked = world.peers[0].keyframe_requests.len();
    world.lose = Box::new(|up, _, bytes| up && is_media(bytes));
    talk(&mut world, 1, a_audio, a_video);
    assert_eq!(world.peers[0].keyframe_requests.len(), asked);
    world.lose = Box::new(|_, _, _| false);
    let back = world.now.instant;
    talk(&mut world, 1, a_audio, a_video);
    let requests = &world.peers[0].keyframe_requests[asked..];
    assert!(requests.first().is_some_and(|at| *at - back <= ms(100)), "{requests:?}");
}

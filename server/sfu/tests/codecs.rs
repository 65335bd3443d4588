//! What happens where a publisher's codec is none that a subscriber takes.

#![allow(clippy::wildcard_enum_match_arm, reason = "tests pick the events they ask about")]

mod support;

use carillon_config::media::Media;
use carillon_proto::gateway::TrackName::Camera;
use carillon_sfu::transport::Codec;
use carillon_sfu::{Event, ParticipantId};
use std::time::Duration;
use str0m::{Candidate, Rtc, RtcConfig};
use support::{Want, World};

const A: ParticipantId = ParticipantId(1);
const B: ParticipantId = ParticipantId(2);

/// Another client in the place of peer `n`, with codecs of its own.
fn reconfigure(world: &mut World, n: usize, codecs: fn(RtcConfig) -> RtcConfig) {
    let config = codecs(Rtc::builder().clear_codecs()).set_rtp_mode(true);
    let peer = &mut world.peers[n];
    peer.rtc = config.build(world.now.instant);
    peer.rtc.add_local_candidate(Candidate::host(peer.address, "udp").expect("an address"));
}

fn told(world: &mut World) -> Vec<Option<Codec>> {
    let codec = |event: &Event| match event {
        Event::TrackUnplayable { participant: B, publisher: A, track: Camera, codec } => Some(*codec),
        _ => None,
    };
    let told = world.events.iter().filter_map(codec).collect();
    world.events.clear();
    told
}

#[test]
fn a_codec_that_a_subscriber_lacks_is_told_once_until_it_plays() {
    let mut world = World::new(Media::default());
    let (a, b) = (world.add_peer(), world.add_peer());
    reconfigure(&mut world, b, |config| config.enable_h264(true));
    let up = world.offer(a, &[Want::Send(Camera)])[0];
    world.offer(b, &[Want::Receive(A, Camera)]);
    world.run(Duration::from_millis(500));
    for n in 0..20 {
        world.send_frame(a, up, n == 0, 2);
        world.run(Duration::from_millis(40));
    }
    assert_eq!(told(&mut world), [Some(Codec::Vp8)]);
    assert!(world.worker.stats().keyframes_requested <= 1, "a keyframe would play as little");
    reconnect_with_vp8(&mut world, b);
    for n in 0..20 {
        world.send_frame(a, up, n == 0, 2);
        world.run(Duration::from_millis(40));
    }
    assert_eq!(told(&mut world), []);
    assert!(!world.peers[b].received.is_empty());
}

/// A new connection is a new subscription: what was told of the old one no longer holds.
fn reconnect_with_vp8(world: &mut World, n: usize) {
    world.reload_peer(n);
    reconfigure(world, n, |config| config.enable_vp8(true));
    world.offer(n, &[Want::Receive(A, Camera)]);
    world.run(Duration::from_millis(500));
}

#[test]
fn a_publisher_is_asked_for_what_all_in_the_room_take() {
    let first_of_answer = |viewer: fn(RtcConfig) -> RtcConfig| {
        let mut world = World::new(Media::default());
        let (a, b) = (world.add_peer(), world.add_peer());
        reconfigure(&mut world, b, viewer);
        world.offer(b, &[Want::Receive(A, Camera)]);
        world.offer(a, &[Want::Send(Camera)]);
        let answer = world.last_answer.clone();
        let line = answer.lines().find(|line| line.starts_with("a=rtpmap:")).expect("a codec").to_owned();
        line.split(' ').nth(1).expect("a name").to_owned()
    };
    assert_eq!(first_of_answer(|config| config.enable_h264(true).enable_vp8(true)), "VP8/90000");
    assert_eq!(first_of_answer(|config| config.enable_h264(true)), "H264/90000");
    assert_eq!(first_of_answer(|config| config.enable_vp9(true).enable_h264(true)), "VP9/90000");
}

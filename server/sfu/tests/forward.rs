//! Two and more clients through one worker, in virtual time: what is sent arrives, once, whatever the path does to it.

#![allow(clippy::wildcard_enum_match_arm, reason = "tests pick the events they ask about")]

mod support;

use carillon_config::media::Media;
use carillon_proto::gateway::TrackName::{Camera, Microphone};
use carillon_sfu::{Command, DropReason, Event, ParticipantId, Privileges};
use std::collections::BTreeSet;
use support::{A, ROOM, Want, World, is_media, ms, pair, talk};

#[test]
fn what_one_sends_the_other_gets_once_and_in_order() {
    let mut world = World::new(Media::default());
    let [a_audio, a_video, b_audio, b_video] = pair(&mut world);
    talk(&mut world, 4, a_audio, a_video);
    world.run(ms(100));
    let audio = world.numbers(1, b_audio);
    assert_eq!(audio, (0..200).collect::<Vec<_>>());
    let video = world.numbers(1, b_video);
    assert_eq!(video, (0..203).collect::<Vec<_>>());
    let started = world.events.iter().filter(|e| matches!(e, Event::TrackStarted { participant: A, .. })).count();
    assert_eq!(started, 2);
    let stats = world.worker.stats();
    assert_eq!((stats.transports, stats.publications, stats.subscriptions), (2, 2, 2));
    assert_eq!((stats.audio_packets_out, stats.video_packets_out), (200, 203));
}

#[test]
fn lost_packets_are_repaired_on_both_legs() {
    let mut world = World::new(Media::default());
    let [a_audio, a_video, _, b_video] = pair(&mut world);
    let mut dice = 1u64;
    world.lose = Box::new(move |_, _, bytes| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        is_media(bytes) && (dice >> 33) % 100 < 10
    });
    talk(&mut world, 10, a_audio, a_video);
    world.lose = Box::new(|_, _, _| false);
    world.run(ms(1_000));
    let (video, _) = world.sorted(1, b_video);
    let first = video[0];
    let last = video[video.len() - 1];
    assert!(first < 60, "the first keyframe may be lost: {first}");
    let missing: Vec<u64> = (first..=last).filter(|n| !video.contains(n)).collect();
    assert!(missing.len() <= 2, "{missing:?}");
    let stats = world.worker.stats();
    assert!(stats.nacks_out > 30 && stats.rtx_in > 30 && stats.recovered_in > 30, "{stats:?}");
    assert!(stats.nacks_in > 30 && stats.rtx_out > 30, "{stats:?}");
}

#[test]
fn a_late_joiner_gets_a_keyframe_that_was_asked_for_once() {
    let mut world = World::new(Media::default());
    let [a_audio, a_video, ..] = pair(&mut world);
    talk(&mut world, 3, a_audio, a_video);
    let before = world.peers[0].keyframe_requests.len();
    let late: Vec<_> = (0..3).map(|_| world.add_peer()).collect();
    let mids: Vec<_> = late.iter().map(|n| world.offer(*n, &[Want::Receive(A, Camera)])[0]).collect();
    talk(&mut world, 3, a_audio, a_video);
    assert_eq!(world.peers[0].keyframe_requests.len(), before + 1, "three wishes merge");
    for (n, mid) in late.iter().zip(mids) {
        let video = world.numbers(*n, mid);
        assert!(!video.is_empty());
        assert_eq!(video, (video[0]..video[0] + video.len() as u64).collect::<Vec<_>>());
        let first = &world.peers[*n].received[0];
        assert_eq!(first.payload[6] & 1, 0, "starts with a keyframe");
    }
}

#[test]
fn a_publisher_who_reloads_goes_on_feeding_the_same_subscriptions() {
    let mut world = World::new(Media::default());
    let [a_audio, a_video, b_audio, b_video] = pair(&mut world);
    talk(&mut world, 2, a_audio, a_video);
    let before = world.peers[1].received.len();
    world.reload_peer(0);
    let mids = world.offer(0, &[Want::Send(Microphone), Want::Send(Camera)]);
    world.run(ms(500));
    talk(&mut world, 2, mids[0], mids[1]);
    for mid in [b_audio, b_video] {
        let packets = world.peers[1].received.iter().filter(|p| p.header.ext_vals.mid == Some(mid));
        let seqs: Vec<u64> = packets.clone().map(|p| *p.seq_no).collect();
        assert!(seqs.windows(2).all(|w| w[1] == w[0] + 1), "numbers go on");
        let times: Vec<_> = packets.map(|p| p.header.timestamp).collect();
        assert!(times.windows(2).all(|w| w[1].wrapping_sub(w[0]) < 90_000 * 3), "times go on");
    }
    assert!(world.peers[1].received.len() > before + 150);
    assert!(!world.events.iter().any(|e| matches!(e, Event::TrackEnded { .. })));
    let pictures: BTreeSet<u16> = world.peers[1]
        .received
        .iter()
        .filter(|p| p.header.ext_vals.mid == Some(b_video))
        .map(|p| u16::from_be_bytes([p.payload[2], p.payload[3]]) & 0x7fff)
        .collect();
    assert_eq!(pictures.len(), 100, "each frame has a picture number of its own");
    assert_eq!(pictures, (0..100).collect());
}

#[test]
fn automatic_sections_take_what_comes_and_let_go_of_what_ends() {
    let mut world = World::new(Media::default());
    let player = world.add_peer();
    let [audio, video] = world.offer_automatic(player, None);
    world.run(ms(500));
    let a = world.add_peer();
    let up = world.offer(a, &[Want::Send(Microphone), Want::Send(Camera)]);
    world.run(ms(500));
    for _ in 0..20 {
        world.send_audio(a, up[0]);
        world.send_frame(a, up[1], true, 1);
        world.run(ms(20));
    }
    assert_eq!((world.numbers(player, audio).len(), world.numbers(player, video).len()), (20, 20));
    let participant = world.peers[a].participant;
    world.command(Command::Leave { participant });
    let ended = world.events.iter().filter(|e| matches!(e, Event::TrackEnded { .. })).count();
    assert_eq!(ended, 2);
    let b = world.add_peer();
    let up = world.offer(b, &[Want::Send(Microphone)]);
    world.run(ms(500));
    for _ in 0..10 {
        world.send_audio(b, up[0]);
        world.run(ms(20));
    }
    assert_eq!(world.numbers(player, audio).len(), 30);
}

#[test]
fn privileges_hold_from_the_next_packet_on() {
    let mut world = World::new(Media::default());
    let [a_audio, a_video, b_audio, b_video] = pair(&mut world);
    talk(&mut world, 1, a_audio, a_video);
    let privileges = Privileges { send_audio: false, ..Privileges::ALL };
    world.command(Command::Join { room: ROOM, participant: A, privileges });
    let privileges = Privileges { receive_video: false, ..Privileges::ALL };
    world.command(Command::Join { room: ROOM, participant: ParticipantId(2), privileges });
    let before = (world.numbers(1, b_audio).len(), world.numbers(1, b_video).len());
    world.run(ms(50));
    talk(&mut world, 1, a_audio, a_video);
    let after = (world.numbers(1, b_audio).len(), world.numbers(1, b_video).len());
    assert!(after.0 <= before.0 + 2 && after.1 <= before.1 + 4, "{before:?} {after:?}");
    assert!(world.worker.stats().drop_count(DropReason::NotAllowed) >= 48);
}

#[test]
fn loudness_and_quality_are_told_in_their_rhythm() {
    let mut world = World::new(Media::default());
    let [a_audio, a_video, ..] = pair(&mut world);
    talk(&mut world, 5, a_audio, a_video);
    world.run(ms(3_000));
    let volumes: Vec<_> = world
        .events
        .iter()
        .filter_map(|e| match e {
            Event::Volumes { volumes, speaker, .. } => Some((volumes.clone(), *speaker)),
            _ => None,
        })
        .collect();
    assert!((18..=25).contains(&volumes.len()), "{}", volumes.len());
    assert_eq!(volumes[3], (vec![(A, 80)], Some(A)));
    assert_eq!(volumes.last(), Some(&(vec![], None)));
    let quality: Vec<_> = world
        .events
        .iter()
        .filter_map(|e| match e {
            Event::Quality { users, .. } => Some(users.clone()),
            _ => None,
        })
        .collect();
    assert!((3..=5).contains(&quality.len()));
    assert_eq!(quality[1][0].1.uplink, 1);
    assert_eq!(quality[1][1].1.downlink, 1);
    let (up, down) = (quality[1][0].1.up, quality[1][1].1.down);
    assert!(up.loss_percent == 0 && up.nack_copies >= 1 && up.nack_interval_ms > 0 && up.kbps > 0, "{up:?}");
    assert!(down.video_copies == 0 && down.red_depth == 0 && down.kbps > 0 && !down.congested, "{down:?}");
}

#[test]
fn hostile_datagrams_are_counted_and_disturb_nobody() {
    let mut world = World::new(Media::default());
    let [a_audio, a_video, b_audio, _] = pair(&mut world);
    let mut dice = 99u64;
    let mut roll = move || {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) as usize
    };
    let firsts = [0u8, 1, 20, 22, 23, 63, 64, 128, 129, 144, 160, 191, 192, 255];
    for round in 0..3_000 {
        let mut bytes: Vec<u8> = (0..roll() % 1_500).map(|_| roll() as u8).collect();
        if let Some(first) = bytes.first_mut() {
            *first = firsts[roll() % firsts.len()];
        }
        let path = world.path_of(round % 2);
        world.worker.handle_datagram(world.now, path, &mut bytes);
    }
    talk(&mut world, 2, a_audio, a_video);
    world.run(ms(100));
    assert_eq!(world.numbers(1, b_audio).len(), 100);
    let stats = world.worker.stats();
    let drops: u64 = DropReason::ALL.iter().map(|r| stats.drop_count(*r)).sum();
    assert!(drops >= 2_000, "{drops}");
}

#[test]
fn all_is_forgotten_when_everybody_left() {
    let mut world = World::new(Media::default());
    let [a_audio, a_video, ..] = pair(&mut world);
    talk(&mut world, 1, a_audio, a_video);
    world.command(Command::CloseRoom { room: ROOM });
    let stats = world.worker.stats();
    assert_eq!((stats.rooms, stats.participants, stats.transports), (0, 0, 0));
    assert_eq!((stats.publications, stats.subscriptions), (0, 0));
    assert_eq!(world.worker.poll_timeout(), None);
}

/// Seconds since 1970 at which a packet's media was captured, as its receiver computes it from the last sender report.
fn captured(packet: &str0m::rtp::RtpPacket, clock_hz: f64) -> Option<f64> {
    let report = packet.last_sender_info?;
    let ntp = report.ntp_time.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs_f64();
    let ticks = packet.header.timestamp.wrapping_sub(report.rtp_time.numer() as u32).cast_signed();
    Some(ntp + f64::from(ticks) / clock_hz)
}

#[test]
fn sound_and_picture_of_one_moment_are_played_at_one_moment() {
    let mut world = World::new(Media::default());
    let [a_audio, a_video, b_audio, b_video] = pair(&mut world);
    talk(&mut world, 12, a_audio, a_video);
    let of = |mid, clock_hz: f64| {
        let packets = world.peers[1].received.iter().filter(move |p| p.header.ext_vals.mid == Some(mid));
        packets.rev().take(5).map(move |p| captured(p, clock_hz).expect("reported")).fold(0.0, f64::max)
    };
    let (sound, picture) = (of(b_audio, 48_000.0), of(b_video, 90_000.0));
    // The last tick but one had both: a frame each 40 ms, sound each 20 ms.
    let apart = sound - picture;
    assert!((0.018..0.022).contains(&apart), "{apart}");
}

#[test]
fn a_section_that_rests_goes_on_where_it_was() {
    let mut world = World::new(Media::default());
    let [a_audio, a_video, _, b_video] = pair(&mut world);
    talk(&mut world, 1, a_audio, a_video);
    for _ in 0..2 {
        world.redirect(1, b_video, str0m::media::Direction::Inactive);
        let before = world.numbers(1, b_video).len();
        talk(&mut world, 1, a_audio, a_video);
        assert!(world.numbers(1, b_video).len() <= before + 2, "resting");
        world.redirect(1, b_video, str0m::media::Direction::RecvOnly);
        talk(&mut world, 1, a_audio, a_video);
        assert!(world.numbers(1, b_video).len() >= before + 40, "going on");
    }
    let packets = world.peers[1].received.iter().filter(|p| p.header.ext_vals.mid == Some(b_video));
    let seqs: Vec<_> = packets.map(|p| (p.header.ssrc, *p.seq_no)).collect();
    assert!(seqs.windows(2).all(|w| w[1].0 != w[0].0 || w[1].1 == w[0].1 + 1), "{seqs:?}");
}

#[test]
fn who_is_lost_gets_nothing_and_goes_on_when_heard_again() {
    let mut world = World::new(Media::default());
    let [a_audio, a_video, b_audio, b_video] = pair(&mut world);
    talk(&mut world, 1, a_audio, a_video);
    world.lose = Box::new(|_, n, _| n == 1);
    talk(&mut world, 8, a_audio, a_video);
    let b = ParticipantId(2);
    assert!(world.events.contains(&Event::TransportLost { participant: b }), "{:?}", world.events);
    let out = world.worker.stats().audio_packets_out;
    talk(&mut world, 1, a_audio, a_video);
    assert_eq!(world.worker.stats().audio_packets_out, out, "nothing without consent");
    world.lose = Box::new(|_, _, _| false);
    talk(&mut world, 6, a_audio, a_video);
    assert!(world.events.iter().filter(|e| **e == Event::TransportConnected { participant: b }).count() == 2);
    let newest = world.numbers(1, b_audio).last().copied();
    assert!(newest.is_some_and(|n| n >= 795), "{newest:?}");
    let video = world.numbers(1, b_video);
    assert!(video.last().is_some_and(|n| *n > 760), "{:?}", video.last());
}

#[test]
fn an_uplink_is_told_what_it_may_take() {
    let mut world = World::new(Media::default());
    let [_, a_video, ..] = pair(&mut world);
    for n in 0..500 {
        world.send_frame(0, a_video, n % 50 == 0, 10);
        world.run(ms(20));
    }
    let told = &world.peers[0].remb_bps;
    assert!(told.first().is_some_and(|bps| *bps >= 1_900_000), "{told:?}");
    assert!(told.last().is_some_and(|bps| *bps >= 5_000_000), "{told:?}");
}

#[test]
fn jitter_and_loss_together_leave_every_frame_once() {
    let mut world = World::new(Media::default());
    let [a_audio, a_video, _, b_video] = pair(&mut world);
    world.jitter = ms(50);
    let mut dice = 5u64;
    world.lose = Box::new(move |_, _, bytes| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        is_media(bytes) && (dice >> 33) % 100 < 5
    });
    talk(&mut world, 20, a_audio, a_video);
    world.lose = Box::new(|_, _, _| false);
    world.run(ms(1_500));
    let (video, all) = world.sorted(1, b_video);
    assert_eq!(video.len(), all, "each once");
    let missing = (video[0]..=video[video.len() - 1]).filter(|n| !video.contains(n)).count();
    assert!(missing <= 3, "{missing} of {}", video.len());
}

#[test]
fn a_whip_encoder_reaches_whep_players_over_bad_paths() {
    let mut world = World::new(Media::default());
    let encoder = world.add_peer();
    let [a_audio, a_video] = world.offer_whip(encoder);
    let players: Vec<usize> = (0..3).map(|_| world.add_peer()).collect();
    let mids: Vec<_> = players.iter().map(|n| world.offer_automatic(*n, Some(A))).collect();
    world.run(ms(500));
    world.jitter = ms(50);
    let mut dice = 7u64;
    world.lose = Box::new(move |_, _, bytes| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        is_media(bytes) && (dice >> 33) % 100 < 5
    });
    talk(&mut world, 15, a_audio, a_video);
    world.lose = Box::new(|_, _, _| false);
    world.run(ms(1_500));
    for (n, [audio, video]) in players.into_iter().zip(mids) {
        let (numbers, all) = world.sorted(n, video);
        assert_eq!(numbers.len(), all, "each once");
        let missing = (numbers[0]..=numbers[all - 1]).filter(|number| !numbers.contains(number)).count();
        assert!(missing <= 3, "{missing} of {all}");
        // Neither end of these negotiated repair of sound: two legs of 5 % lose a tenth.
        let (numbers, all) = world.sorted(n, audio);
        assert!(numbers.len() == all && all >= 630, "{all}");
    }
}

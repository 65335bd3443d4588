//! Streams from publisher to players.

use super::client::{INTER, KEY};
use super::*;
use crate::command::{Role, Warning};
use crate::media::Flow;
use crate::stream::Flows;
use carillon_proto::codec::h264::AvcConfig;
use carillon_proto::flv::{FourCc, VideoTag};

#[test]
fn player_that_comes_first_waits_silently_and_then_gets_everything_in_order() {
    let mut world = World::new();
    let mut player = world.player();
    assert_eq!(player.codes(), ["NetStream.Play.Reset", "NetStream.Play.Start"]);
    let key = Address::parse("live/1", "", AMY).expect("an address").stream;
    assert!(world.take_outputs().contains(&Output::Wanted { stream: key.clone(), on: true }));
    let mut publisher = world.publisher();
    let outputs = world.take_outputs();
    assert!(outputs.contains(&Output::Published { stream: key.clone(), on: true }), "{outputs:?}");
    assert!(outputs.contains(&Output::Wanted { stream: key, on: false }));
    publisher.metadata(&mut world);
    publisher.headers(&mut world);
    publisher.picture(&mut world, INTER, 5_000, 1);
    publisher.picture(&mut world, KEY, 5_040, 2);
    publisher.sound(&mut world, 5_050, 3);
    player.read(&mut world);
    assert_eq!(player.codes(), ["NetStream.Play.PublishNotify"]);
    assert_eq!(player.media_heard(), ["metadata @0", "video header @0", "audio header @0", "v2@41", "a3@51"]);
}

#[test]
fn player_that_comes_later_starts_with_the_last_keyframe() {
    let mut world = World::new();
    let mut publisher = world.publisher();
    publisher.metadata(&mut world);
    publisher.headers(&mut world);
    for (time, kind, mark) in [(0, KEY, 1), (40, INTER, 2), (80, KEY, 3), (120, INTER, 4)] {
        publisher.picture(&mut world, kind, time, mark);
        publisher.sound(&mut world, time, mark);
        world.pass(Duration::from_millis(40));
    }
    let mut player = world.player();
    let heard = player.media_heard();
    assert_eq!(heard, ["metadata @0", "video header @80", "audio header @80", "v3@80", "a3@80", "v4@120", "a4@120"]);
    publisher.picture(&mut world, INTER, 160, 5);
    player.read(&mut world);
    assert_eq!(player.media_heard(), ["v5@160"]);
}

#[test]
fn configuration_goes_out_when_it_changes_only() {
    let mut world = World::new();
    let (mut publisher, mut player) = (world.publisher(), world.player());
    publisher.headers(&mut world);
    publisher.headers(&mut world);
    publisher.media(&mut world, Flow::Video, 40, &[KEY, 0, 0, 0, 0, 9, 9]);
    publisher.media(&mut world, Flow::Audio, 40, &[0xaf, 0]);
    publisher.metadata(&mut world);
    publisher.metadata(&mut world);
    player.read(&mut world);
    player.codes();
    let heard = player.media_heard();
    assert_eq!(heard, ["video header @0", "audio header @0", "video header @40", "metadata @0"]);
}

#[test]
fn same_publisher_takes_its_stream_over_and_time_goes_on() {
    let mut world = World::new();
    let (mut old, mut player) = (world.publisher(), world.player());
    old.headers(&mut world);
    old.picture(&mut world, KEY, 70_000, 1);
    world.pass(Duration::from_secs(1));
    let mut new = world.publisher();
    old.read(&mut world);
    assert_eq!(old.codes(), ["NetStream.Publish.BadName"]);
    assert!(world.is_closed(&old));
    world.pass(Duration::from_millis(500));
    new.headers(&mut world);
    new.picture(&mut world, INTER, 0, 2);
    new.picture(&mut world, KEY, 40, 3);
    // What the old connection still sends is nothing to anybody.
    old.picture(&mut world, KEY, 70_040, 99);
    player.read(&mut world);
    player.codes();
    let heard = player.media_heard();
    let expected =
        ["video header @0", "audio header @0", "v1@1", "video header @1501", "audio header @1501", "v3@1541"];
    assert_eq!(heard, expected);
    assert_eq!(world.hub.stats().taken_over, 1);
}

#[test]
fn lost_publisher_comes_back_to_its_players_or_is_given_up() {
    let mut world = World::new();
    let (mut publisher, mut player) = (world.publisher(), world.player());
    publisher.headers(&mut world);
    publisher.picture(&mut world, KEY, 0, 1);
    player.read(&mut world);
    player.heard.clear();
    publisher.close(&mut world);
    for _ in 0..29 {
        world.pass(Duration::from_secs(1));
        player.read(&mut world);
    }
    let mut publisher = world.publisher();
    publisher.picture(&mut world, KEY, 0, 2);
    player.read(&mut world);
    assert_eq!(player.codes(), [""; 0], "it was not told of the loss");
    assert_eq!(player.media_heard(), ["v2@29000"]);
    publisher.close(&mut world);
    world.take_outputs();
    for _ in 0..31 {
        world.pass(Duration::from_secs(1));
        player.read(&mut world);
    }
    assert_eq!(player.codes(), ["NetStream.Play.UnpublishNotify"]);
    let key = Address::parse("live/1", "", AMY).expect("an address").stream;
    assert!(world.take_outputs().contains(&Output::Published { stream: key, on: false }));
}

#[test]
fn every_way_of_ending_frees_everything() {
    for way in ["deleteStream", "closeStream", "FCUnpublish", "close", "evict"] {
        let mut world = World::new();
        let (mut publisher, mut player) = (world.publisher(), world.player());
        publisher.headers(&mut world);
        publisher.picture(&mut world, KEY, 0, 1);
        world.take_outputs();
        match way {
            "close" => {}
            "evict" => {
                let connection = publisher.id;
                world.tell(Command::Evict { connection, admission: AdmissionId(1) });
                publisher.read(&mut world);
                assert_eq!(publisher.codes(), ["NetStream.Publish.Denied"]);
                assert!(world.is_closed(&publisher));
            }
            "deleteStream" => publisher.command(&mut world, way, vec![1.0.into()]),
            way => publisher.command(&mut world, way, vec![]),
        }
        let on_purpose = way != "close";
        publisher.close(&mut world);
        let left = Output::Left { admission: AdmissionId(1), on_purpose };
        assert!(world.take_outputs().contains(&left), "{way}");
        player.command(&mut world, "deleteStream", vec![1.0.into()]);
        player.close(&mut world);
        world.pass(Duration::from_secs(31));
        let stats = world.hub.stats();
        assert_eq!((stats.connections, stats.publishers, stats.players, stats.streams), (0, 0, 0, 0), "{way}");
        assert_eq!(world.hub.poll_timeout(), None, "{way}");
    }
}

#[test]
fn flows_are_told_as_they_come_and_go() {
    let mut world = World::new();
    let mut publisher = world.publisher();
    publisher.headers(&mut world);
    for time in 0..100 {
        publisher.sound(&mut world, time * 40, 1);
        if time < 25 {
            publisher.picture(&mut world, KEY, time * 40, 1);
        }
        world.pass(Duration::from_millis(40));
    }
    publisher.close(&mut world);
    let flows = |output: Output| if let Output::Flows { flows, .. } = output { Some(flows) } else { None };
    let told: Vec<Flows> = world.take_outputs().into_iter().filter_map(flows).collect();
    let [video, both, audio, none] =
        [(false, true), (true, true), (true, false), (false, false)].map(|(audio, video)| Flows { audio, video });
    assert_eq!(told, [video, both, audio, none]);
}

#[test]
fn refusal_is_told_and_the_connection_closed() {
    for (role, refusal, code) in [
        (Role::Publish, Refusal::Unauthorized, "NetStream.Publish.Denied"),
        (Role::Publish, Refusal::Denied, "NetStream.Publish.Denied"),
        (Role::Play, Refusal::Denied, "NetStream.Play.Failed"),
        (Role::Play, Refusal::NotFound, "NetStream.Play.StreamNotFound"),
    ] {
        let mut world = World::new();
        let mut client = world.connect();
        world.hesitant = true;
        match role {
            Role::Publish => client.publish(&mut world, AMY),
            Role::Play => client.play(&mut world, BEN),
        }
        let (connection, admission) = world.asked[0];
        world.tell(Command::Refused { connection, admission, refusal });
        assert!(!world.is_closed(&client), "it has not read why");
        client.read(&mut world);
        assert_eq!(client.codes(), [code]);
        assert!(world.is_closed(&client));
        assert_eq!(world.hub.stats().refused[&refusal], 1);
    }
    let mut world = World::new();
    let mut client = world.connect();
    client.publish(&mut world, "nothing");
    assert_eq!(client.codes(), ["NetStream.Publish.BadName"]);
}

#[test]
fn what_a_publisher_sends_before_its_answer_is_kept() {
    let mut world = World::new();
    let (mut publisher, mut player) = (world.connect(), world.player());
    world.hesitant = true;
    publisher.publish(&mut world, AMY);
    publisher.headers(&mut world);
    publisher.picture(&mut world, KEY, 0, 1);
    let (connection, admission) = world.asked[0];
    world.tell(Command::Admitted { connection, admission, expected: false, allowed: Flows::BOTH });
    player.read(&mut world);
    player.codes();
    assert_eq!(player.media_heard(), ["video header @0", "audio header @0", "v1@0"]);
}

#[test]
fn permission_that_comes_too_late_is_given_back() {
    let mut world = World::new();
    let mut client = world.connect();
    world.hesitant = true;
    client.publish(&mut world, AMY);
    let (connection, admission) = world.asked[0];
    client.close(&mut world);
    world.take_outputs();
    world.tell(Command::Admitted { connection, admission, expected: false, allowed: Flows::BOTH });
    assert_eq!(world.take_outputs(), [Output::Left { admission, on_purpose: true }]);
    assert_eq!(world.hub.stats().streams, 0);
}

#[test]
fn flv_file_begins_with_its_head_and_ends_with_its_stream() {
    let mut world = World::new();
    let waiting = world.flv(BEN, true);
    let mut publisher = world.publisher();
    publisher.headers(&mut world);
    assert!(!world.take_outputs().contains(&Output::FlvStarted { connection: waiting }), "there is nothing to play");
    publisher.picture(&mut world, KEY, 0, 1);
    publisher.sound(&mut world, 20, 2);
    assert!(world.take_outputs().contains(&Output::FlvStarted { connection: waiting }));
    let mut file = Vec::new();
    while let Some(bytes) = world.hub.take_flv(world.now, waiting) {
        file.extend(bytes);
    }
    assert_eq!(&file[..13], b"FLV\x01\x05\0\0\0\x09\0\0\0\0");
    let mut kinds = Vec::new();
    let mut rest = &file[13..];
    while !rest.is_empty() {
        let length = usize::from(rest[2]) << 8 | usize::from(rest[3]);
        let (tag, after) = rest.split_at(11 + length + 4);
        assert_eq!(tag[11 + length..], (11 + length as u32).to_be_bytes());
        kinds.push((tag[0], tag[12]));
        rest = after;
    }
    assert_eq!(kinds, [(9, 0), (8, 0), (9, 1), (8, 1)]);
    publisher.command(&mut world, "deleteStream", vec![1.0.into()]);
    assert_eq!(world.hub.take_flv(world.now, waiting), None);
    assert!(world.take_outputs().contains(&Output::Close { connection: waiting }));
}

#[test]
fn flv_on_its_own_socket_is_framed_for_http_to_the_last_chunk() {
    let mut world = World::new();
    let mut publisher = world.publisher();
    publisher.headers(&mut world);
    let [bare, chunked] = [false, true].map(|chunked| world.flv_as(BEN, true, chunked));
    publisher.picture(&mut world, KEY, 0, 1);
    publisher.sound(&mut world, 20, 2);
    publisher.command(&mut world, "deleteStream", vec![1.0.into()]);
    let mut file = |id| std::iter::from_fn(|| world.hub.take_flv(world.now, id)).collect::<Vec<_>>().concat();
    let (bare, framed) = (file(bare), file(chunked));
    let (mut rest, mut unframed) = (&framed[..], Vec::new());
    loop {
        let line = rest.windows(2).position(|bytes| bytes == b"\r\n").expect("a size");
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).expect("digits"), 16).expect("a size");
        unframed.extend_from_slice(&rest[line + 2..line + 2 + size]);
        assert_eq!(rest[line + 2 + size..][..2], *b"\r\n");
        rest = &rest[line + 2 + size + 2..];
        if size == 0 {
            break;
        }
    }
    assert!(rest.is_empty(), "nothing follows the last chunk");
    assert_eq!(unframed, bare);
}

#[test]
fn flv_of_no_stream_is_not_found() {
    let mut world = World::new();
    let nobody = world.flv(BEN, false);
    assert!(world.take_outputs().contains(&Output::FlvRefused { connection: nobody, refusal: Refusal::NotFound }));
    let late = world.flv(BEN, true);
    world.pass(Duration::from_secs(12));
    assert!(world.take_outputs().contains(&Output::FlvRefused { connection: late, refusal: Refusal::NotFound }));
    let bad = world.flv("nothing", true);
    assert!(world.take_outputs().contains(&Output::FlvRefused { connection: bad, refusal: Refusal::Address }));
    for connection in [nobody, late] {
        world.tell(Command::Closed { connection });
    }
    assert_eq!(world.hub.stats().streams, 0);
}

#[test]
fn stream_made_by_the_server_is_played_and_asked_for_keyframes() {
    let mut world = World::new();
    let mut player = world.player();
    let key = Address::parse("live/1", "", AMY).expect("an address").stream;
    world.tell(Command::Produce { stream: key.clone() });
    let header = Bytes::from_static(&[KEY, 0, 0, 0, 0, 1, 2, 3]);
    let picture = |mark| Bytes::copy_from_slice(&[KEY, 1, 0, 0, 0, 0, 0, 0, 1, mark]);
    world.hub.handle_produced(world.now, &key, Flow::Video, 0, header);
    world.hub.handle_produced(world.now, &key, Flow::Video, 0, picture(1));
    player.read(&mut world);
    player.codes();
    assert_eq!(player.media_heard(), ["video header @0", "v1@0"]);
    world.take_outputs();
    world.pass(Duration::from_millis(399));
    let mut soon = world.player();
    assert_eq!(soon.media_heard(), ["video header @0", "v1@0"]);
    let wanted = Output::KeyframeWanted { stream: key.clone() };
    assert!(!world.take_outputs().contains(&wanted));
    world.pass(Duration::from_millis(2));
    let mut later = world.player();
    assert_eq!(later.media_heard(), ["video header @0"]);
    assert!(world.take_outputs().contains(&wanted));
    world.tell(Command::EndProduced { stream: key });
    later.read(&mut world);
    assert!(later.codes().contains(&"NetStream.Play.UnpublishNotify".to_owned()));
}

#[test]
fn tap_gets_what_players_get() {
    let mut world = World::new();
    let mut publisher = world.publisher();
    publisher.headers(&mut world);
    publisher.picture(&mut world, KEY, 0, 1);
    let stream = Address::parse("live/1", "", AMY).expect("an address").stream;
    world.take_outputs();
    world.tell(Command::Tap { stream: stream.clone(), on: true });
    publisher.sound(&mut world, 20, 2);
    world.tell(Command::Tap { stream, on: false });
    publisher.sound(&mut world, 40, 3);
    let classes = world.take_outputs().into_iter().filter_map(|output| match output {
        Output::Tapped { media, .. } => Some((media.flow, media.class)),
        _ => None,
    });
    use crate::media::Class::{Header, Key, Sound};
    let expected = [(Flow::Video, Header), (Flow::Audio, Header), (Flow::Video, Key), (Flow::Audio, Sound)];
    assert_eq!(classes.collect::<Vec<_>>(), expected);
}

#[test]
fn pause_and_receive_are_obeyed() {
    let mut world = World::new();
    let (mut publisher, mut player) = (world.publisher(), world.player());
    publisher.headers(&mut world);
    player.command(&mut world, "pause", vec![true.into(), 0.0.into()]);
    publisher.picture(&mut world, KEY, 0, 1);
    player.command(&mut world, "pause", vec![false.into(), 0.0.into()]);
    player.command(&mut world, "receiveAudio", vec![false.into()]);
    publisher.picture(&mut world, INTER, 40, 2);
    publisher.sound(&mut world, 40, 3);
    publisher.picture(&mut world, KEY, 80, 4);
    player.read(&mut world);
    let codes = player.codes();
    assert!(
        codes.iter().any(|c| c == "NetStream.Pause.Notify") && codes.iter().any(|c| c == "NetStream.Unpause.Notify")
    );
    assert_eq!(player.media_heard().last().map(String::as_str), Some("v4@80"));
}

#[test]
fn publishers_that_can_are_asked_to_come_again() {
    let mut world = World::new();
    let mut plain = world.publisher();
    let mut client = world.open();
    client.connect(&mut world);
    let mut able = world.open();
    let mut hello = Vec::new();
    carillon_proto::rtmp::handshake::ClientHandshake::new(1, None, &mut hello);
    hello.extend([0; 1536]);
    able.send_bytes(&mut world, &hello);
    world.read(able.id, 3073);
    able.send(&mut world, &client::connect_command(Some(1.0)));
    able.read(&mut world);
    world.tell(Command::Drain { tc_url: Some("rtmp://other/live".into()) });
    able.read(&mut world);
    assert_eq!(able.codes(), ["NetConnection.Connect.ReconnectRequest"]);
    plain.read(&mut world);
    assert_eq!(plain.codes(), [""; 0]);
}

/// A configuration of constrained baseline, and pictures that need it.
fn avc_header(level: u8) -> Vec<u8> {
    let sps = [
        0x67, 0x42, 0xc0, level, 0xda, 0x02, 0x80, 0xbf, 0xe5, 0xc0, 0x44, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00,
        0x03, 0x00, 0x7a, 0x3c, 0x58, 0xba, 0x80,
    ];
    let (mut config, mut out) = (Vec::new(), Vec::new());
    let record = AvcConfig { length_bytes: 4, sps: vec![sps.to_vec()], pps: vec![vec![0x68, 0xce, 0x0f, 0xc8]] };
    record.write(&mut config).expect("a record");
    VideoTag::sequence_start(FourCc::AVC, &config).write(&mut out);
    out
}

fn avc_picture(key: bool) -> Vec<u8> {
    let kind = if key { KEY } else { INTER };
    [&[kind, 1, 0, 0, 0, 0, 0, 0, 2][..], if key { &[0x65, 0x88] } else { &[0x61, 0x9a] }].concat()
}

#[test]
fn room_sees_a_publisher_that_is_taken_over_go_on() {
    let mut world = World::new();
    let stream = Address::parse("live/1", "", AMY).expect("an address").stream;
    world.tell(Command::Tap { stream, on: true });
    let (mut room, mut shown) = (crate::bridge::ToRoom::default(), Vec::new());
    let mut publish = |world: &mut World, offset: u32, first: u32| {
        let mut publisher = world.publisher();
        publisher.media(world, Flow::Video, offset, &avc_header(0x16));
        for n in first..50 {
            publisher.media(world, Flow::Video, offset + 40 * (n - first), &avc_picture(n.is_multiple_of(25)));
            for output in world.take_outputs() {
                if let Output::Tapped { media, .. } = output {
                    room.handle_media(world.now, &media);
                }
            }
            let frames = std::iter::from_fn(|| room.poll_output());
            shown.extend(frames.filter_map(|output| match output {
                crate::bridge::RoomOutput::Frame(frame) => Some((frame.at, world.now, frame.key)),
                _ => None,
            }));
            world.pass(Duration::from_millis(40));
        }
    };
    publish(&mut world, 70_000, 0);
    world.pass(Duration::from_millis(700));
    // Another clock, and in the middle of what it encodes.
    publish(&mut world, 3, 20);
    assert!(shown.windows(2).all(|pair| pair[0].0 < pair[1].0), "time goes on");
    assert!(shown.iter().all(|(at, now, _)| at.max(now).duration_since(*at.min(now)) < Duration::from_millis(50)));
    let (gap, key) = (shown[50].0 - shown[49].0, shown[50].2);
    assert!(key && gap < Duration::from_millis(1_000), "{gap:?}");
    assert_eq!(shown.len(), 50 + 25);
}

#[test]
fn players_are_configured_anew_where_pictures_bring_other_parameter_sets() {
    let mut world = World::new();
    let (mut publisher, mut player) = (world.publisher(), world.player());
    publisher.media(&mut world, Flow::Video, 0, &avc_header(0x16));
    publisher.media(&mut world, Flow::Video, 0, &avc_picture(true));
    let turned = avc_header(0x1e);
    // The record's head, the number of sets, and the first one's length stand before it.
    let sps = &turned[5 + 6..][..2 + 25];
    let picture = [&[KEY, 1, 0, 0, 0, 0, 0][..], sps, &[0, 0, 0, 2, 0x65, 0x88]].concat();
    for time in [40, 80] {
        publisher.media(&mut world, Flow::Video, time, &picture);
    }
    player.read(&mut world);
    player.codes();
    let heard = player.media_heard();
    let headers: Vec<_> = heard.iter().enumerate().filter(|(_, tag)| tag.contains("header")).map(|(n, _)| n).collect();
    assert_eq!((heard.len(), headers), (5, vec![0, 2]), "{heard:?}");
}

#[test]
fn publisher_is_told_what_to_change() {
    let mut world = World::new();
    let mut publisher = world.publisher();
    let stream = Address::parse("live/1", "", AMY).expect("an address").stream;
    world.tell(Command::Warn { stream: stream.clone(), warning: Warning::KeyframesOnly });
    world.tell(Command::Warn { stream, warning: Warning::KeyframesApart });
    publisher.read(&mut world);
    assert_eq!(publisher.codes(), ["NetStream.Publish.BFrames", "NetStream.Publish.KeyframesApart"]);
    assert!(!world.is_closed(&publisher));
}

#[test]
fn sound_goes_with_the_next_picture_or_soon_without_one() {
    let mut world = World::new();
    let (mut publisher, mut player) = (world.publisher(), world.player());
    publisher.headers(&mut world);
    publisher.picture(&mut world, KEY, 0, 1);
    player.read(&mut world);
    let writable = |world: &mut World| std::iter::from_fn(|| world.hub.poll_writable()).any(|id| id == player.id);
    writable(&mut world);
    publisher.sound(&mut world, 10, 1);
    assert!(!writable(&mut world), "a picture comes soon");
    publisher.picture(&mut world, INTER, 33, 2);
    assert!(writable(&mut world), "both go");
    publisher.sound(&mut world, 40, 2);
    world.pass(Duration::from_millis(29));
    assert!(!writable(&mut world));
    world.pass(Duration::from_millis(1));
    assert!(writable(&mut world), "it waits no longer");
    player.read(&mut world);
    player.codes();
    assert_eq!(player.media_heard()[3..], ["a1@10", "v2@33", "a2@40"]);
}

#[test]
fn sound_alone_waits_for_nothing() {
    let mut world = World::new();
    let (mut publisher, player) = (world.publisher(), world.player());
    publisher.media(&mut world, Flow::Audio, 0, &[0xaf, 0, 0x12, 0x10]);
    while world.hub.poll_writable().is_some() {}
    publisher.sound(&mut world, 21, 1);
    assert!(std::iter::from_fn(|| world.hub.poll_writable()).any(|id| id == player.id));
}

//! From publisher to players.

use crate::support::streams::{Ffmpeg, assert_steady, flv_address, rtmp_address};
use crate::support::{http, rest};
use crate::{ROOM, Scene};
use serde_json::json;

#[test]
fn rtmp_and_flv_players_see_and_hear_everything() {
    let scene = Scene::new();
    // This one comes before its publisher.
    let early = Ffmpeg::play(&rtmp_address(&scene.server, ROOM, "amy", "ben"));
    scene.await_metric("rtmp_players", |players| players == 1.0);
    let publisher = Ffmpeg::publish(&rtmp_address(&scene.server, ROOM, "amy", "amy"));
    assert_steady(&early.decoded(100));
    let mut rtmp = Ffmpeg::play(&rtmp_address(&scene.server, ROOM, "amy", "cat"));
    let mut flv = Ffmpeg::play(&flv_address(&scene.server, ROOM, "amy", "cat"));
    for player in [&rtmp, &flv] {
        let decoded = player.decoded(100);
        assert_steady(&decoded);
        let pictures = decoded.iter().filter(|d| d.track == 0).count();
        assert!((20..80).contains(&pictures), "{pictures} pictures of 100");
    }
    publisher.stop();
    for player in [&mut rtmp, &mut flv] {
        let (status, complaints) = player.ending();
        assert!(status.success() && complaints.is_empty(), "{status}: {complaints}");
    }
    drop((early, rtmp, flv));
    scene.await_metric("rtmp_connections", |connections| connections == 0.0);
    assert_eq!(scene.metric("rtmp_streams"), 0.0);
}

#[test]
fn killed_publisher_comes_back_and_players_go_on() {
    let scene = Scene::new();
    let address = rtmp_address(&scene.server, ROOM, "amy", "amy");
    let first = Ffmpeg::publish(&address);
    scene.await_metric("rtmp_publishers", |publishers| publishers == 1.0);
    let players = [rtmp_address, flv_address].map(|address| Ffmpeg::play(&address(&scene.server, ROOM, "amy", "ben")));
    let mut decoded = players.each_ref().map(|player| player.decoded(60));
    first.kill();
    scene.await_metric("rtmp_publishers", |publishers| publishers == 0.0);
    let second = Ffmpeg::publish(&address);
    scene.await_metric("rtmp_publishers", |publishers| publishers == 1.0);
    // A third takes the stream over while the second still has it.
    let _third = Ffmpeg::publish(&address);
    scene.await_metric("rtmp_taken_over_total", |taken| taken == 1.0);
    for (player, decoded) in players.iter().zip(&mut decoded) {
        player.decoded_so_far();
        decoded.extend(player.decoded(60));
        assert_steady(decoded);
    }
    drop(second);
}

#[test]
fn strange_clocks_and_late_tracks_play_steadily() {
    let scene = Scene::new();
    for (room, options) in [
        (1, &["-output_ts_offset", "20000"][..]),
        (2, &["-output_ts_offset", "4294960"]),
        (3, &["-bf", "2", "-tune", "film"]),
        (4, &["-ar", "44100", "-ac", "2", "-flvflags", "no_metadata"]),
        (5, &["-an"]),
        (6, &["-vn"]),
    ] {
        let publisher = Ffmpeg::publish_with(&rtmp_address(&scene.server, room, "amy", "amy"), options);
        let player = Ffmpeg::play(&rtmp_address(&scene.server, room, "amy", "ben"));
        assert_steady(&player.decoded(40));
        drop((publisher, player));
    }
}

#[test]
fn addresses_that_are_no_good_are_refused() {
    let scene = Scene::new();
    let forged = rtmp_address(&scene.server, ROOM, "amy", "amy").replace("token=", "token=x");
    for address in [
        forged,
        // Ben may play amy's stream, but not make it.
        rtmp_address(&scene.server, ROOM, "amy", "ben"),
        format!("rtmp://{}/live/stream", scene.server.rtmp),
    ] {
        let (status, complaints) = Ffmpeg::publish(&address).ending();
        assert!(!status.success() && !complaints.is_empty(), "{address} was taken");
    }
    assert_eq!(scene.metric("rtmp_refused_total{reason=\"unauthorized\"}"), 2.0);
    assert_eq!(scene.metric("rtmp_refused_total{reason=\"address\"}"), 1.0);
    let flv = |address: String| {
        let path = address.split_once(&scene.server.http.to_string()).expect("the host").1.to_owned();
        http::get(scene.server.http, &path)
    };
    let good = flv_address(&scene.server, ROOM, "amy", "ben");
    let missing = flv(good.clone());
    assert_eq!(missing.status, 404, "nobody publishes");
    assert!(missing.head.contains("access-control-allow-origin: *"), "{}", missing.head);
    assert_eq!(flv(good.replace("token=", "token=x")).status, 403);
    assert_eq!(flv(good.replace(".flv", "")).status, 404);
}

#[test]
fn stream_is_sent_on_to_another_server_until_it_is_stopped() {
    let (scene, origin) = (Scene::new(), Scene::new());
    let publisher = Ffmpeg::publish(&rtmp_address(&scene.server, ROOM, "amy", "amy"));
    scene.await_metric("rtmp_publishers", |publishers| publishers == 1.0);
    let push = |url: &str| {
        json!({
            "RoomId": ROOM, "WithTranscoding": 0, "PublishCdnParams": [{"PublishCdnUrl": url}],
            "SingleSubscribeParams": {"UserMediaStream": {"UserInfo": {"UserId": "amy"}, "StreamType": 0}},
        })
    };
    rest::refused(&scene.server, "trtc/StartPublishCdnStream", push("http://nowhere"));
    let body = push(&rtmp_address(&origin.server, 9, "relay", "relay"));
    let answer = rest::ok(&scene.server, "trtc/StartPublishCdnStream", body);
    let player = Ffmpeg::play(&rtmp_address(&origin.server, 9, "relay", "ben"));
    assert_steady(&player.decoded(60));
    // The publisher is lost and comes back: the other server sees it go on.
    publisher.kill();
    let _publisher = Ffmpeg::publish(&rtmp_address(&scene.server, ROOM, "amy", "amy"));
    player.decoded_so_far();
    assert_steady(&player.decoded(30));
    let task = json!({"TaskId": answer["Response"]["TaskId"]});
    rest::ok(&scene.server, "trtc/StopPublishCdnStream", task.clone());
    origin.await_metric("rtmp_publishers", |publishers| publishers == 0.0);
    rest::refused(&scene.server, "trtc/StopPublishCdnStream", task);
}

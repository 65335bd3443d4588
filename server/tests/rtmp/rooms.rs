//! A stream's publisher is somebody in the room: others hear of it, and the room decides.

use crate::support::client::Client;
use crate::support::http;
use crate::support::streams::{Ffmpeg, flv_address, rtmp_address};
use crate::{ROOM, Scene};
use serde_json::{Value, json};

/// Awaits the event that shows this track of amy's as live, or not.
async fn see(watcher: &mut Client, track: &str, live: bool) {
    loop {
        let tracks = watcher.event("room.tracks").await;
        if tracks["user"] == "amy" && tracks["tracks"][track]["live"] == live {
            return;
        }
    }
}

#[tokio::test]
async fn others_hear_of_a_publisher_and_of_its_end() {
    let scene = Scene::with(&[("CALL_GRACE_MS", "3000")]);
    let mut watcher = Client::sign_in(&scene.server, "ben").await;
    watcher.ok("room.enter", json!({"room": ROOM})).await;
    let address = rtmp_address(&scene.server, ROOM, "amy", "amy");
    let publisher = Ffmpeg::publish(&address);
    assert_eq!(watcher.event("room.entered").await["participant"]["user"], "amy");
    see(&mut watcher, "camera", true).await;
    publisher.kill();
    see(&mut watcher, "camera", false).await;
    // It comes back to its seat: nobody sees it leave.
    let publisher = Ffmpeg::publish(&address);
    see(&mut watcher, "camera", true).await;
    assert!(!watcher.events.iter().any(|(name, _)| name == "room.left"), "{:?}", watcher.events);
    publisher.kill();
    let left = watcher.event("room.left").await;
    assert_eq!((&left["user"], &left["reason"]), (&Value::from("amy"), &Value::from("lost")));
    let publisher = Ffmpeg::publish(&address);
    watcher.event("room.entered").await;
    see(&mut watcher, "camera", true).await;
    publisher.stop();
    assert_eq!(watcher.event("room.left").await["reason"], "left", "it said goodbye");
}

#[tokio::test]
async fn stream_is_carried_into_its_room_from_when_somebody_sits_there_who_may_see_it() {
    let scene = Scene::new();
    let _publisher = Ffmpeg::publish(&rtmp_address(&scene.server, ROOM, "amy", "amy"));
    let player = Ffmpeg::play(&rtmp_address(&scene.server, ROOM, "amy", "eve"));
    player.decoded(40);
    let pictures = "bridge_pictures_total{direction=\"to_room\"}";
    assert_eq!(scene.metric(pictures), 0.0, "players by RTMP take nothing from the room");
    let mut watcher = Client::sign_in(&scene.server, "ben").await;
    watcher.ok("room.enter", json!({"room": ROOM})).await;
    scene.await_metric(pictures, |pictures| pictures > 10.0);
    watcher.ok("room.leave", json!({"room": ROOM})).await;
    let before = scene.metric(pictures);
    scene.await_metric(pictures, |pictures| pictures > before + 10.0);
}

#[tokio::test]
async fn publisher_belongs_to_the_seat_of_its_user() {
    let scene = Scene::with(&[("CALL_GRACE_MS", "1000")]);
    let mut watcher = Client::sign_in(&scene.server, "ben").await;
    let mut amy = Client::sign_in(&scene.server, "amy").await;
    amy.ok("room.enter", json!({"room": ROOM})).await;
    watcher.ok("room.enter", json!({"room": ROOM})).await;
    let publisher = Ffmpeg::publish(&rtmp_address(&scene.server, ROOM, "amy", "amy"));
    see(&mut watcher, "microphone", true).await;
    publisher.kill();
    see(&mut watcher, "microphone", false).await;
    tokio::time::sleep(std::time::Duration::from_millis(2_000)).await;
    // Kicked, she is out of the stream as well.
    let mut publisher = Ffmpeg::publish(&rtmp_address(&scene.server, ROOM, "amy", "amy"));
    see(&mut watcher, "microphone", true).await;
    assert!(watcher.events.iter().all(|(name, _)| name != "room.left"), "her session keeps the seat");
    amy.ok("room.leave", json!({"room": ROOM})).await;
    assert_eq!(watcher.event("room.left").await["user"], "amy");
    let (status, _) = publisher.ending();
    assert!(!status.success(), "who leaves the room does not go on publishing");
}

#[tokio::test]
async fn calls_room_lets_no_stranger_publish_or_play() {
    let scene = Scene::with(&[("ROOMS_OPEN", "false")]);
    let mut owner = Client::sign_in(&scene.server, "ben").await;
    owner.ok("room.enter", json!({"room": ROOM})).await;
    let (status, complaints) = Ffmpeg::publish(&rtmp_address(&scene.server, ROOM, "eve", "eve")).ending();
    assert!(!status.success(), "{complaints}");
    let path = flv_address(&scene.server, ROOM, "ben", "eve");
    let path = path.split_once(&scene.server.http.to_string()).expect("the host").1;
    assert_eq!(http::get(scene.server.http, path).status, 403);
    assert_eq!(scene.metric("rtmp_refused_total{reason=\"denied\"}"), 2.0);
}

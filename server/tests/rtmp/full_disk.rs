//! A disk that takes nothing: streams go on, and what was asked for meanwhile is done when there is room again.

use crate::support::client::Client;
use crate::support::streams::{Ffmpeg, assert_steady, flv_address, rtmp_address};
use crate::support::{Folder, Server, http};
use crate::{ROOM, Scene};
use serde_json::json;

fn scene() -> Scene {
    let folder = Folder::new();
    let server = Server::start_on_a_disk(&folder, &[]);
    Scene { server, _folder: folder }
}

#[tokio::test]
async fn streams_go_on_while_the_disk_is_full_and_what_was_asked_is_done_after() {
    let scene = scene();
    let _dora = Client::sign_in(&scene.server, "dora").await;
    let mut ben = Client::sign_in(&scene.server, "ben").await;
    let _publisher = Ffmpeg::publish(&rtmp_address(&scene.server, ROOM, "amy", "amy"));
    scene.await_metric("rtmp_publishers", |publishers| publishers == 1.0);
    let players = [rtmp_address, flv_address].map(|address| Ffmpeg::play(&address(&scene.server, ROOM, "amy", "cat")));
    let mut decoded = players.each_ref().map(|player| player.decoded(30));
    scene.server.fill_disk(true);
    let message = json!({"to": {"user": "dora"}, "kind": "text", "payload": {"text": "hello"}, "clientId": "first"});
    let asked = ben.send_request("message.send", message).await;
    scene.server.log_line("the store did not take a transaction");
    for (player, decoded) in players.iter().zip(&mut decoded) {
        decoded.extend(player.decoded_so_far());
        // Some three seconds.
        decoded.extend(player.decoded(240));
    }
    assert_ne!(http::get(scene.server.admin, "/readyz").status, 200, "who comes is to be sent elsewhere");
    scene.server.fill_disk(false);
    let answer = ben.answer(asked).await.expect("it is stored");
    assert_eq!(answer["message"]["seq"], 1);
    for (player, decoded) in players.iter().zip(&mut decoded) {
        decoded.extend(player.decoded(60));
        assert_steady(decoded);
        let pictures: Vec<i64> = decoded.iter().filter(|d| d.track == 0).map(|d| d.time).collect();
        assert!(pictures.windows(2).all(|pair| pair[1] - pair[0] <= 2), "a picture is missing: {pictures:?}");
    }
    assert!(scene.metric("store_commit_failures_total") > 1.0);
    assert_eq!(scene.metric("rtmp_publishers"), 1.0);
    let history = ben.ok("message.list", json!({"with": {"user": "dora"}, "limit": 9})).await;
    assert_eq!(history["messages"].as_array().map(Vec::len), Some(1), "{history}");
}

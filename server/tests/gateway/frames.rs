//! Frames of wrong form, size or order.

use crate::Scene;
use crate::support::client::{Client, Got, Socket, hello, signature};
use crate::support::{APP, KEY};
use serde_json::{Value, json};

/// What somebody who is signed in is told after `text`; it must end that session alone.
async fn ends_session(scene: &mut Scene, text: String) -> i64 {
    let mut mallory = Client::sign_in(&scene.server, "mallory").await;
    mallory.socket.send_text(text).await;
    let (bye, close) = mallory.socket.ending().await;
    assert_eq!((bye["t"].as_str(), bye["reason"].as_str(), close), (Some("bye"), Some("protocolError"), 4000), "{bye}");
    assert_eq!(mallory.resume(&scene.server).await.expect_err("it is over")["code"], 6017);
    scene.call.goes_on().await;
    bye["code"].as_i64().expect("a code")
}

#[tokio::test]
async fn json_of_wrong_type_ends_the_session() {
    let mut scene = Scene::new().await;
    for bad in [
        "",
        "7",
        "[]",
        "null",
        "{}",
        "{\"t\":",
        r#"{"t":"jump"}"#,
        r#"{"t":7}"#,
        r#"{"t":"ack","seq":-1}"#,
        r#"{"t":"ack","seq":1e99}"#,
        r#"{"t":"request","id":"1","verb":"profile.get"}"#,
        r#"{"t":"request","id":1,"verb":["profile.get"]}"#,
        "{\"t\":\"ping\",\"nonce\":\"\u{0}\"}",
    ] {
        assert_eq!(ends_session(&mut scene, bad.to_owned()).await, 60003, "{bad}");
    }
}

#[tokio::test]
async fn json_nested_too_deep_ends_the_session() {
    let mut scene = Scene::new().await;
    let nested =
        |n| format!(r#"{{"t":"request","id":1,"verb":"profile.get","body":{}{}}}"#, "[".repeat(n), "]".repeat(n));
    assert_eq!(ends_session(&mut scene, nested(40)).await, 60003);
    assert_eq!(ends_session(&mut scene, "[".repeat(60_000)).await, 60003);
}

#[tokio::test]
async fn frame_that_is_too_large_ends_the_session() {
    let mut scene = Scene::new().await;
    let text = "x".repeat(70_000);
    let frame = json!({"t": "request", "id": 1, "verb": "profile.set", "body": {"nick": text}});
    assert_eq!(ends_session(&mut scene, frame.to_string()).await, 80002);
}

#[tokio::test]
async fn message_beyond_every_bound_costs_the_socket() {
    let mut scene = Scene::new().await;
    let mut mallory = Client::sign_in(&scene.server, "mallory").await;
    mallory.socket.send_text("x".repeat(2 << 20)).await;
    assert!(matches!(mallory.socket.next().await, Got::Closed(_)));
    scene.call.goes_on().await;
}

#[tokio::test]
async fn unknown_verbs_and_bad_bodies_are_refused_and_the_session_stays() {
    let mut scene = Scene::new().await;
    let mut mallory = Client::sign_in(&scene.server, "mallory").await;
    assert_eq!(mallory.refused("room.explode", json!({})).await, 60004);
    assert_eq!(mallory.refused("", json!({})).await, 60004);
    assert_eq!(mallory.refused(&"v".repeat(10_000), json!({})).await, 60004);
    let bad: [(&str, Value); 8] = [
        ("room.enter", Value::Null),
        ("room.enter", json!({"room": 0})),
        ("room.enter", json!({"room": 4_294_967_296_u64})),
        ("room.enter", json!({"room": {"number": 1}})),
        ("profile.get", json!({"users": "amy"})),
        ("profile.get", json!({"users": [7]})),
        ("message.send", json!({"to": "ben", "kind": "text", "payload": {}, "clientId": "c"})),
        ("message.list", json!({"with": {"user": "ben"}, "limit": -1})),
    ];
    for (verb, body) in bad {
        assert_eq!(mallory.refused(verb, body.clone()).await, 60005, "{verb} {body}");
    }
    mallory.ok("profile.set", json!({"nick": "M"})).await;
    scene.call.goes_on().await;
}

#[tokio::test]
async fn first_frame_must_be_a_hello_that_fits() {
    let mut scene = Scene::new().await;
    for (frame, code) in [
        (json!({"t": "request", "id": 1, "verb": "group.list"}), 60003),
        (json!({"t": "ping"}), 60003),
        (json!({"t": "hello", "version": 1}), 60003),
        (json!({"t": "hello", "version": 2, "resume": {"session": "x", "ack": 0}}), 60006),
        (json!({"t": "hello", "version": 1, "resume": {"session": "1-0", "ack": 0}}), 6017),
        (json!({"t": "hello", "version": 1, "resume": {"session": "x".repeat(9000), "ack": 0}}), 80002),
        (hello(APP, "a b", &signature(APP, KEY, "mallory"), "d"), 20003),
    ] {
        let mut socket = Socket::open(&scene.server).await;
        socket.send(frame.clone()).await;
        let (refused, close) = socket.ending().await;
        assert_eq!((refused["code"].as_i64(), close), (Some(code), 4001), "{frame:.200} {refused}");
    }
    scene.call.goes_on().await;
}

#[tokio::test]
async fn acknowledging_what_was_never_sent_ends_the_session() {
    let mut scene = Scene::new().await;
    assert_eq!(ends_session(&mut scene, json!({"t": "ack", "seq": 9}).to_string()).await, 60003);
    let second = hello(APP, "mallory", &signature(APP, KEY, "mallory"), "d").to_string();
    assert_eq!(ends_session(&mut scene, second).await, 60003);
}

#[tokio::test]
async fn request_out_of_sequence_is_asked_for_again() {
    let mut scene = Scene::new().await;
    let mut mallory = Client::sign_in(&scene.server, "mallory").await;
    mallory.ok("profile.set", json!({"nick": "M"})).await;
    mallory.last_request += 1;
    mallory.send_request("profile.set", json!({"nick": "N"})).await;
    assert_eq!(mallory.socket.next().await, Got::Closed(4003));
    mallory.resume(&scene.server).await.expect("goes on");
    assert_eq!(mallory.welcome["ack"], 1);
    scene.call.goes_on().await;
}

#[tokio::test]
async fn flood_of_requests_is_refused_and_slowed() {
    let mut scene = Scene::with(&[("GATEWAY_REQUESTS_BURST", "20"), ("GATEWAY_REQUESTS_PER_S", "10")]).await;
    let mut mallory = Client::sign_in(&scene.server, "mallory").await;
    for _ in 0..60 {
        mallory.send_request("group.list", json!({})).await;
    }
    let mut refused = 0;
    for id in 1..=60 {
        match mallory.answer(id).await {
            Ok(_) => {}
            Err((code, _)) => {
                assert_eq!(code, 60021);
                refused += 1;
            }
        }
    }
    assert!((20..=40).contains(&refused), "{refused}");
    scene.call.goes_on().await;
}

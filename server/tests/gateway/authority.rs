//! Acting where one has no say.

use crate::Scene;
use crate::support::call::{ROOM, invitation, send_signal, signal_body, user};
use crate::support::client::Client;
use serde_json::json;

const ENTER_REFUSED: i64 = -100_018;
const NOT_IN_ROOM: i64 = -3318;

#[tokio::test]
async fn sender_is_who_signed_in_whatever_the_body_says() {
    let mut scene = Scene::new().await;
    let mut mallory = Client::sign_in(&scene.server, "mallory").await;
    let forged = json!({
        "from": "amy", "user": "amy", "nick": "Amy", "to": {"user": "ben"}, "kind": "text",
        "payload": {"text": "hi"}, "clientId": "forged",
    });
    mallory.ok("message.send", forged).await;
    let got = scene.call.ben.event("message.new").await;
    assert_eq!((got["from"].as_str(), got["nick"].as_str()), (Some("mallory"), Some("")), "{got}");
    mallory.ok("profile.set", json!({"user": "amy", "nick": "Not Amy"})).await;
    let profile = mallory.ok("user.find", json!({"user": "amy"})).await;
    assert_eq!(profile["profile"]["nick"], "", "{profile}");
    scene.call.goes_on().await;
}

#[tokio::test]
async fn strangers_signals_change_nothing_in_a_call() {
    let mut scene = Scene::new().await;
    let mut mallory = Client::sign_in(&scene.server, "mallory").await;
    let invite = scene.call.invite().clone();
    let signals = [
        invite.cancel(vec![user("ben")]),
        invite.reject(user("ben")),
        invite.accept(user("mallory")),
        invite.time_out(vec![user("ben")]),
    ];
    for (n, signal) in signals.iter().enumerate() {
        for to in ["amy", "ben"] {
            // The relay may pass it on; the call must not follow it.
            let _ = mallory.ask("message.send", signal_body(to, &format!("{n}-{to}"), signal)).await;
        }
        for client in [&mut scene.call.amy, &mut scene.call.ben] {
            client.ok("call.current", json!({})).await;
            client.events.clear();
        }
        scene.call.goes_on().await;
    }
    assert_eq!(mallory.ok("call.current", json!({})).await, json!({"calls": []}));
}

#[tokio::test]
async fn strangers_invitation_does_not_open_the_calls_room() {
    let mut scene = Scene::new().await;
    let mut mallory = Client::sign_in(&scene.server, "mallory").await;
    let _eve = Client::sign_in(&scene.server, "eve").await;
    send_signal(&mut mallory, "eve", &invitation("invite-9", "mallory", "eve", ROOM)).await;
    assert_eq!(mallory.refused("room.enter", json!({"room": ROOM})).await, ENTER_REFUSED);
    scene.call.goes_on().await;
}

#[tokio::test]
async fn acting_on_a_room_one_is_not_in_is_refused() {
    let mut scene = Scene::new().await;
    let mut mallory = Client::sign_in(&scene.server, "mallory").await;
    assert_eq!(mallory.refused("room.enter", json!({"room": ROOM})).await, ENTER_REFUSED);
    assert_eq!(mallory.refused("room.enter", json!({"room": ROOM, "privateMapKey": "eJx"})).await, ENTER_REFUSED);
    let state = json!({"room": ROOM, "tracks": {"camera": "on"}});
    assert_eq!(mallory.refused("room.state", state).await, NOT_IN_ROOM);
    assert_eq!(mallory.refused("room.offer", json!({"room": ROOM, "sdp": "v=0"})).await, NOT_IN_ROOM);
    for (verb, body) in [("room.kick", json!({"room": ROOM, "user": "amy"})), ("room.dissolve", json!({"room": ROOM}))]
    {
        let code = mallory.refused(verb, body).await;
        assert!([NOT_IN_ROOM, 10004].contains(&code), "{verb}: {code}");
    }
    let _ = mallory.ask("room.leave", json!({"room": ROOM})).await;
    scene.call.goes_on().await;
}

#[tokio::test]
async fn guest_of_a_room_may_not_rule_it() {
    let mut scene = Scene::new().await;
    assert_eq!(scene.call.ben.refused("room.kick", json!({"room": ROOM, "user": "amy"})).await, 10004);
    assert_eq!(scene.call.ben.refused("room.dissolve", json!({"room": ROOM})).await, 10004);
    scene.call.goes_on().await;
}

#[tokio::test]
async fn foreign_messages_and_groups_are_out_of_reach() {
    let mut scene = Scene::new().await;
    let mut mallory = Client::sign_in(&scene.server, "mallory").await;
    let sent = scene.call.amy.send_text("ben", "private").await.expect("sent");
    scene.call.ben.event("message.new").await;
    let id = sent["message"]["id"].clone();
    let modify = json!({"id": id, "payload": {"text": "changed"}});
    for (verb, body) in [("message.revoke", json!({"id": id})), ("message.modify", modify)] {
        let code = mallory.refused(verb, body).await;
        assert!([10004, 10010].contains(&code), "{verb}: {code}");
    }
    let history = mallory.ok("message.list", json!({"with": {"user": "ben"}})).await;
    assert_eq!(history["messages"], json!([]));
    let created = scene.call.amy.ok("group.create", json!({"group": "@team", "type": "Private"})).await;
    assert_eq!(created["group"]["id"], "@team");
    for (verb, body) in [
        ("group.join", json!({"group": "@team"})),
        ("group.get", json!({"group": "@team"})),
        ("group.members", json!({"group": "@team"})),
        ("group.invite", json!({"group": "@team", "users": ["mallory"]})),
        ("group.attributes.get", json!({"group": "@team"})),
        ("group.attributes.set", json!({"group": "@team", "attributes": {"a": "b"}})),
        ("group.set", json!({"group": "@team", "name": "mine"})),
        ("group.dismiss", json!({"group": "@team"})),
        ("message.list", json!({"with": {"group": "@team"}})),
        ("message.send", json!({"to": {"group": "@team"}, "kind": "text", "payload": {"text": "x"}, "clientId": "g"})),
    ] {
        let code = mallory.refused(verb, body).await;
        assert!([10004, 10007, 10010].contains(&code), "{verb}: {code}");
    }
    scene.call.goes_on().await;
}

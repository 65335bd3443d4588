//! Two apps on one server, the same names in both: neither sees anything of the other.

use crate::Scene;
use crate::support::call::{ROOM, invitation, send_signal, user};
use crate::support::client::Client;
use crate::support::{OTHER_APP, OTHER_KEY};
use serde_json::json;

async fn other(scene: &Scene, user: &str) -> Client {
    Client::sign_in_to(&scene.server, OTHER_APP, OTHER_KEY, user, user).await
}

#[tokio::test]
async fn users_search_and_status_of_another_app_are_unknown() {
    let mut scene = Scene::new().await;
    scene.call.amy.ok("profile.set", json!({"nick": "Amy"})).await;
    scene.call.amy.ok("status.set", json!({"custom": "busy"})).await;
    let mut mallory = other(&scene, "mallory").await;
    assert_eq!(mallory.ok("user.find", json!({"user": "amy"})).await, json!({"profile": null}));
    assert_eq!(mallory.ok("profile.get", json!({"users": ["amy"]})).await, json!({"profiles": [null]}));
    assert_eq!(mallory.refused("message.send", text("amy")).await, 20003);
    for verb in ["status.get", "status.watch"] {
        let statuses = mallory.ask(verb, json!({"users": ["amy"]})).await;
        let hidden = statuses.map(|s| s["statuses"][0]["online"] != true && s["statuses"][0]["custom"] != "busy");
        assert!(hidden.unwrap_or(true), "{verb}");
    }
    // What is watched there is the Amy of that app, if one comes.
    scene.call.amy.ok("status.set", json!({"custom": "away"})).await;
    mallory.ok("profile.set", json!({"nick": "M"})).await;
    assert!(mallory.events.iter().all(|(name, _)| name != "status.changed"), "{:?}", mallory.events);
    scene.call.goes_on().await;
}

fn text(to: &str) -> serde_json::Value {
    json!({"to": {"user": to}, "kind": "text", "payload": {"text": "x"}, "clientId": "c"})
}

#[tokio::test]
async fn namesake_in_another_app_is_somebody_else() {
    let mut scene = Scene::new().await;
    scene.call.amy.ok("profile.set", json!({"nick": "Amy"})).await;
    let mut namesake = other(&scene, "amy").await;
    assert_eq!(namesake.welcome["snapshot"]["profile"]["nick"], "");
    for kept in ["conversations", "openInvitations", "rooms", "calls"] {
        assert_eq!(namesake.welcome["snapshot"][kept], json!([]), "{kept}");
    }
    let _ben = other(&scene, "ben").await;
    namesake.ok("message.send", text("ben")).await;
    let history = namesake.ok("message.list", json!({"with": {"user": "ben"}})).await;
    assert_eq!(history["messages"].as_array().map(Vec::len), Some(1), "{history}");
    assert_eq!(namesake.ok("call.records", json!({})).await, json!({"records": []}));
    assert_eq!(namesake.ok("call.current", json!({})).await, json!({"calls": []}));
    scene.call.goes_on().await;
    assert!(scene.call.ben.events.iter().all(|(_, body)| body["clientId"] != "c"));
}

#[tokio::test]
async fn group_of_another_app_is_unknown() {
    let mut scene = Scene::new().await;
    scene.call.amy.ok("group.create", json!({"group": "@team", "type": "Public", "name": "Ours"})).await;
    let mut mallory = other(&scene, "mallory").await;
    assert_eq!(mallory.ok("group.find", json!({"group": "@team"})).await, json!({"group": null}));
    assert_eq!(mallory.refused("group.join", json!({"group": "@team"})).await, 10010);
    assert_eq!(mallory.ok("group.list", json!({})).await, json!({"groups": []}));
    let own = mallory.ok("group.create", json!({"group": "@team", "name": "Theirs"})).await;
    assert_eq!((own["group"]["name"].as_str(), own["group"]["memberCount"].as_u64()), (Some("Theirs"), Some(1)));
    let ours = scene.call.amy.ok("group.get", json!({"group": "@team"})).await;
    assert_eq!(ours["group"]["name"], "Ours");
    scene.call.goes_on().await;
}

#[tokio::test]
async fn room_of_the_same_number_is_another_room() {
    let mut scene = Scene::new().await;
    let mut mallory = other(&scene, "mallory").await;
    let entered = mallory.ok("room.enter", json!({"room": ROOM})).await;
    assert_eq!(entered["participants"], json!([]), "{entered}");
    assert_eq!(mallory.refused("room.kick", json!({"room": ROOM, "user": "ben"})).await, -3318);
    mallory.ok("room.dissolve", json!({"room": ROOM})).await;
    scene.call.goes_on().await;
    assert!(scene.call.ben.events.iter().all(|(name, _)| !name.starts_with("room.l") && name != "room.removed"));
}

#[tokio::test]
async fn call_of_another_app_cannot_be_answered_or_cancelled() {
    let mut scene = Scene::new().await;
    let (mut amy, mut ben) = (other(&scene, "amy").await, other(&scene, "ben").await);
    let invite = scene.call.invite().clone();
    send_signal(&mut ben, "amy", &invite.reject(user("ben"))).await;
    send_signal(&mut amy, "ben", &invite.cancel(vec![user("ben")])).await;
    scene.call.goes_on().await;
    // The same ids make a call of their own there.
    amy.ok("room.enter", json!({"room": ROOM})).await;
    send_signal(&mut amy, "ben", &invitation("invite-1", "amy", "ben", ROOM)).await;
    let theirs = amy.ok("call.current", json!({})).await;
    assert_eq!(theirs["calls"][0]["state"], "waiting", "{theirs}");
    scene.call.goes_on().await;
}

//! The control thread's work over its real store, in virtual time: what a kill leaves, and what clients then see.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod histories;
mod node;

use super::thread::BACKLOG;
use super::{Input, WhipDirection, WhipRequest};
use crate::worker;
use carillon_config::Config;
use carillon_proto::call::Signal;
use carillon_proto::gateway::{MediaType, code};
use carillon_proto::id::{AppId, GroupId, InviteId, RoomId, UserId};
use carillon_proto::user_sig::{PrivateMapKey, Privileges};
use node::{APP, Folder, KEY, Node};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::oneshot::{self, error::TryRecvError};

const ROOM: RoomId = RoomId::Number(7);
const MS: Duration = Duration::from_millis(1);

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

fn invitation(id: &str, from: &str, to: &[&str], group: Option<&str>) -> Signal {
    let to = to.iter().map(|name| user(name)).collect();
    let group = group.map(|name| GroupId::new(name).unwrap());
    Signal::invite(InviteId::new(id).unwrap(), user(from), to, group, MediaType::Video, ROOM)
}

/// amy and ben talk in room 7.
fn talking(node: &mut Node) -> [u64; 2] {
    let [amy, ben] = ["amy", "ben"].map(|name| node.sign_in(name, "d1"));
    let invite = invitation("i1", "amy", &["ben"], None);
    node.ask(amy, "room.enter", json!({ "room": 7 })).unwrap();
    node.signal(amy, json!({ "user": "ben" }), &invite);
    node.ask(ben, "room.enter", json!({ "room": 7 })).unwrap();
    node.signal(ben, json!({ "user": "amy" }), &invite.accept(user("ben")));
    [amy, ben]
}

fn group_call(node: &mut Node) -> u64 {
    let [amy, ben] = ["amy", "ben"].map(|name| node.sign_in(name, "d1"));
    let create = json!({ "group": "team", "type": "Public", "name": "Team", "members": ["ben"] });
    node.ask(amy, "group.create", create).unwrap();
    let invite = invitation("g1", "amy", &["ben"], Some("team"));
    node.ask(amy, "room.enter", json!({ "room": 7 })).unwrap();
    node.signal(amy, json!({ "group": "team" }), &invite);
    node.ask(ben, "room.enter", json!({ "room": 7 })).unwrap();
    node.signal(ben, json!({ "group": "team" }), &invite.accept(user("ben")));
    amy
}

fn results(node: &mut Node, socket: u64) -> Vec<Value> {
    let records = node.ask(socket, "call.records", json!({})).unwrap();
    records["records"].as_array().unwrap().iter().map(|r| r["result"].clone()).collect()
}

fn kit_info(node: &mut Node, socket: u64) -> Option<Value> {
    let all = node.ask(socket, "group.attributes.get", json!({ "group": "team" })).unwrap();
    let text = all["attributes"]["inner_attr_kit_info"].as_str()?.to_owned();
    Some(serde_json::from_str(&text).unwrap())
}

#[test]
fn seats_outlive_a_kill_and_nobody_is_told_before_the_grace_time() {
    let folder = Folder::new("seats");
    let mut node = Node::start(&folder, Config::default());
    talking(&mut node);
    let mut node = node.kill_and_start(&folder, secs(300));
    let ben = node.sign_in("ben", "d2");
    let snapshot = node.welcome(ben)["snapshot"].clone();
    assert_eq!((&snapshot["rooms"], &snapshot["calls"][0]["state"]), (&json!([7]), &json!("connected")));
    let room = node.ask(ben, "room.enter", json!({ "room": 7 })).unwrap();
    assert_eq!(room["participants"][0]["user"], "amy", "her seat is kept");
    node.wait(secs(30) - MS);
    assert_eq!(node.events(ben), Vec::<String>::new());
    node.wait(MS);
    assert_eq!(node.events(ben), ["room.left amy lost", "call.changed Interrupt"]);
    assert_eq!(results(&mut node, ben), ["Interrupt"]);
}

#[test]
fn both_come_back_and_the_call_goes_on() {
    let folder = Folder::new("back");
    let mut node = Node::start(&folder, Config::default());
    talking(&mut node);
    let mut node = node.kill_and_start(&folder, secs(5));
    let [amy, ben] = ["amy", "ben"].map(|name| node.sign_in(name, "d2"));
    for socket in [amy, ben] {
        node.ask(socket, "room.enter", json!({ "room": 7 })).unwrap();
    }
    node.wait(secs(600));
    assert_eq!((node.events(amy), node.events(ben)), (Vec::new(), Vec::new()));
    node.ask(amy, "room.leave", json!({ "room": 7 })).unwrap();
    assert_eq!(node.events(ben), ["room.left amy left", "call.changed NormalEnd"], "an explicit leave is seen at once");
    assert_eq!(results(&mut node, ben), ["NormalEnd"]);
}

#[test]
fn an_open_invitation_rings_a_late_device_over_a_restart_and_ends_at_its_stored_time() {
    let folder = Folder::new("ringing");
    let mut node = Node::start(&folder, Config::default());
    let [amy, _ben] = ["amy", "ben"].map(|name| node.sign_in(name, "d1"));
    node.ask(amy, "room.enter", json!({ "room": 7 })).unwrap();
    node.signal(amy, json!({ "user": "ben" }), &invitation("i1", "amy", &["ben"], None));
    let mut node = node.kill_and_start(&folder, secs(20));
    let rings = |node: &mut Node, device| {
        let socket = node.sign_in("ben", device);
        let rings = node.welcome(socket)["snapshot"]["openInvitations"].as_array().unwrap().len();
        assert_eq!(node.events(socket), Vec::<String>::new(), "not pushed besides");
        rings
    };
    assert_eq!(rings(&mut node, "late"), 1);
    node.wait(secs(9));
    assert_eq!(rings(&mut node, "later"), 1);
    node.wait(secs(1));
    assert_eq!(rings(&mut node, "too late"), 0, "30 s are over");
    let amy = node.sign_in("amy", "d2");
    assert_eq!(node.welcome(amy)["snapshot"]["calls"][0]["state"], "waiting");
    node.wait(secs(10) - MS);
    assert_eq!(results(&mut node, amy), Vec::<Value>::new());
    node.wait(MS);
    assert_eq!(results(&mut node, amy), ["NotAnswer"], "the guard goes on from the stored deadline");
}

#[test]
fn an_answered_invitation_stays_answered_over_a_restart() {
    let folder = Folder::new("answered");
    let mut node = Node::start(&folder, Config::default());
    let [amy, ben] = ["amy", "ben"].map(|name| node.sign_in(name, "d1"));
    let invite = invitation("i1", "amy", &["ben"], None);
    node.signal(amy, json!({ "user": "ben" }), &invite);
    node.signal(ben, json!({ "user": "amy" }), &invite.reject(user("ben")));
    let mut node = node.kill_and_start(&folder, secs(2));
    let ben = node.sign_in("ben", "late");
    assert_eq!(node.welcome(ben)["snapshot"]["openInvitations"], json!([]));
    assert_eq!(results(&mut node, ben), ["Reject"]);
}

#[test]
fn a_groups_running_call_is_shown_while_it_runs() {
    let folder = Folder::new("kit-info");
    let mut node = Node::start(&folder, Config::default());
    let amy = group_call(&mut node);
    let info = kit_info(&mut node, amy).unwrap();
    assert_eq!(
        (&info["room_id"], &info["room_id_type"], &info["call_media_type"]),
        (&json!("7"), &json!(1), &json!("video"))
    );
    assert_eq!(info["user_list"], json!([{ "userid": "amy" }, { "userid": "ben" }]));
    let cat = node.sign_in("cat", "d1");
    let refused = node.ask(cat, "group.attributes.get", json!({ "group": "team" }));
    assert_eq!(refused, Err(code::NOT_MEMBER));
    node.ask(amy, "room.leave", json!({ "room": 7 })).unwrap();
    assert_eq!(kit_info(&mut node, amy), None);
    assert_eq!(results(&mut node, amy), ["NormalEnd"]);
}

#[test]
fn it_is_cleared_when_every_client_died() {
    let folder = Folder::new("died");
    let mut node = Node::start(&folder, Config::default());
    group_call(&mut node);
    for socket in node.sockets() {
        node.close(socket);
    }
    node.wait(secs(200));
    let amy = node.sign_in("amy", "d2");
    assert_eq!(kit_info(&mut node, amy), None);
    assert_eq!(results(&mut node, amy), ["Interrupt"]);
}

#[test]
fn it_is_cleared_when_the_server_died_with_them() {
    let folder = Folder::new("died-too");
    let mut node = Node::start(&folder, Config::default());
    group_call(&mut node);
    let mut node = node.kill_and_start(&folder, secs(60));
    let cat = node.sign_in("cat", "d1");
    node.ask(cat, "group.join", json!({ "group": "team" })).unwrap();
    assert!(kit_info(&mut node, cat).is_some(), "the seats are kept yet");
    node.events(cat);
    node.wait(secs(30));
    assert_eq!(kit_info(&mut node, cat), None);
    assert!(node.events(cat).contains(&"group.attributes".to_owned()), "and the members are told");
}

#[test]
fn a_private_map_key_opens_the_room_it_names_for_whom_it_names_until_it_expires() {
    let folder = Folder::new("map-key");
    let mut config = Config::default();
    config.rooms.require_private_map_key = true;
    let mut node = Node::start(&folder, config);
    let amy = node.sign_in("amy", "d1");
    let now = node.now.wall.as_secs();
    let make = |app: AppId, name: &str, room: RoomId, expires: u64, key: &str, bits: u32| {
        let expires = u32::try_from(expires).unwrap();
        PrivateMapKey { user: user(name), app, room, expires, privileges: Privileges(bits) }.make(now, key)
    };
    let text = RoomId::Text("7".into());
    let good = make(APP, "amy", ROOM, now + 60, KEY, 42);
    let bad = [
        make(APP, "ben", ROOM, now + 60, KEY, 255),
        make(APP, "amy", RoomId::Number(8), now + 60, KEY, 255),
        make(APP, "amy", text.clone(), now + 60, KEY, 255),
        make(AppId(9), "amy", ROOM, now + 60, KEY, 255),
        make(APP, "amy", ROOM, now - 1, KEY, 255),
        make(APP, "amy", ROOM, now + 60, "another key of 16 bytes", 255),
        make(APP, "amy", ROOM, now + 60, KEY, 255 ^ 1),
        "rubbish".to_owned(),
    ];
    for key in bad {
        let entered = node.ask(amy, "room.enter", json!({ "room": 7, "privateMapKey": key }));
        assert_eq!(entered, Err(code::ENTER_REFUSED));
    }
    assert_eq!(node.ask(amy, "room.enter", json!({ "room": 7 })), Err(code::ENTER_REFUSED));
    let first = make(APP, "amy", ROOM, now + 60, KEY, 255);
    node.ask(amy, "room.enter", json!({ "room": 7, "privateMapKey": first })).unwrap();
    let room = node.ask(amy, "room.enter", json!({ "room": 7, "privateMapKey": good })).unwrap();
    assert_eq!(room["may"], json!(["receiveAudio", "receiveVideo"]));
    let publish = json!({ "room": 7, "tracks": { "microphone": "on" } });
    assert_eq!(node.ask(amy, "room.state", publish), Err(code::FORBIDDEN));
    let key = make(APP, "amy", text, now + 60, KEY, 255);
    let other = node.ask(amy, "room.enter", json!({ "room": "7", "privateMapKey": key })).unwrap();
    assert_eq!((&other["room"], &other["participants"]), (&json!("7"), &json!([])), "a number is another room");
}

/// amy publishes by WHIP; her resource.
fn publish(node: &mut Node) -> String {
    let request = WhipRequest {
        app: APP,
        room: ROOM,
        user: "amy".into(),
        user_sig: node.user_sig("amy"),
        private_map_key: None,
        direction: WhipDirection::Publish,
        sdp: "v=0".into(),
        resource: None,
    };
    node.input(Input::Whip(request, oneshot::channel().0));
    format!("{:032x}", 7)
}

#[test]
fn end_of_a_whip_resource_is_told_when_it_is_stored() {
    let folder = Folder::new("whip-end");
    let mut node = Node::start(&folder, Config::default());
    for deleted in [true, false] {
        let resource = if deleted { publish(&mut node) } else { format!("{:032x}", 7) };
        let (done, mut told) = oneshot::channel();
        node.input(Input::WhipDelete { resource, done });
        assert_eq!(told.try_recv(), Ok(deleted));
    }
    let resource = publish(&mut node);
    folder.meddle("DROP TABLE saved");
    let (done, mut told) = oneshot::channel();
    node.fail(Input::WhipDelete { resource, done });
    assert_eq!(told.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn who_would_make_a_late_worker_later_is_refused() {
    let folder = Folder::new("late");
    let (worker, mailbox) = worker::Handle::stuck();
    let mut node = Node::start_with(&folder, worker);
    let [amy, ben] = ["amy", "ben"].map(|name| node.sign_in(name, "d1"));
    let offer = json!({ "room": 7, "sdp": "v=0" });
    node.ask(amy, "room.enter", json!({ "room": 7 })).unwrap();
    while node.flood(1000) < BACKLOG {}
    let full = node.flood(0);
    for (who, verb, body) in [(amy, "room.offer", &offer), (ben, "room.enter", &json!({ "room": 7 }))] {
        assert_eq!(node.ask(who, verb, body.clone()), Err(code::OVERLOADED), "{verb}");
    }
    assert_eq!(node.flood(0), full);
    node.ask(amy, "room.leave", json!({ "room": 7 })).unwrap();
    assert_eq!(node.flood(0), full + 1, "who leaves may leave");
    assert!(mailbox.try_iter().count() > 0);
    assert!(node.flood(0) < BACKLOG);
    node.ask(ben, "room.enter", json!({ "room": 7 })).unwrap();
    drop(mailbox);
    assert_eq!(node.flood(10 * BACKLOG), 0, "nothing waits for a worker that has stopped");
}

#[test]
fn start_and_stop_of_each_track_are_told_once() {
    use carillon_proto::gateway::TrackName;
    use carillon_sfu::{Event, Output, ParticipantId};
    let folder = Folder::new("tracks");
    let mut node = Node::start(&folder, Config::default());
    let amy = node.sign_in("amy", "d1");
    node.ask(amy, "room.enter", json!({ "room": 7 })).unwrap();
    let participant = ParticipantId(1);
    let mut media = |event| node.input(Input::Media(Output::Event(event)));
    for track in [TrackName::Camera, TrackName::Microphone, TrackName::ScreenAudio, TrackName::Screen] {
        media(Event::TrackStarted { participant, track });
    }
    media(Event::TrackEnded { participant, track: TrackName::Microphone });
    node.ask(amy, "room.leave", json!({ "room": 7 })).unwrap();
    assert_eq!(node.posted(), ["101", "103", "201", "203", "205", "204", "104", "102"]);
}

//! Invitations and devices that sign in late: an open one rings, once, and one that is over never does.

#![allow(clippy::unwrap_used)]

mod world;

use carillon_chat::{Output, SessionId};
use carillon_proto::call::Signal;
use carillon_proto::gateway::{Message, ModifyMessage, Request, SendMessage, SendOptions};
use serde_json::{Value, json};
use world::*;

fn only_online(send: SendMessage) -> SendMessage {
    SendMessage { options: SendOptions { online_only: true, ..SendOptions::default() }, ..send }
}

fn ringing(w: &mut World, name: &str, at: &str) -> usize {
    let (session, snapshot) = w.join(name, device(at));
    assert_eq!(w.events(session), [], "not pushed besides");
    snapshot.open_invitations.len()
}

fn called(w: &mut World) -> SessionId {
    w.sign_in("ben");
    let amy = w.sign_in("amy");
    w.send(amy, signal(to("ben"), "c1", &invitation("i1", "amy", &["ben"], None)));
    amy
}

#[test]
fn an_open_invitation_rings_a_late_device_until_it_times_out() {
    let mut w = World::new();
    called(&mut w);
    assert_eq!(ringing(&mut w, "ben", "late"), 1);
    assert_eq!(ringing(&mut w, "cat", "c"), 0);
    w.pass(29);
    assert_eq!(ringing(&mut w, "ben", "later"), 1);
    w.pass(1);
    assert_eq!(ringing(&mut w, "ben", "too-late"), 0, "its own time-out is 30 s");
}

#[test]
fn an_answered_or_cancelled_invitation_rings_no_more() {
    let invite = invitation("i1", "amy", &["ben"], None);
    let open = vec![user("ben")];
    let answers = [
        (invite.accept(user("ben")), "ben"),
        (invite.reject(user("ben")), "ben"),
        (invite.time_out(open.clone()), "ben"),
        (invite.cancel(open), "amy"),
    ];
    for (answer, by) in answers {
        for online in [false, true] {
            let mut w = World::new();
            called(&mut w);
            let session = w.sign_in(by);
            let peer = if by == "ben" { "amy" } else { "ben" };
            let send = signal(to(peer), "c2", &answer);
            w.send(session, if online { only_online(send) } else { send });
            assert_eq!(ringing(&mut w, "ben", "late"), 0, "{:?}, stored nowhere: {online}", answer.envelope.action);
        }
    }
}

#[test]
fn a_stranger_does_not_answer_for_the_invited() {
    let mut w = World::new();
    called(&mut w);
    let eve = w.sign_in("eve");
    let forged = invitation("i1", "amy", &["ben"], None).reject(user("ben"));
    w.send(eve, signal(to("amy"), "c2", &forged));
    assert_eq!(ringing(&mut w, "ben", "late"), 1);
}

/// The invitation's message as clients modify it before they answer: its data is marked as consumed.
fn consumed(message: &Message) -> ModifyMessage {
    let mut envelope: Value = serde_json::from_str(message.payload["data"].as_str().unwrap()).unwrap();
    let mut data: Value = serde_json::from_str(envelope["data"].as_str().unwrap()).unwrap();
    data["data"]["consumed"] = json!(true);
    envelope["data"] = json!(data.to_string());
    let payload = json!({ "data": envelope.to_string(), "description": "", "extension": "" });
    let payload = Some(payload.as_object().unwrap().clone());
    ModifyMessage { id: message.id.clone(), payload, cloud_custom_data: None }
}

#[test]
fn a_consumed_invitation_rings_no_more() {
    for by in ["amy", "ben"] {
        let mut w = World::new();
        let amy = called(&mut w);
        let message = w.history(amy, to("ben")).remove(0);
        let modify = consumed(&message);
        let text = modify.payload.as_ref().unwrap()["data"].as_str().unwrap().to_owned();
        assert!(Signal::parse(&text).unwrap().data.consumed);
        let session = w.sign_in(by);
        w.ask(session, Request::ModifyMessage(modify)).expect("is modified");
        assert_eq!(ringing(&mut w, "ben", "late"), 0, "consumed by {by}");
    }
}

#[test]
fn a_revoked_invitation_rings_no_more() {
    let mut w = World::new();
    let amy = called(&mut w);
    let id = w.history(amy, to("ben")).remove(0).id;
    w.ask(amy, Request::RevokeMessage { id }).expect("is revoked");
    assert_eq!(ringing(&mut w, "ben", "late"), 0);
}

#[test]
fn an_answer_in_a_group_stops_only_the_ringing_of_who_answered() {
    let mut w = World::new();
    for name in ["ben", "cat", "dan"] {
        w.sign_in(name);
    }
    let amy = w.sign_in("amy");
    let create = carillon_proto::gateway::CreateGroup {
        group: Some(group("team")),
        kind: None,
        name: "Team".into(),
        avatar: String::new(),
        members: vec![user("ben"), user("cat")],
    };
    w.ask(amy, Request::CreateGroup(create)).expect("is made");
    let invite = invitation("g1", "amy", &["ben", "cat", "dan"], Some(group("team")));
    w.send(amy, signal(to_group("team"), "c1", &invite));
    assert_eq!(rings(&mut w, ["ben", "cat", "dan"]), [1, 1, 0], "dan is no member, whatever the list says");
    let ben = w.sign_in("ben");
    w.send(ben, signal(to_group("team"), "c2", &invite.accept(user("ben"))));
    assert_eq!(rings(&mut w, ["ben", "cat", "dan"]), [0, 1, 0]);
    w.send(amy, signal(to_group("team"), "c3", &invite.cancel(vec![user("cat")])));
    assert_eq!(rings(&mut w, ["ben", "cat", "dan"]), [0, 0, 0]);
}

fn rings(w: &mut World, names: [&str; 3]) -> [usize; 3] {
    names.map(|name| {
        let (session, snapshot) = w.join(name, device("late"));
        w.sign_out(session);
        snapshot.open_invitations.len()
    })
}

#[test]
fn notices_in_the_form_of_an_invitation_ring_nobody() {
    let mut w = World::new();
    w.sign_in("ben");
    let amy = w.sign_in("amy");
    let room = carillon_proto::id::RoomId::Number(7);
    let switch = Signal::switch_to_audio(
        invitation("s1", "amy", &["ben"], None).envelope.invite,
        user("amy"),
        user("ben"),
        room,
    );
    w.send(amy, signal(to("ben"), "c1", &switch));
    assert_eq!(ringing(&mut w, "ben", "late"), 0);
}

#[test]
fn a_forged_inviter_rings_no_late_device() {
    let mut w = World::new();
    w.sign_in("ben");
    let eve = w.sign_in("eve");
    w.send(eve, signal(to("ben"), "c1", &invitation("i1", "amy", &["ben"], None)));
    assert_eq!(ringing(&mut w, "ben", "late"), 0);
}

#[test]
fn the_devices_that_were_there_are_not_rung_a_second_time() {
    let mut w = World::new();
    let ben = w.sign_in("ben");
    let amy = w.sign_in("amy");
    let sent = w.send(amy, signal(to("ben"), "c1", &invitation("i1", "amy", &["ben"], None)));
    assert_eq!(w.ids(ben), std::slice::from_ref(&sent.id));
    let (late, snapshot) = w.join("ben", device("late"));
    assert_eq!(snapshot.open_invitations.iter().map(|m| m.id.clone()).collect::<Vec<_>>(), [sent.id]);
    assert!(!w.said.iter().any(|output| matches!(output, Output::Push { .. })));
    w.pass(10);
    assert_eq!((w.events(ben), w.events(late)), (Vec::new(), Vec::new()));
}

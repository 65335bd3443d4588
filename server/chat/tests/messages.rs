//! Messages: each once, in order, to whom it concerns.

#![allow(clippy::unwrap_used)]

mod world;

use carillon_chat::Output;
use carillon_proto::gateway::{Device, Event, ModifyMessage, Request, SendMessage, SendOptions, Sync, code};
use serde_json::json;
use world::*;

fn only_online(send: SendMessage) -> SendMessage {
    SendMessage { options: SendOptions { online_only: true, ..SendOptions::default() }, ..send }
}

fn sharing(id: &str) -> Device {
    Device { sync: Sync::All, ..device(id) }
}

#[test]
fn each_device_of_the_receiver_gets_each_message_once_and_in_order() {
    let mut w = World::new();
    let (amy, ben, ben2) = (w.sign_in("amy"), w.sign_in("ben"), w.sign_in("ben"));
    let sent: Vec<_> = (0..20).map(|n| w.send(amy, text(to("ben"), &format!("c{n}")))).collect();
    assert_eq!(sent.iter().map(|m| m.seq).collect::<Vec<_>>(), (1..=20).collect::<Vec<_>>());
    assert_eq!(w.messages(ben), sent);
    assert_eq!(w.messages(ben2), sent);
    assert_eq!(w.messages(amy), [], "the sending device has the reply");
    assert_eq!(w.history(ben, to("amy")), sent);
}

#[test]
fn own_other_devices_get_invitations_only_where_they_want_them() {
    let mut w = World::new();
    let (amy, _) = w.join("amy", device("a"));
    let (quiet, _) = w.join("amy", device("b"));
    let (whole, _) = w.join("amy", sharing("c"));
    w.sign_in("ben");
    let call = w.send(amy, signal(to("ben"), "c1", &invitation("i1", "amy", &["ben"], None)));
    let hello = w.send(amy, text(to("ben"), "c2"));
    assert_eq!(w.ids(quiet), std::slice::from_ref(&hello.id));
    assert_eq!(w.ids(whole), [call.id, hello.id]);
}

#[test]
fn own_other_devices_get_answers() {
    let mut w = World::new();
    let (amy, ben, ben2) = (w.sign_in("amy"), w.sign_in("ben"), w.sign_in("ben"));
    let invite = invitation("i1", "amy", &["ben"], None);
    w.send(amy, signal(to("ben"), "c1", &invite));
    w.events(ben2);
    let accept = w.send(ben, signal(to("amy"), "c2", &invite.accept(user("ben"))));
    assert_eq!(w.ids(ben2), [accept.id]);
}

#[test]
fn a_repeated_client_id_gives_the_same_message_and_no_second_push() {
    for send in [text(to("ben"), "c1"), only_online(text(to("ben"), "c1"))] {
        let mut w = World::new();
        let (amy, amy2, ben) = (w.sign_in("amy"), w.sign_in("amy"), w.sign_in("ben"));
        let first = w.send(amy, send.clone());
        assert_eq!(w.send(amy, send.clone()), first);
        assert_eq!(w.send(amy2, send), first);
        assert!(!w.said.iter().any(|o| matches!(o, Output::Accepted { .. } | Output::Push { .. })));
        assert_eq!(w.messages(ben), [first]);
    }
}

#[test]
fn a_message_for_those_online_is_not_stored() {
    let mut w = World::new();
    let (amy, ben) = (w.sign_in("amy"), w.sign_in("ben"));
    let sent = w.send(amy, only_online(text(to("ben"), "c1")));
    assert_eq!(sent.seq, 0);
    assert_eq!(w.messages(ben), [sent]);
    assert_eq!(w.history(ben, to("amy")), []);
}

#[test]
fn an_unknown_receiver_is_refused() {
    let mut w = World::new();
    let amy = w.sign_in("amy");
    assert_eq!(w.code(amy, Request::SendMessage(text(to("nobody"), "c1"))), code::INVALID_USER);
    assert_eq!(w.code(amy, Request::SendMessage(text(to_group("none"), "c2"))), code::NOT_MEMBER);
}

#[test]
fn a_foreign_app_sees_nothing() {
    let mut w = World::new();
    let (amy, ben, foreign) = (w.sign_in("amy"), w.sign_in("ben"), w.foreigner("ben"));
    let sent = w.send(amy, text(to("ben"), "c1"));
    assert_eq!(w.ids(ben), std::slice::from_ref(&sent.id));
    assert_eq!(w.events(foreign), []);
    assert_eq!(w.history(foreign, to("amy")), []);
    assert_eq!(w.code(foreign, Request::RevokeMessage { id: sent.id }), code::NOT_FOUND);
    assert_eq!(w.code(foreign, Request::SendMessage(text(to("amy"), "c2"))), code::INVALID_USER);
    assert_eq!(w.ask(foreign, Request::FindUser { user: "amy".into() }), Ok(json!({ "profile": null })));
}

#[test]
fn what_is_too_large_or_ill_formed_is_refused() {
    let mut w = World::new();
    let (amy, _ben) = (w.sign_in("amy"), w.sign_in("ben"));
    let good = text(to("ben"), "c1");
    let huge = json!({ "text": "x".repeat(12_288) }).as_object().unwrap().clone();
    let cases = [
        (SendMessage { payload: huge, ..good.clone() }, code::TOO_LARGE),
        (SendMessage { cloud_custom_data: "x".repeat(4_097), ..good.clone() }, code::TOO_LARGE),
        (SendMessage { client_id: String::new(), ..good.clone() }, code::BAD_REQUEST),
        (SendMessage { client_id: "x".repeat(65), ..good.clone() }, code::BAD_REQUEST),
        (SendMessage { kind: "tip".into(), ..good.clone() }, code::BAD_REQUEST),
        (SendMessage { kind: String::new(), ..good }, code::BAD_REQUEST),
    ];
    for (send, expected) in cases {
        assert_eq!(w.code(amy, Request::SendMessage(send)), expected);
    }
}

#[test]
fn who_sends_too_fast_waits() {
    let mut w = World::new();
    let (amy, ben) = (w.sign_in("amy"), w.sign_in("ben"));
    for n in 0..100 {
        w.send(amy, text(to("ben"), &format!("c{n}")));
    }
    assert_eq!(w.code(amy, Request::SendMessage(text(to("ben"), "more"))), code::OVERLOADED);
    w.send(ben, text(to("amy"), "ben's own rate"));
    w.pass(1);
    w.send(amy, text(to("ben"), "more"));
}

#[test]
fn sender_and_receiver_modify_and_all_devices_learn_it() {
    let mut w = World::new();
    let (amy, ben, ben2, eve) = (w.sign_in("amy"), w.sign_in("ben"), w.sign_in("ben"), w.sign_in("eve"));
    let sent = w.send(amy, text(to("ben"), "c1"));
    w.inbox.clear();
    let modify = ModifyMessage { id: sent.id.clone(), payload: None, cloud_custom_data: Some("seen".into()) };
    w.ask(ben, Request::ModifyMessage(modify.clone())).expect("the receiver may");
    for session in [amy, ben2] {
        let events = w.events(session);
        assert!(matches!(&events[..], [Event::MessageModified(m)] if m.cloud_custom_data == "seen" && m.modified == 1));
    }
    assert_eq!(w.code(eve, Request::ModifyMessage(modify)), code::NOT_FOUND);
    assert_eq!(w.history(amy, to("ben"))[0].payload, sent.payload);
}

#[test]
fn only_the_sender_revokes_and_nothing_of_it_stays() {
    let mut w = World::new();
    let (amy, ben) = (w.sign_in("amy"), w.sign_in("ben"));
    let id = w.send(amy, text(to("ben"), "c1")).id;
    assert_eq!(w.code(ben, Request::RevokeMessage { id: id.clone() }), code::FORBIDDEN);
    w.inbox.clear();
    w.ask(amy, Request::RevokeMessage { id: id.clone() }).expect("is revoked");
    assert_eq!(w.events(ben), [Event::MessageRevoked { id, with: to("amy") }]);
    let left = w.history(ben, to("amy")).remove(0);
    assert!(left.revoked && left.payload.is_empty());
}

#[test]
fn a_store_failure_undoes_a_whole_command() {
    for online in [false, true] {
        let mut w = World::with(
            Default::default(),
            carillon_config::chat::Chat { create_users_on_message: true, ..Default::default() },
        );
        let (amy, ben) = (w.sign_in("amy"), w.sign_in("ben"));
        let send = text(to("ben"), "c1");
        let send = if online { only_online(text(to("new"), "c1")) } else { send };
        for writes in 0..(if online { 1 } else { 3 }) {
            w.store.fail_after(Some(writes));
            assert_eq!(w.code(amy, Request::SendMessage(send.clone())), code::INTERNAL);
            assert!(!w.said.iter().any(|o| matches!(o, Output::Accepted { .. } | Output::Push { .. })));
        }
        w.store.fail_after(None);
        assert_eq!(w.history(ben, to("amy")), []);
        w.send(amy, send);
        assert!(w.said.iter().any(|o| matches!(o, Output::Accepted { .. })), "sent again, it goes out");
    }
}

//! Groups: who is in, what they see, what only the server may write.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod world;

use carillon_chat::{Command, SessionId};
use carillon_proto::gateway::{Conversation, CreateGroup, Event, Message, ModifyMessage, Peer, Request, code};
use serde_json::json;
use std::collections::BTreeMap;
use world::*;

fn create(w: &mut World, session: SessionId, kind: &str, members: &[&str]) {
    let members = members.iter().map(|name| user(name)).collect();
    let (kind, name, avatar) = (Some(kind.to_owned()), "Team".to_owned(), String::new());
    let create = CreateGroup { group: Some(group("team")), kind, name, avatar, members };
    w.ask(session, Request::CreateGroup(create)).expect("is made");
}

fn attributes(key: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(key.to_owned(), value.to_owned())])
}

fn tips(messages: &[Message]) -> Vec<String> {
    let tip = |m: &&Message| m.kind == "tip";
    messages.iter().filter(tip).map(|m| m.payload["what"].as_str().unwrap().to_owned()).collect()
}

fn conversation(w: &mut World, session: SessionId) -> Vec<Conversation> {
    let value = w.ask(session, Request::ListConversations {}).expect("a list");
    serde_json::from_value(value["conversations"].clone()).unwrap()
}

#[test]
fn members_get_each_message_once_and_others_none() {
    let mut w = World::new();
    let (amy, ben, eve) = (w.sign_in("amy"), w.sign_in("ben"), w.sign_in("eve"));
    create(&mut w, amy, "Private", &["ben"]);
    assert_eq!(tips(&w.messages(ben)), ["join"]);
    let sent = w.send(amy, text(to_group("team"), "c1"));
    assert_eq!(w.ids(ben), [sent.id]);
    assert_eq!(w.events(eve), []);
    assert_eq!(w.code(eve, Request::SendMessage(text(to_group("team"), "c2"))), code::NOT_MEMBER);
}

#[test]
fn a_private_group_is_not_joined_and_an_open_one_is() {
    for (kind, expected) in [("Private", Err(code::FORBIDDEN)), ("Public", Ok(())), ("ChatRoom", Ok(()))] {
        let mut w = World::new();
        let (amy, ben) = (w.sign_in("amy"), w.sign_in("ben"));
        create(&mut w, amy, kind, &[]);
        let joined = w.ask(ben, Request::JoinGroup { group: group("team") });
        assert_eq!(joined.map(|_| ()).map_err(|e| e.code), expected);
    }
}

#[test]
fn who_comes_later_neither_reads_the_past_nor_learns_its_changes() {
    let mut w = World::new();
    let (amy, ben) = (w.sign_in("amy"), w.sign_in("ben"));
    create(&mut w, amy, "Public", &[]);
    let old = w.send(amy, text(to_group("team"), "c1"));
    w.ask(ben, Request::JoinGroup { group: group("team") }).expect("joins");
    w.events(ben);
    let modify = ModifyMessage { id: old.id, payload: None, cloud_custom_data: Some("x".into()) };
    w.ask(amy, Request::ModifyMessage(modify)).expect("is modified");
    assert_eq!(w.events(ben), []);
    assert_eq!(tips(&w.history(ben, to_group("team"))), ["join"]);
    assert_eq!(w.history(ben, to_group("team")).len(), 1);
}

#[test]
fn the_servers_attributes_are_refused_to_clients() {
    let mut w = World::new();
    let (amy, ben) = (w.sign_in("amy"), w.sign_in("ben"));
    create(&mut w, amy, "Public", &["ben"]);
    let set = |attributes, replace| Request::SetAttributes { group: group("team"), attributes, replace };
    assert_eq!(w.code(amy, set(attributes("inner_attr_kit_info", "x"), false)), code::FORBIDDEN);
    let (key, value) = ("inner_attr_kit_info".to_owned(), Some("call".to_owned()));
    w.command(Command::SetGroupAttribute { app: APP, group: group("team"), key, value });
    let all = attributes("inner_attr_kit_info", "call");
    assert_eq!(w.events(ben).pop(), Some(Event::GroupAttributes { group: group("team"), attributes: all }));
    w.ask(amy, set(attributes("mine", "1"), true)).expect("sets");
    let delete = Request::DeleteAttributes { group: group("team"), keys: Vec::new() };
    assert_eq!(w.ask(amy, delete), Ok(json!({ "attributes": { "inner_attr_kit_info": "call" } })));
}

#[test]
fn only_the_owner_dismisses_and_a_new_group_of_the_name_starts_empty() {
    let mut w = World::new();
    let (amy, ben) = (w.sign_in("amy"), w.sign_in("ben"));
    create(&mut w, amy, "ChatRoom", &["ben"]);
    w.send(amy, text(to_group("team"), "c1"));
    assert_eq!(w.code(ben, Request::DismissGroup { group: group("team") }), code::FORBIDDEN);
    w.events(ben);
    w.ask(amy, Request::DismissGroup { group: group("team") }).expect("is dismissed");
    assert_eq!(w.events(ben), [Event::GroupChanged { group: group("team"), info: None }]);
    assert_eq!(w.code(ben, Request::SendMessage(text(to_group("team"), "c2"))), code::NOT_MEMBER);
    create(&mut w, ben, "ChatRoom", &[]);
    assert_eq!(w.history(ben, to_group("team")), []);
}

#[test]
fn unread_messages_are_counted_until_they_are_read() {
    let mut w = World::new();
    let (amy, ben, ben2) = (w.sign_in("amy"), w.sign_in("ben"), w.sign_in("ben"));
    create(&mut w, amy, "Public", &["ben"]);
    for (n, peer) in [to_group("team"), to("ben"), to("ben")].into_iter().enumerate() {
        w.pass(1);
        w.send(amy, text(peer, &format!("c{n}")));
    }
    let unread = |w: &mut World| conversation(w, ben).iter().map(|c| (c.with.clone(), c.unread)).collect::<Vec<_>>();
    assert_eq!(unread(&mut w), [(to("amy"), 2), (to_group("team"), 1)]);
    w.inbox.clear();
    w.ask(ben, Request::MarkRead { with: to("amy"), seq: Some(1) }).expect("is read");
    assert_eq!(unread(&mut w), [(to("amy"), 1), (to_group("team"), 1)]);
    let read = |with: Peer| Event::MessageRead { with, by: user("ben"), seq: 1 };
    assert_eq!((w.events(amy), w.events(ben2)), (vec![read(to("ben"))], vec![read(to("amy"))]));
    w.ask(ben, Request::DeleteConversation { with: to("amy") }).expect("is hidden");
    assert_eq!(unread(&mut w), [(to_group("team"), 1)]);
    w.send(amy, text(to("ben"), "again"));
    assert_eq!(unread(&mut w).len(), 2, "the next message brings it back");
}

#[test]
fn pages_of_history_join_without_gap_or_overlap() {
    let mut w = World::new();
    let (amy, _ben) = (w.sign_in("amy"), w.sign_in("ben"));
    let sent: Vec<u64> = (0..25).map(|n| w.send(amy, text(to("ben"), &format!("c{n}"))).seq).collect();
    let (mut seen, mut before, mut complete) = (Vec::new(), None, false);
    while !complete {
        let value = w.ask(amy, Request::ListMessages { with: to("ben"), before, limit: Some(10) }).expect("a page");
        let page: Vec<Message> = serde_json::from_value(value["messages"].clone()).unwrap();
        before = page.first().map(|m| m.seq);
        complete = value["complete"].as_bool().unwrap();
        seen.splice(0..0, page.iter().map(|m| m.seq));
    }
    assert_eq!(seen, sent);
}

#[test]
fn a_watcher_learns_comings_goings_and_texts() {
    let mut w = World::new();
    let amy = w.sign_in("amy");
    w.ask(amy, Request::WatchStatus { users: vec![user("ben")] }).expect("watches");
    let ben = w.sign_in("ben");
    w.ask(ben, Request::SetStatus { custom: "busy".into() }).expect("is set");
    w.sign_out(ben);
    let seen = w.events(amy).into_iter().map(|event| match event {
        Event::StatusChanged(status) => (status.online, status.custom),
        other => panic!("{other:?}"),
    });
    let expected = [(true, ""), (true, "busy"), (false, "")].map(|(online, text)| (online, text.to_owned()));
    assert_eq!(seen.collect::<Vec<_>>(), expected);
    w.ask(amy, Request::UnwatchStatus { users: Vec::new() }).expect("stops");
    w.sign_in("ben");
    assert_eq!(w.events(amy), []);
}

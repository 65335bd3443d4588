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

/// What a device was told of its groups, shortly: the owner and how many members; none: it is in it no more.
fn groups_told(w: &mut World, session: SessionId) -> Vec<Option<(String, u32)>> {
    let told = |event| match event {
        Event::GroupChanged { info, .. } => Some(info.map(|info| (info.owner.to_string(), info.member_count))),
        _ => None,
    };
    w.events(session).into_iter().filter_map(told).collect()
}

#[test]
fn ones_own_other_devices_learn_of_a_group_made_joined_and_left() {
    let mut w = World::new();
    let (amy, amy2, ben, ben2) = (w.sign_in("amy"), w.sign_in("amy"), w.sign_in("ben"), w.sign_in("ben"));
    create(&mut w, amy, "Public", &[]);
    assert_eq!((groups_told(&mut w, amy), groups_told(&mut w, amy2)), (vec![], vec![Some(("amy".into(), 1))]));
    w.ask(ben, Request::JoinGroup { group: group("team") }).expect("joins");
    assert_eq!((groups_told(&mut w, ben), groups_told(&mut w, ben2)), (vec![], vec![Some(("amy".into(), 2))]));
    w.ask(ben, Request::JoinGroup { group: group("team") }).expect("is in it already");
    assert_eq!(groups_told(&mut w, ben2), []);
    w.ask(ben, Request::LeaveGroup { group: group("team") }).expect("leaves");
    assert_eq!((groups_told(&mut w, ben), groups_told(&mut w, ben2)), (vec![], vec![None]));
    assert_eq!(w.code(ben, Request::LeaveGroup { group: group("team") }), code::NOT_MEMBER);
}

#[test]
fn who_is_invited_learns_it_on_all_devices_and_the_others_by_a_tip() {
    let mut w = World::new();
    let (amy, cat, ben, ben2) = (w.sign_in("amy"), w.sign_in("cat"), w.sign_in("ben"), w.sign_in("ben"));
    create(&mut w, amy, "Private", &["cat"]);
    w.inbox.clear();
    let users = ["ben", "cat", "nobody"].map(user).to_vec();
    let invite = Request::InviteToGroup { group: group("team"), users };
    assert_eq!(w.code(ben, invite.clone()), code::NOT_MEMBER);
    assert_eq!(w.ask(cat, invite), Ok(json!({ "added": ["ben"], "failed": ["nobody"] })), "any member may");
    for session in [ben, ben2] {
        assert_eq!(groups_told(&mut w, session), [Some(("amy".into(), 3))]);
    }
    assert_eq!(tips(&w.messages(amy)), ["join"]);
}

#[test]
fn the_owner_removes_and_the_removed_sees_nothing_more() {
    let mut w = World::new();
    let (amy, ben, ben2, cat) = (w.sign_in("amy"), w.sign_in("ben"), w.sign_in("ben"), w.sign_in("cat"));
    create(&mut w, amy, "Public", &["ben", "cat"]);
    w.inbox.clear();
    let remove = |name| Request::RemoveFromGroup { group: group("team"), users: vec![user(name), user("amy")] };
    assert_eq!(w.code(cat, remove("ben")), code::FORBIDDEN);
    assert_eq!(w.ask(amy, remove("ben")), Ok(json!({ "removed": ["ben"] })), "the owner leaves by leaving");
    assert_eq!((groups_told(&mut w, ben), groups_told(&mut w, ben2)), (vec![None], vec![None]));
    assert_eq!(tips(&w.messages(cat)), ["remove"]);
    w.send(amy, text(to_group("team"), "c1"));
    assert_eq!(w.events(ben), []);
    assert_eq!(w.code(ben, Request::SendMessage(text(to_group("team"), "c2"))), code::NOT_MEMBER);
    assert_eq!(conversation(&mut w, ben), []);
}

#[test]
fn the_longest_member_inherits_and_everybody_is_told() {
    let mut w = World::new();
    let (amy, cat, ben, ben2) = (w.sign_in("amy"), w.sign_in("cat"), w.sign_in("ben"), w.sign_in("ben"));
    create(&mut w, amy, "Public", &[]);
    for session in [cat, ben] {
        w.pass(1);
        w.ask(session, Request::JoinGroup { group: group("team") }).expect("joins");
    }
    w.inbox.clear();
    w.ask(amy, Request::LeaveGroup { group: group("team") }).expect("leaves");
    for session in [cat, ben, ben2] {
        assert_eq!(groups_told(&mut w, session), [Some(("cat".into(), 2))]);
    }
    let value = w.ask(ben, Request::ListMembers { group: group("team"), offset: 0, limit: None }).expect("members");
    let roles: Vec<_> = value["members"].as_array().unwrap().iter().map(|m| (&m["user"], &m["role"])).collect();
    assert_eq!(roles, [(&json!("cat"), &json!("owner")), (&json!("ben"), &json!("member"))]);
    assert_eq!(w.code(ben, Request::DismissGroup { group: group("team") }), code::FORBIDDEN);
    w.ask(cat, Request::DismissGroup { group: group("team") }).expect("the heir may");
}

#[test]
fn a_group_without_members_is_gone() {
    let mut w = World::new();
    let amy = w.sign_in("amy");
    create(&mut w, amy, "Public", &[]);
    w.ask(amy, Request::LeaveGroup { group: group("team") }).expect("leaves");
    assert_eq!(w.ask(amy, Request::FindGroup { group: "team".into() }), Ok(json!({ "group": null })));
    assert_eq!(w.code(amy, Request::JoinGroup { group: group("team") }), code::NOT_FOUND);
}

#[test]
fn only_the_owner_changes_the_group_and_all_are_told() {
    let mut w = World::new();
    let (amy, amy2, ben) = (w.sign_in("amy"), w.sign_in("amy"), w.sign_in("ben"));
    create(&mut w, amy, "Public", &["ben"]);
    w.inbox.clear();
    let set = Request::SetGroup {
        group: group("team"),
        name: Some("Crew".into()),
        avatar: None,
        introduction: None,
        notification: Some("at nine".into()),
    };
    assert_eq!(w.code(ben, set.clone()), code::FORBIDDEN);
    let answer = w.ask(amy, set).expect("is set");
    assert_eq!((&answer["group"]["name"], &answer["group"]["notification"]), (&json!("Crew"), &json!("at nine")));
    for session in [amy2, ben] {
        let events = w.events(session);
        assert!(matches!(&events[..], [Event::GroupChanged { info: Some(info), .. }] if info.name == "Crew"));
    }
    assert_eq!(w.events(amy), []);
}

#[test]
fn only_members_read_attributes_members_and_history() {
    let mut w = World::new();
    let (amy, eve, foreign) = (w.sign_in("amy"), w.sign_in("eve"), w.foreigner("amy"));
    create(&mut w, amy, "Public", &[]);
    w.send(amy, text(to_group("team"), "c1"));
    let set = Request::SetAttributes { group: group("team"), attributes: attributes("k", "v"), replace: false };
    w.ask(amy, set.clone()).expect("sets");
    let requests = [
        Request::GetAttributes { group: group("team"), keys: Vec::new() },
        Request::GetGroup { group: group("team") },
        Request::ListMembers { group: group("team"), offset: 0, limit: None },
        Request::GetMembers { group: group("team"), users: vec!["amy".into()] },
        Request::ListMessages { with: to_group("team"), before: None, limit: None },
        Request::MarkRead { with: to_group("team"), seq: None },
        Request::DeleteConversation { with: to_group("team") },
        Request::DeleteAttributes { group: group("team"), keys: Vec::new() },
        set,
    ];
    for request in requests {
        w.ask(amy, request.clone()).expect("a member may");
        assert_eq!(w.code(eve, request.clone()), code::NOT_MEMBER, "{request:?}");
        assert_eq!(w.code(foreign, request.clone()), code::NOT_MEMBER, "{request:?}");
    }
    let found = w.ask(eve, Request::FindGroup { group: "team".into() }).expect("is found by its id");
    assert_eq!(found["group"]["attributes"], json!({}), "but nothing more is shown");
    assert_eq!(w.events(eve), []);
}

#[test]
fn some_attributes_are_asked_for_by_key() {
    let mut w = World::new();
    let (amy, ben) = (w.sign_in("amy"), w.sign_in("ben"));
    create(&mut w, amy, "Public", &["ben"]);
    for (key, value) in [("a", "1"), ("b", "2")] {
        let set = Request::SetAttributes { group: group("team"), attributes: attributes(key, value), replace: false };
        w.ask(ben, set).expect("any member sets");
    }
    let get = |keys: &[&str]| Request::GetAttributes {
        group: group("team"),
        keys: keys.iter().map(|k| (*k).to_owned()).collect(),
    };
    assert_eq!(w.ask(amy, get(&["b", "z"])), Ok(json!({ "attributes": { "b": "2" } })));
    let delete = Request::DeleteAttributes { group: group("team"), keys: vec!["a".into()] };
    assert_eq!(w.ask(amy, delete), Ok(json!({ "attributes": { "b": "2" } })));
    assert_eq!(
        w.events(ben).pop(),
        Some(Event::GroupAttributes { group: group("team"), attributes: attributes("b", "2") })
    );
}

#[test]
fn a_group_and_its_requests_are_bounded() {
    let config = carillon_config::chat::Chat {
        group_members_max: 2,
        groups_per_user_max: 1,
        members_per_request_max: 3,
        attributes_max: 1,
        ..Default::default()
    };
    let mut w = World::with(Default::default(), config);
    let (amy, ben, cat) = (w.sign_in("amy"), w.sign_in("ben"), w.sign_in("cat"));
    create(&mut w, amy, "Public", &["ben"]);
    assert_eq!(w.code(cat, Request::JoinGroup { group: group("team") }), code::LIMIT_REACHED);
    let users = ["a", "b", "c", "d"].map(user).to_vec();
    assert_eq!(w.code(amy, Request::InviteToGroup { group: group("team"), users }), code::LIMIT_REACHED);
    let (name, avatar) = ("x".repeat(101), String::new());
    let second = CreateGroup { group: None, kind: None, name, avatar, members: Vec::new() };
    assert_eq!(w.code(cat, Request::CreateGroup(second.clone())), code::TOO_LARGE);
    let second = CreateGroup { name: "second".into(), ..second };
    assert_eq!(w.code(ben, Request::CreateGroup(second.clone())), code::LIMIT_REACHED);
    assert_eq!(
        w.code(cat, Request::CreateGroup(CreateGroup { group: Some(group("team")), ..second })),
        code::ALREADY_EXISTS
    );
    let both = BTreeMap::from([("a".to_owned(), String::new()), ("b".to_owned(), String::new())]);
    let set = Request::SetAttributes { group: group("team"), attributes: both, replace: false };
    assert_eq!(w.code(amy, set), code::LIMIT_REACHED);
}

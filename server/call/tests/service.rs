//! Calls made by verbs: the server writes the invitations, knows who is busy, and tells who did what.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod world;

use carillon_call::{Ask, SessionState};
use carillon_proto::call::{Action, Meaning};
use carillon_proto::gateway::{
    CallAnswer, CallPhase, CallResult, ErrorBody, InviteToCall, MediaType, Peer, Ring, StartCall, code,
};
use carillon_proto::id::{CallId, RoomId};
use serde_json::Value;
use world::*;

fn id(name: &str) -> CallId {
    CallId::new(name).unwrap()
}

fn start_in(room: RoomId, name: &str, users: &[&str]) -> Ask {
    let group = (users.len() > 1).then(team);
    let users = users.iter().map(|name| user(name)).collect();
    let ring = Ring { timeout_ms: Some(30_000), user_data: "hello".into(), ..Ring::default() };
    Ask::Start(Box::new(StartCall { call: id(name), users, group, room, media: MediaType::Video, ring }))
}

fn start(name: &str, users: &[&str]) -> Ask {
    start_in(ROOM, name, users)
}

fn more(call: &str, invite: &str, users: &[&str]) -> Ask {
    let users = users.iter().map(|name| user(name)).collect();
    Ask::Invite(Box::new(InviteToCall { call: id(call), invite: invite_id(invite), users, ring: Ring::default() }))
}

fn answer(call: &str, answer: CallAnswer) -> Ask {
    Ask::Answer { call: id(call), answer }
}

fn hang_up(call: &str) -> Ask {
    Ask::HangUp { call: id(call) }
}

/// Each user asked and what came of it.
fn asked(reply: &Value) -> Vec<String> {
    let users = reply["users"].as_array().unwrap().iter();
    users.map(|one| format!("{} {}", one["user"].as_str().unwrap(), one["result"].as_str().unwrap())).collect()
}

/// In whose name, what and to whom the server wrote since the last look.
fn words(w: &mut World) -> Vec<String> {
    let written = w.written().into_iter();
    written
        .map(|(from, to, signal)| {
            let to = match to {
                Peer::User(user) => user.as_str().to_owned(),
                Peer::Group(group) => format!("@{}", group.as_str()),
            };
            let who: Vec<&str> = signal.envelope.invitees.iter().map(|user| user.as_str()).collect();
            format!("{from} {:?} {} to {to}", signal.envelope.action, who.join("+"))
        })
        .collect()
}

#[test]
fn call_of_two_rings_the_older_engines_and_is_talked_in() {
    let mut w = World::new();
    w.enter("amy").unwrap();
    let reply = w.verb("amy", start("c1", &["ben"])).unwrap();
    assert_eq!((reply["call"]["call"].as_str(), asked(&reply)), (Some("c1"), vec!["ben rings".to_owned()]));
    let (from, to, invite) = w.written().remove(0);
    assert_eq!((from.as_str(), to, invite.envelope.action), ("amy", Peer::User(user("ben")), Action::Invite));
    assert_eq!((invite.envelope.timeout.0, invite.data.user_data.as_str()), (30, "hello"));
    assert!(invite.data.exclude_from_history, "the end of a call of two is its one line of history");
    w.told.clear();
    w.enter("ben").unwrap();
    w.send("ben", "amy", &invite.accept(user("ben")));
    assert_eq!(w.told("amy"), ["+ben", "ben Answer", "call connected"]);
    assert_eq!(w.told("ben"), ["call connected"], "who answers by a message is told by messages");
    assert_eq!(w.verb("amy", hang_up("c1")).unwrap()["call"]["result"], "NormalEnd");
    assert_eq!(w.told("amy"), ["amy HangUp", "call NormalEnd"]);
    w.leave("amy").unwrap();
    w.leave("ben").unwrap();
    assert_eq!((w.results(), words(&mut w)), (vec![CallResult::NormalEnd], vec![]));
    w.assert_quiet();
}

#[test]
fn history_has_one_line_of_how_long_a_talk_was() {
    for (leaves, line) in [("ben", vec!["amy Invite ben to ben"]), ("amy", vec![])] {
        let mut w = World::new();
        w.enter("amy").unwrap();
        w.verb("amy", start("c1", &["ben"])).unwrap();
        let (_, _, invite) = w.written().remove(0);
        w.enter("ben").unwrap();
        w.send("ben", "amy", &invite.accept(user("ben")));
        w.wait(secs(37));
        w.leave(leaves).unwrap();
        let written = w.written.clone();
        assert_eq!(words(&mut w), line, "who answered by a message writes it by itself");
        if let Some((_, message)) = written.first() {
            let signal = carillon_proto::call::Signal::parse(message.payload["data"].as_str().unwrap()).unwrap();
            assert_eq!((signal.data.meaning(), signal.data.call_end), (Meaning::HangUp, Some(37)));
            assert_eq!(signal.envelope.timeout.0, 0, "it must not ring");
        }
        assert_eq!(w.records.len(), 1);
    }
}

#[test]
fn both_sides_by_verbs_write_what_the_others_devices_read() {
    let mut w = World::new();
    w.enter("amy").unwrap();
    w.verb("amy", start("c1", &["ben"])).unwrap();
    w.enter("ben").unwrap();
    let reply = w.verb("ben", answer("c1", CallAnswer::Accept)).unwrap();
    assert_eq!(reply["call"]["state"], "connected");
    assert_eq!(words(&mut w), ["amy Invite ben to ben", "ben Accept ben to amy"]);
    assert_eq!(w.told("ben"), ["call waiting", "ben Answer", "call connected"]);
    w.leave("amy").unwrap();
    assert_eq!(w.told("ben"), ["-amy left", "amy HangUp", "call NormalEnd"]);
}

#[test]
fn reject_busy_word_and_cancel_end_a_ringing_call() {
    for (ask, by, word, result) in [
        (answer("c1", CallAnswer::Reject), "ben", "ben Reject ben to amy", CallResult::Reject),
        (answer("c1", CallAnswer::Busy), "ben", "ben Reject ben to amy", CallResult::CallBusy),
        (Ask::Cancel { call: id("c1"), users: vec![] }, "amy", "amy Cancel ben to ben", CallResult::Cancel),
        (hang_up("c1"), "amy", "amy Cancel ben to ben", CallResult::Cancel),
    ] {
        let mut w = World::new();
        w.enter("amy").unwrap();
        w.verb("amy", start("c1", &["ben"])).unwrap();
        words(&mut w);
        assert_eq!(w.verb(by, ask).unwrap()["call"]["state"], "ended");
        assert_eq!((words(&mut w), w.results()), (vec![word.to_owned()], vec![result]));
        w.leave("amy").unwrap();
        w.assert_quiet();
    }
}

#[test]
fn busy_user_is_known_at_once_and_not_disturbed() {
    let mut w = World::new();
    w.connect();
    w.told.clear();
    let reply = w.verb("cat", start_in(RoomId::Number(77), "c1", &["ben"])).unwrap();
    assert_eq!((asked(&reply), reply["call"]["result"].as_str()), (vec!["ben busy".to_owned()], Some("CallBusy")));
    assert!(words(&mut w).is_empty());
    assert_eq!(w.told("ben"), Vec::<String>::new());
    assert_eq!((w.records[0].call.as_str(), w.results()), ("c1", vec![CallResult::CallBusy]));
    assert_eq!(w.records[0].callees, [user("ben")], "ben sees who called");
}

#[test]
fn who_rings_for_another_call_is_busy_too() {
    let mut w = World::new();
    w.enter("amy").unwrap();
    w.send("amy", "ben", &call("i1", "amy", "ben"));
    let reply = w.verb("cat", start_in(RoomId::Number(77), "c1", &["ben"])).unwrap();
    assert_eq!(asked(&reply), ["ben busy"]);
    // Two who call each other: the second one is told so.
    let reply = w.verb("ben", start_in(RoomId::Number(78), "c2", &["amy"])).unwrap();
    assert_eq!(asked(&reply), ["amy busy"]);
    assert_eq!(w.phase("amy"), Some(CallPhase::Waiting));
}

// ---- groups ----

/// amy calls ben, cat and dan; ben is in.
fn group_of_four() -> World {
    let mut w = World::new();
    w.enter("amy").unwrap();
    w.verb("amy", start("c1", &["ben", "cat", "dan"])).unwrap();
    w.enter("ben").unwrap();
    w.verb("ben", answer("c1", CallAnswer::Accept)).unwrap();
    words(&mut w);
    w.told.clear();
    w
}

#[test]
fn group_is_asked_but_for_those_who_are_busy() {
    let mut w = World::new();
    w.enter_as(APP, "dan", 1, RoomId::Number(9), None).unwrap();
    w.verb("dan", start_in(RoomId::Number(9), "c0", &["eve"])).unwrap();
    w.enter("amy").unwrap();
    words(&mut w);
    let reply = w.verb("amy", start("c1", &["ben", "cat", "dan", "amy"])).unwrap();
    assert_eq!(asked(&reply), ["ben rings", "cat rings", "dan busy"]);
    assert_eq!(words(&mut w), ["amy Invite ben+cat to @team"]);
    assert_eq!(w.told("dan"), ["eve Invite", "call waiting"], "of the own call alone");
    w.verb("ben", answer("c1", CallAnswer::Reject)).unwrap();
    w.verb("cat", answer("c1", CallAnswer::Reject)).unwrap();
    assert_eq!(w.records[0].callees, ["ben", "cat", "dan"].map(user));
}

#[test]
fn one_of_several_is_taken_back_and_the_others_ring_on() {
    let mut w = group_of_four();
    w.verb("amy", Ask::Cancel { call: id("c1"), users: vec![user("cat")] }).unwrap();
    assert_eq!(words(&mut w), ["amy TimeOut cat to @team"], "a cancel would end it for dan, too");
    assert_eq!(w.told("amy"), ["cat CancelInvite", "call connected"]);
    assert_eq!(w.state("amy").unwrap().waiting, [user("dan")]);
    w.verb("amy", hang_up("c1")).unwrap();
    assert_eq!(words(&mut w), ["amy Cancel dan to @team"]);
    assert_eq!(w.results(), [CallResult::NormalEnd]);
}

#[test]
fn more_are_asked_by_who_is_in() {
    let mut w = group_of_four();
    let reply = w.verb("ben", more("c1", "i2", &["cat", "eve"])).unwrap();
    assert_eq!(asked(&reply), ["cat inCall", "eve rings"]);
    let (from, _, invite) = w.written().remove(0);
    assert_eq!(
        (from.as_str(), invite.data.initial_call, invite.data.in_call),
        ("ben", Some(id("c1")), vec![user("amy")])
    );
    assert_eq!(w.told("amy"), ["eve Invite", "call connected"]);
    w.verb("eve", answer("c1", CallAnswer::Accept)).unwrap();
    assert_eq!(words(&mut w), ["eve Accept eve to @team"]);
    assert_eq!(
        w.verb("ben", more("c1", "i3", &["cat", "eve"])).map(|reply| asked(&reply)).unwrap(),
        ["cat inCall", "eve inCall"]
    );
    assert_eq!(w.verb("eve", more("none", "i4", &["dan"])), Err(code::NOT_FOUND));
}

#[test]
fn who_declined_or_was_never_asked_joins_later() {
    let mut w = group_of_four();
    w.verb("cat", answer("c1", CallAnswer::Reject)).unwrap();
    w.told.clear();
    for name in ["cat", "eve"] {
        assert_eq!(w.verb(name, Ask::Join { call: id("c1") }).unwrap()["call"]["call"], "c1");
        assert_eq!(w.verb(name, Ask::Beat { call: id("c1") }).unwrap()["call"]["call"], "c1");
        w.enter(name).unwrap();
    }
    assert_eq!(w.told("amy"), ["+cat", "cat Join", "call connected", "+eve", "eve Join", "call connected"]);
    words(&mut w);
    w.verb("dan", Ask::Join { call: id("c1") }).unwrap();
    assert_eq!(words(&mut w), ["dan Accept dan to @team"], "who is asked accepts by it");
    w.people.members.remove(&(APP, team(), user("eve")));
    assert_eq!(w.verb("zoe", Ask::Join { call: id("c1") }), Err(code::NOT_FOUND));
}

#[test]
fn who_leaves_is_lost_or_hangs_up_is_told() {
    let mut w = group_of_four();
    w.enter("cat").unwrap();
    w.verb("cat", answer("c1", CallAnswer::Accept)).unwrap();
    w.told.clear();
    w.session("ben", 1, SessionState::Lost);
    w.wait(secs(33));
    assert_eq!(w.told("amy"), ["-ben lost", "ben Offline", "call connected", "dan NotAnswer", "call connected"]);
    w.leave("cat").unwrap();
    assert_eq!(w.told("amy"), ["-cat left", "cat HangUp", "call NormalEnd"]);
    assert_eq!(w.verb("amy", Ask::Beat { call: id("c1") }), Err(code::NOT_FOUND));
}

// ---- time, stops, refusals ----

#[test]
fn nobody_answers_and_the_server_says_so() {
    let mut w = World::new();
    w.people.offline.insert(user("cat"));
    w.enter("amy").unwrap();
    w.verb("amy", start("c1", &["ben", "cat"])).unwrap();
    words(&mut w);
    w.told.clear();
    w.wait(secs(31));
    assert_eq!(w.told("amy"), Vec::<String>::new());
    w.wait(secs(1));
    assert_eq!(w.told("amy"), ["ben NotAnswer, cat Offline", "call NotAnswer"]);
    assert_eq!(
        (words(&mut w), w.results()),
        (vec!["amy TimeOut ben+cat to @team".to_owned()], vec![CallResult::NotAnswer])
    );
    w.leave("amy").unwrap();
    w.assert_quiet();
}

#[test]
fn devices_own_notice_in_time_is_enough() {
    let mut w = World::new();
    w.enter("amy").unwrap();
    w.verb("amy", start("c1", &["ben"])).unwrap();
    let (_, _, invite) = w.written().remove(0);
    w.wait(secs(30));
    w.send("ben", "amy", &invite.time_out(vec![user("ben")]));
    w.wait(secs(60));
    assert_eq!((words(&mut w), w.results()), (vec![], vec![CallResult::NotAnswer]));
}

#[test]
fn stop_of_the_server_loses_nothing_of_an_open_call() {
    let mut w = World::new();
    w.enter("amy").unwrap();
    w.verb("amy", start("c1", &["ben"])).unwrap();
    let (_, _, invite) = w.written().remove(0);
    w.told.clear();
    w.restart(secs(3));
    w.enter("amy").unwrap();
    assert_eq!(w.verb("amy", Ask::Beat { call: id("c1") }).unwrap()["call"]["state"], "waiting");
    w.enter("ben").unwrap();
    w.send("ben", "amy", &invite.accept(user("ben")));
    assert_eq!(w.told("amy"), ["+ben", "ben Answer", "call connected"], "amy is told as before");
    w.restart(secs(3));
    w.enter("amy").unwrap();
    w.enter("ben").unwrap();
    w.leave("ben").unwrap();
    assert_eq!(w.told("amy"), ["-ben left", "ben HangUp", "call NormalEnd"]);
}

#[test]
fn stop_while_it_rings_keeps_its_time_out() {
    let mut w = World::new();
    w.enter("amy").unwrap();
    w.verb("amy", start("c1", &["ben"])).unwrap();
    words(&mut w);
    w.restart(secs(5));
    w.enter("amy").unwrap();
    w.wait(secs(27));
    assert_eq!((words(&mut w), w.results()), (vec!["amy TimeOut ben to ben".to_owned()], vec![CallResult::NotAnswer]));
}

#[test]
fn what_chat_refuses_begins_no_call() {
    let mut w = World::new();
    w.refuse_messages = Some(ErrorBody::new(code::INVALID_USER, "unknown"));
    w.enter("amy").unwrap();
    assert_eq!(w.verb("amy", start("c1", &["zoe"])), Err(code::INVALID_USER));
    w.leave("amy").unwrap();
    w.assert_quiet();
    w.refuse_messages = None;
    w.enter("amy").unwrap();
    assert!(w.verb("amy", start("c1", &["ben"])).is_ok(), "the same id again is no second time");
}

#[test]
fn wrong_wishes_are_refused_and_change_nothing() {
    let mut w = World::new();
    w.enter("amy").unwrap();
    w.verb("amy", start("c1", &["ben"])).unwrap();
    let call = || id("c1");
    let table = [
        ("amy", start("c1", &["cat"]), code::ALREADY_EXISTS),
        ("amy", start("c2", &["cat"]), code::ALREADY_EXISTS),
        ("amy", start_in(RoomId::Number(6), "c2", &["amy"]), code::BAD_REQUEST),
        ("amy", start("c2", &["ben", "zoe"]), code::NOT_MEMBER),
        ("zoe", start("c2", &["ben", "cat"]), code::NOT_MEMBER),
        ("amy", more("c1", "i2", &["cat"]), code::FORBIDDEN),
        ("ben", more("c1", "i2", &["cat"]), code::NOT_FOUND),
        ("ben", Ask::Cancel { call: call(), users: vec![] }, code::NOT_FOUND),
        ("ben", hang_up("c1"), code::NOT_FOUND),
        ("amy", answer("c1", CallAnswer::Accept), code::NOT_FOUND),
        ("cat", answer("c1", CallAnswer::Accept), code::NOT_FOUND),
        ("cat", Ask::Join { call: call() }, code::NOT_FOUND),
        ("cat", Ask::Beat { call: call() }, code::NOT_FOUND),
        ("ben", answer("none", CallAnswer::Accept), code::NOT_FOUND),
    ];
    w.told.clear();
    for (name, ask, want) in table {
        assert_eq!(w.verb(name, ask.clone()), Err(want), "{name} {ask:?}");
    }
    assert!(w.told.is_empty());
    assert_eq!(words(&mut w), ["amy Invite ben to ben"]);
}

#[test]
fn invitation_that_nobody_could_read_is_refused_aloud() {
    let mut w = World::new();
    w.enter("amy").unwrap();
    let Ask::Start(mut call) = start("c1", &["ben"]) else { panic!("no start") };
    call.ring.user_data = "x".repeat(13_000);
    assert_eq!(w.verb("amy", Ask::Start(call)), Err(code::BAD_REQUEST));
    assert_eq!(words(&mut w), [""; 0], "nobody is rung");
    w.leave("amy").unwrap();
    w.assert_quiet();
}

#[test]
fn call_beyond_the_limit_is_refused_aloud() {
    let mut config = carillon_call::Config::default();
    config.call.calls_per_user = 1;
    let mut w = World::with(config);
    w.enter("amy").unwrap();
    w.verb("amy", start("c1", &["ben"])).unwrap();
    assert_eq!(w.verb("amy", start_in(RoomId::Number(6), "c2", &["cat"])), Err(code::LIMIT_REACHED));
    assert_eq!(words(&mut w), ["amy Invite ben to ben"], "who is refused rings nobody");
}

#[test]
fn invitation_beyond_the_limit_rings_nobody() {
    let mut config = carillon_call::Config::default();
    config.call.users_per_call = 4;
    config.call.invitations_per_call = 2;
    let mut w = World::with(config);
    w.enter("amy").unwrap();
    w.verb("amy", start("c1", &["ben", "cat"])).unwrap();
    words(&mut w);
    let verb = |w: &mut World, invite: &str, users: &[&str]| w.verb("amy", more("c1", invite, users)).err();
    assert_eq!(verb(&mut w, "i2", &["dan", "eve"]), Some(code::LIMIT_REACHED), "five users");
    assert_eq!(verb(&mut w, "c1", &["dan"]), Some(code::ALREADY_EXISTS), "the invitation's id was used");
    assert_eq!(words(&mut w), [""; 0]);
    assert_eq!(verb(&mut w, "i2", &["ben", "dan"]), None);
    assert_eq!(words(&mut w).len(), 1);
    assert_eq!(verb(&mut w, "i3", &["eve"]), Some(code::LIMIT_REACHED), "a third invitation");
    assert_eq!(words(&mut w), [""; 0]);
}

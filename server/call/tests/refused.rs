//! What has no effect: forged, foreign, repeated, too much.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod world;

use carillon_call::{Config, IgnoreReason};
use carillon_proto::call::Signal;
use carillon_proto::gateway::{CallPhase, CallResult, MediaType, Peer};
use carillon_proto::id::{CallId, RoomId};
use world::*;

#[test]
fn forged_answers_are_without_effect() {
    let mut w = World::new();
    let invite = call("i1", "amy", "ben");
    w.enter("amy").unwrap();
    w.send("amy", "ben", &invite);
    w.send("eve", "amy", &invite.accept(user("eve")));
    w.send("eve", "amy", &invite.accept(user("ben")));
    w.send("eve", "amy", &invite.reject(user("ben")));
    w.send("eve", "ben", &invite.cancel(vec![user("ben")]));
    w.send("ben", "amy", &invite.cancel(vec![user("ben")]));
    w.send("eve", "ben", &invite.time_out(vec![user("ben")]));
    w.send("amy", "ben", &invite.accept(user("ben")));
    w.send("eve", "amy", &Signal::hang_up(invite_id("h"), user("eve"), vec![], None, MediaType::Video, 0));
    w.send("eve", "amy", &Signal::hang_up(invite_id("h"), user("amy"), vec![], None, MediaType::Video, 0));
    let state = w.state("ben").unwrap();
    assert_eq!((state.state, state.waiting, state.accepted_ms), (CallPhase::Waiting, vec![user("ben")], None));
    let stats = w.board.stats();
    assert_eq!(stats.ignored.get(&IgnoreReason::Forged), Some(&8));
    assert_eq!(stats.ignored.get(&IgnoreReason::Unknown), Some(&1));
}

#[test]
fn forged_invites_make_no_call() {
    let mut w = World::new();
    w.send("eve", "ben", &call("i1", "amy", "ben"));
    w.send("eve", "ben", &call("i2", "eve", "amy"));
    w.send("eve", "eve", &call("i3", "eve", "eve"));
    w.people.members.remove(&(APP, team(), user("eve")));
    w.send("eve", "", &group_call("i4", "eve", &["ben"]));
    w.send("amy", "", &group_call("i5", "amy", &["eve"]));
    let mut in_group = call("i6", "amy", "ben");
    in_group.envelope.group = Some(team());
    let text = carillon_proto::call::Writer::new(carillon_proto::call::Engine::Web).write(&in_group);
    w.send_text(APP, "amy", Peer::User(user("ben")), &text);
    assert_eq!(w.board.stats().ignored.get(&IgnoreReason::Forged), Some(&6));
    w.assert_quiet();
}

#[test]
fn texts_that_are_no_calls_do_nothing() {
    let mut w = World::new();
    for text in ["", "hello", "{}", r#"{"businessID":"av_call"}"#, r#"{"businessID":1,"inviteID":"a"}"#] {
        w.send_text(APP, "amy", Peer::User(user("ben")), text);
    }
    let mut no_room = call("i1", "amy", "ben");
    no_room.data.room = None;
    w.send("amy", "ben", &no_room);
    let mut consumed = call("i2", "amy", "ben");
    consumed.data.consumed = true;
    w.send("amy", "ben", &consumed);
    let stats = w.board.stats();
    assert_eq!(stats.ignored.get(&IgnoreReason::Malformed), Some(&1));
    assert_eq!(stats.ignored.get(&IgnoreReason::NoRoom), Some(&1));
    w.assert_quiet();
}

#[test]
fn invitation_is_taken_once() {
    let mut w = World::new();
    let invite = call("i1", "amy", "ben");
    w.enter("amy").unwrap();
    w.send("amy", "ben", &invite);
    w.send("amy", "ben", &invite);
    w.send("ben", "amy", &invite.reject(user("ben")));
    w.send("amy", "ben", &invite);
    w.leave("amy").unwrap();
    assert_eq!(w.records.len(), 1);
    w.assert_quiet();
}

#[test]
fn id_of_anothers_call_is_no_way_into_it() {
    let mut w = World::new();
    w.connect();
    let mut foreign = Signal::invite(invite_id("x1"), user("eve"), vec![user("dan")], None, MediaType::Video, ROOM);
    foreign.data.initial_call = CallId::new("i1");
    w.send("eve", "dan", &foreign);
    assert_eq!(w.state("dan").unwrap().call.as_str(), "x1");
    assert_eq!(w.state("amy").unwrap().connected, [user("amy"), user("ben")]);
    for name in ["eve", "dan"] {
        assert_eq!(w.enter(name), Err(-100_018));
    }
}

#[test]
fn apps_are_apart() {
    let mut w = World::new();
    w.connect();
    let invite = call("i1", "amy", "ben");
    w.send_in(OTHER_APP, "amy", "ben", &invite.cancel(vec![user("ben")]));
    w.send_in(OTHER_APP, "amy", "ben", &invite);
    assert_eq!(w.board.calls_of(OTHER_APP, &user("ben")).len(), 1);
    assert!(w.enter_as(OTHER_APP, "eve", 3, ROOM, None).is_ok());
    assert_eq!(w.state("amy").unwrap().connected, [user("amy"), user("ben")]);
    assert_eq!(w.told("eve"), Vec::<String>::new());
}

#[test]
fn bounds_hold() {
    let mut config = Config::default();
    config.call.calls_per_user = 2;
    config.call.users_per_call = 3;
    config.call.calls = 3;
    let mut w = World::with(config);
    let to = |id: &str, from: &str, room: u32| {
        Signal::invite(invite_id(id), user(from), vec![user("ben")], None, MediaType::Audio, RoomId::Number(room))
    };
    for n in 1..5 {
        w.send("amy", "ben", &to(&format!("a{n}"), "amy", n));
    }
    assert_eq!(w.board.stats().calls_waiting, 2);
    w.send("cat", "", &group_call("c1", "cat", &["amy", "ben", "dan"]));
    assert_eq!(w.board.stats().calls_waiting, 2);
    w.send("cat", "ben", &to("c2", "cat", 9));
    w.send("dan", "ben", &to("d1", "dan", 10));
    assert_eq!(w.board.stats().calls_waiting, 3);
    assert_eq!(w.board.stats().ignored.get(&IgnoreReason::Limit), Some(&4));
    w.wait(secs(100));
    w.assert_quiet();
}

#[test]
fn invitations_of_one_call_have_a_bound() {
    let mut config = Config::default();
    config.call.invitations_per_call = 3;
    let mut w = World::with(config);
    w.connect();
    for n in 0..5 {
        w.send("amy", "cat", &call(&format!("more{n}"), "amy", "cat"));
    }
    assert_eq!(w.board.stats().ignored.get(&IgnoreReason::Limit), Some(&3));
    w.leave("ben").unwrap();
    w.wait(secs(41));
    assert_eq!(w.results(), [CallResult::NormalEnd]);
}

#[test]
fn member_who_came_without_an_answer_has_joined_when_the_time_is_over() {
    let mut w = World::new();
    let invite = w.ring_group("g1", "amy", &["ben"]);
    w.enter("ben").unwrap();
    w.send("amy", "", &invite.time_out(vec![user("ben")]));
    assert_eq!(w.phase("ben"), Some(CallPhase::Connected));
    // Between two, only an accept is one.
    let mut w = World::new();
    let invite = call("i1", "amy", "ben");
    w.enter("amy").unwrap();
    w.send("amy", "ben", &invite);
    w.enter("ben").unwrap();
    w.send("amy", "ben", &invite.time_out(vec![user("ben")]));
    assert_eq!(w.results(), [CallResult::NotAnswer]);
}

//! What clients do in calls, message by message, and what the server makes of it.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod world;

use carillon_call::{Command, Config, Happening, IgnoreReason, MediaEvent, MemberChange, SessionState};
use carillon_proto::call::Signal;
use carillon_proto::gateway::{CallPhase, CallResult, LeaveReason, MediaType, Peer, TrackName, TrackState};
use carillon_proto::id::{CallId, RoomId};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use world::*;

// ---- 1v1 ----

#[test]
fn two_talk_and_one_hangs_up() {
    let mut w = World::new();
    let invite = call("i1", "amy", "ben");
    w.enter("amy").unwrap();
    w.send("amy", "ben", &invite);
    assert_eq!(w.told("ben"), ["call waiting"]);
    assert_eq!(w.phase("ben"), Some(CallPhase::Waiting));
    w.wait(secs(5));
    w.enter("ben").unwrap();
    w.send("ben", "amy", &invite.accept(user("ben")));
    assert_eq!(w.told("amy"), ["call waiting", "+ben", "call connected"]);
    w.wait(secs(60));
    w.leave("amy").unwrap();
    assert_eq!(w.told("ben"), ["call connected", "-amy left", "call NormalEnd"]);
    // The history's record of the other side comes when all is over.
    let notice = Signal::hang_up(invite_id("i2"), user("ben"), vec![user("amy")], None, MediaType::Video, 60);
    w.send("ben", "amy", &notice);
    w.leave("ben").unwrap();
    let record = &w.records[0];
    assert_eq!((record.call.as_str(), &record.room, &record.group), ("i1", &ROOM, &None));
    assert_eq!((record.caller.clone(), record.callees.clone()), (user("amy"), vec![user("ben")]));
    assert_eq!((record.result, record.media), (CallResult::NormalEnd, MediaType::Video));
    assert_eq!(record.started_ms, START.0);
    assert_eq!((record.accepted_ms, record.ended_ms), (Some(START.0 + 5_000), START.0 + 65_000));
    assert_eq!(w.records.len(), 1);
    w.assert_quiet();
}

#[test]
fn caller_who_invites_first_and_enters_then_is_the_same_call() {
    let mut w = World::new();
    let invite = call("i1", "amy", "ben");
    w.send("amy", "ben", &invite);
    w.wait(secs(1));
    w.enter("amy").unwrap();
    w.wait(secs(5));
    w.enter("ben").unwrap();
    w.send("ben", "amy", &invite.accept(user("ben")));
    assert_eq!(w.phase("amy"), Some(CallPhase::Connected));
    w.leave("ben").unwrap();
    assert_eq!(w.results(), [CallResult::NormalEnd]);
}

#[test]
fn callee_who_enters_before_the_caller_is_let_in() {
    let mut w = World::new();
    let invite = call("i1", "amy", "ben");
    w.send("amy", "ben", &invite);
    w.enter("ben").unwrap();
    w.send("ben", "amy", &invite.accept(user("ben")));
    assert_eq!(w.state("ben").unwrap().accepted_ms, Some(START.0));
    assert_eq!(w.phase("ben"), Some(CallPhase::Waiting), "answered, but they have not met");
    w.enter("amy").unwrap();
    assert_eq!(w.phase("ben"), Some(CallPhase::Connected));
    assert_eq!(w.enter("eve"), Err(-100_018));
}

#[test]
fn hang_up_notice_alone_ends_a_call_too() {
    let mut w = World::new();
    w.connect();
    let notice = Signal::hang_up(invite_id("i2"), user("ben"), vec![user("amy")], None, MediaType::Video, 60);
    w.send("ben", "amy", &notice);
    assert_eq!(w.results(), [CallResult::NormalEnd]);
}

#[test]
fn reject_ends_it() {
    let mut w = World::new();
    let invite = call("i1", "amy", "ben");
    w.enter("amy").unwrap();
    w.send("amy", "ben", &invite);
    w.send("ben", "amy", &invite.reject(user("ben")));
    w.leave("amy").unwrap();
    assert_eq!(w.results(), [CallResult::Reject]);
    assert_eq!(w.told("ben"), ["call waiting", "call Reject"]);
    w.assert_quiet();
}

#[test]
fn busy_callee_is_recorded_and_its_own_call_goes_on() {
    let mut w = World::new();
    w.connect();
    w.told("ben");
    let other =
        Signal::invite(invite_id("i9"), user("cat"), vec![user("ben")], None, MediaType::Audio, RoomId::Number(77));
    w.enter_as(APP, "cat", 1, RoomId::Number(77), None).unwrap();
    w.send("cat", "ben", &other);
    w.send("ben", "cat", &other.busy(user("ben")));
    assert_eq!(w.results(), [CallResult::CallBusy]);
    assert_eq!(w.records[0].call.as_str(), "i9");
    assert_eq!(w.phase("ben"), Some(CallPhase::Connected));
    assert!(w.board.is_busy(APP, &user("ben")) && !w.board.is_busy(APP, &user("cat")));
}

#[test]
fn two_who_call_each_other_are_both_busy() {
    let mut w = World::new();
    let (one, two) = (call("i1", "amy", "ben"), {
        Signal::invite(invite_id("i2"), user("ben"), vec![user("amy")], None, MediaType::Video, RoomId::Number(8))
    });
    w.enter("amy").unwrap();
    w.enter_as(APP, "ben", 1, RoomId::Number(8), None).unwrap();
    w.send("amy", "ben", &one);
    w.send("ben", "amy", &two);
    w.send("ben", "amy", &one.busy(user("ben")));
    w.send("amy", "ben", &two.busy(user("amy")));
    assert_eq!(w.results(), [CallResult::CallBusy, CallResult::CallBusy]);
}

#[test]
fn cancel_ends_it_and_a_late_accept_does_nothing() {
    let mut w = World::new();
    let invite = call("i1", "amy", "ben");
    w.enter("amy").unwrap();
    w.send("amy", "ben", &invite);
    w.send("amy", "ben", &invite.cancel(vec![user("ben")]));
    assert_eq!(w.results(), [CallResult::Cancel]);
    w.send("ben", "amy", &invite.accept(user("ben")));
    assert_eq!(w.enter("ben"), Err(-100_018), "taken back is taken back");
    w.leave("amy").unwrap();
    assert_eq!(w.records.len(), 1);
    w.assert_quiet();
}

#[test]
fn caller_who_leaves_while_it_rings_has_given_up() {
    let mut w = World::new();
    w.enter("amy").unwrap();
    w.send("amy", "ben", &call("i1", "amy", "ben"));
    w.leave("amy").unwrap();
    assert_eq!(w.results(), [CallResult::Cancel]);
    w.assert_quiet();
}

#[test]
fn callees_own_time_out_is_no_answer() {
    let mut w = World::new();
    let invite = call("i1", "amy", "ben");
    w.enter("amy").unwrap();
    w.send("amy", "ben", &invite);
    w.wait(secs(30));
    w.send("ben", "amy", &invite.time_out(vec![user("ben")]));
    assert_eq!(w.results(), [CallResult::NotAnswer]);
}

#[test]
fn callers_time_out_for_an_offline_callee_says_offline() {
    let mut w = World::new();
    w.people.offline.insert(user("ben"));
    let invite = call("i1", "amy", "ben");
    w.enter("amy").unwrap();
    w.send("amy", "ben", &invite);
    w.wait(secs(35));
    w.send("amy", "ben", &invite.time_out(vec![user("ben")]));
    assert_eq!(w.results(), [CallResult::Offline]);
}

#[test]
fn callee_who_signs_in_late_can_still_answer_or_miss_it() {
    for answers in [true, false] {
        let mut w = World::new();
        w.people.offline.insert(user("ben"));
        let invite = call("i1", "amy", "ben");
        w.enter("amy").unwrap();
        w.send("amy", "ben", &invite);
        w.wait(secs(5));
        w.people.offline.clear();
        assert_eq!(w.board.calls_of(APP, &user("ben")).len(), 1, "the snapshot at sign-in shows it");
        if answers {
            w.enter("ben").unwrap();
            w.send("ben", "amy", &invite.accept(user("ben")));
            assert_eq!(w.phase("ben"), Some(CallPhase::Connected));
        } else {
            w.wait(secs(60));
            assert_eq!(w.results(), [CallResult::NotAnswer]);
        }
    }
}

#[test]
fn guard_closes_what_no_client_does() {
    let mut w = World::new();
    w.enter("amy").unwrap();
    w.send("amy", "ben", &call("i1", "amy", "ben"));
    w.told("amy");
    w.wait(secs(40) - std::time::Duration::from_millis(1));
    assert_eq!(w.results(), []);
    w.wait(std::time::Duration::from_millis(1));
    assert_eq!(w.results(), [CallResult::NotAnswer]);
    assert_eq!(w.told("amy"), ["call NotAnswer"]);
}

#[test]
fn answered_call_whose_sides_never_meet_is_interrupted() {
    let mut w = World::new();
    let invite = call("i1", "amy", "ben");
    w.enter("amy").unwrap();
    w.send("amy", "ben", &invite);
    w.wait(secs(10));
    w.send("ben", "amy", &invite.accept(user("ben")));
    w.wait(secs(29));
    assert_eq!(w.results(), []);
    w.wait(secs(1));
    assert_eq!(w.results(), [CallResult::Interrupt]);
    assert!(w.records[0].accepted_ms.is_some());
}

#[test]
fn longest_call_is_ended_by_the_server() {
    let mut w = World::new();
    w.connect();
    w.told("ben");
    w.wait(w.config.call.max_length());
    assert_eq!(w.results(), [CallResult::Interrupt]);
    assert_eq!(w.told("ben"), ["out endedbyserver", "call Interrupt"]);
    w.assert_quiet();
}

#[test]
fn one_of_two_devices_answers_once() {
    let mut w = World::new();
    let invite = call("i1", "amy", "ben");
    w.enter("amy").unwrap();
    w.send("amy", "ben", &invite);
    let accept = invite.accept(user("ben"));
    w.enter_as(APP, "ben", 1, ROOM, None).unwrap();
    w.send("ben", "amy", &accept);
    // The other device was as quick: the message is relayed, the call stays as it is.
    w.send("ben", "amy", &accept);
    w.send("ben", "amy", &invite.reject(user("ben")));
    assert_eq!(w.phase("ben"), Some(CallPhase::Connected));
    assert_eq!(w.board.stats().ignored.get(&IgnoreReason::Repeated), Some(&2));
}

// ---- the network ----

#[test]
fn lost_caller_keeps_the_seat_for_the_grace_time() {
    let mut w = World::new();
    let invite = call("i1", "amy", "ben");
    let seat = w.enter("amy").unwrap();
    w.send("amy", "ben", &invite);
    w.enter("ben").unwrap();
    w.send("ben", "amy", &invite.accept(user("ben")));
    w.media(seat, MediaEvent::Connected);
    w.told("ben");
    w.media(seat, MediaEvent::Lost);
    w.wait(secs(29));
    assert_eq!(w.told("ben"), Vec::<String>::new());
    w.media(seat, MediaEvent::Connected);
    w.wait(secs(300));
    assert_eq!(w.told("ben"), Vec::<String>::new(), "it came back in time");
    w.media(seat, MediaEvent::Lost);
    w.wait(secs(30));
    assert_eq!(w.told("ben"), ["-amy lost", "call Interrupt"]);
    assert_eq!(w.told("amy").last().unwrap(), "call Interrupt");
}

#[test]
fn lost_signalling_ends_nothing_while_media_flows() {
    let mut w = World::new();
    let invite = call("i1", "amy", "ben");
    w.send("amy", "ben", &invite);
    let amy = w.enter("amy").unwrap();
    w.enter("ben").unwrap();
    w.send("ben", "amy", &invite.accept(user("ben")));
    w.media(amy, MediaEvent::Connected);
    w.session("amy", 1, SessionState::Lost);
    w.wait(secs(60));
    w.session("amy", 1, SessionState::Over);
    w.wait(secs(600));
    assert_eq!(w.phase("ben"), Some(CallPhase::Connected));
    w.media(amy, MediaEvent::Lost);
    w.wait(secs(30));
    assert_eq!(w.results(), [CallResult::Interrupt]);
}

#[test]
fn socket_keeps_a_seat_that_has_no_media_yet() {
    let mut w = World::new();
    w.connect();
    w.wait(secs(100));
    w.session("ben", 1, SessionState::Lost);
    w.wait(secs(20));
    w.session("ben", 1, SessionState::Back);
    w.wait(secs(100));
    assert_eq!(w.phase("ben"), Some(CallPhase::Connected));
    w.session("ben", 1, SessionState::Lost);
    w.wait(secs(30));
    assert_eq!(w.results(), [CallResult::Interrupt]);
}

#[test]
fn sign_out_leaves_at_once_or_after_the_grace_time_with_media() {
    let mut w = World::new();
    w.connect();
    w.told("amy");
    w.session("ben", 1, SessionState::Over);
    assert_eq!(w.told("amy"), ["-ben left", "call NormalEnd"]);

    let mut w = World::new();
    w.connect();
    let seat = w.enter("ben").unwrap();
    w.media(seat, MediaEvent::Connected);
    w.told("amy");
    w.session("ben", 1, SessionState::Over);
    w.wait(secs(29));
    assert_eq!(w.told("amy"), Vec::<String>::new());
    w.wait(secs(1));
    assert_eq!(w.told("amy"), ["-ben left", "call NormalEnd"]);
}

#[test]
fn new_sign_in_of_the_same_page_takes_its_seat_back() {
    let mut w = World::new();
    w.connect();
    let seat = w.enter("ben").unwrap();
    w.media(seat, MediaEvent::Connected);
    w.session("ben", 1, SessionState::Over);
    w.wait(secs(10));
    assert_eq!(w.enter_as(APP, "ben", 2, ROOM, None), Ok(seat));
    w.session("ben", 2, SessionState::Lost);
    w.wait(secs(600));
    assert_eq!(w.phase("amy"), Some(CallPhase::Connected), "its media flows on");
}

#[test]
fn reload_takes_the_seat_over_silently() {
    let mut w = World::new();
    w.connect();
    let seat = w.enter("ben").unwrap();
    w.media(seat, MediaEvent::Connected);
    w.told("amy");
    w.told("ben");
    w.session("ben", 1, SessionState::Lost);
    assert_eq!(w.enter_as(APP, "ben", 2, ROOM, None), Ok(seat));
    assert_eq!(w.told("ben"), ["out takenover"]);
    // The old page's connection dies; the new one's has yet to come.
    w.media(seat, MediaEvent::Lost);
    w.wait(secs(100));
    w.session("ben", 1, SessionState::Over);
    assert_eq!(w.told("amy"), Vec::<String>::new());
    assert_eq!(w.leave_as("ben", 1), Err(-3318), "the old page has no seat any more");
    assert_eq!(w.leave_as("ben", 2), Ok(()));
    assert_eq!(w.results(), [CallResult::NormalEnd]);
}

// ---- switch to audio ----

#[test]
fn accepted_switch_changes_the_media_type() {
    let mut w = World::new();
    w.connect();
    let switch = Signal::switch_to_audio(invite_id("s1"), user("ben"), user("amy"), ROOM);
    w.send("ben", "amy", &switch);
    assert_eq!(w.state("amy").unwrap().media, MediaType::Video);
    w.send("ben", "amy", &switch.accept(user("ben")));
    assert_eq!(w.state("amy").unwrap().media, MediaType::Video, "nobody accepts the own request");
    w.send("amy", "ben", &switch.accept(user("amy")));
    assert_eq!(w.state("ben").unwrap().media, MediaType::Audio);
    w.leave("amy").unwrap();
    assert_eq!((w.records[0].media, w.records.len()), (MediaType::Audio, 1));
}

#[test]
fn refused_or_foreign_switch_changes_nothing() {
    let mut w = World::new();
    w.connect();
    let switch = Signal::switch_to_audio(invite_id("s1"), user("ben"), user("amy"), ROOM);
    w.send("ben", "amy", &switch);
    w.send("amy", "ben", &switch.reject(user("amy")));
    w.send("amy", "ben", &switch.accept(user("amy")));
    let other_room = Signal::switch_to_audio(invite_id("s2"), user("ben"), user("amy"), RoomId::Number(1));
    w.send("ben", "amy", &other_room);
    w.send("amy", "ben", &other_room.accept(user("amy")));
    let stranger = Signal::switch_to_audio(invite_id("s3"), user("eve"), user("amy"), ROOM);
    w.send("eve", "amy", &stranger);
    w.send("amy", "eve", &stranger.accept(user("amy")));
    assert_eq!(w.state("ben").unwrap().media, MediaType::Video);
    for n in 0..20 {
        let id = format!("s1{n}");
        w.send("ben", "amy", &Signal::switch_to_audio(invite_id(&id), user("ben"), user("amy"), ROOM));
    }
    w.leave("ben").unwrap();
    assert_eq!(w.results(), [CallResult::NormalEnd]);
}

// ---- groups ----

fn attribute(w: &World) -> Option<Value> {
    w.attributes.get(&team()).cloned().flatten().map(|text| serde_json::from_str(&text).unwrap())
}

#[test]
fn group_of_four_answers_rejects_and_misses() {
    let mut w = World::new();
    let invite = group_call("g1", "amy", &["ben", "cat", "dan"]);
    w.enter("amy").unwrap();
    w.send("amy", "", &invite);
    w.enter("ben").unwrap();
    w.send("ben", "", &invite.accept(user("ben")));
    assert_eq!(w.phase("amy"), Some(CallPhase::Connected));
    w.send("cat", "", &invite.reject(user("cat")));
    let state = w.state("amy").unwrap();
    assert_eq!((state.waiting, state.connected), (vec![user("dan")], vec![user("amy"), user("ben")]));
    w.wait(secs(30));
    w.send("dan", "", &invite.time_out(vec![user("dan")]));
    w.leave("ben").unwrap();
    assert_eq!(w.results(), [CallResult::NormalEnd]);
    assert_eq!(w.records[0].callees, [user("ben"), user("cat"), user("dan")]);
    let changes: Vec<MemberChange> = w
        .happened
        .iter()
        .filter_map(|what| match what {
            Happening::MemberChanged { change, .. } => Some(*change),
            _ => None,
        })
        .collect();
    use MemberChange::*;
    assert_eq!(changes, [Invite, Invite, Invite, Answer, Reject, NotAnswer, Hangup]);
}

#[test]
fn group_call_waits_for_the_undecided_when_the_first_leaves() {
    let mut w = World::new();
    let invite = group_call("g1", "amy", &["ben", "cat"]);
    w.enter("amy").unwrap();
    w.send("amy", "", &invite);
    w.enter("ben").unwrap();
    w.send("ben", "", &invite.accept(user("ben")));
    let notice = Signal::hang_up(invite_id("h1"), user("ben"), vec![], Some(team()), MediaType::Video, 4);
    w.send("ben", "", &notice);
    w.leave("ben").unwrap();
    assert_eq!(w.phase("amy"), Some(CallPhase::Connected));
    w.enter("cat").unwrap();
    w.send("cat", "", &invite.accept(user("cat")));
    w.leave("cat").unwrap();
    assert_eq!(w.results(), [CallResult::NormalEnd]);
}

#[test]
fn invited_later_belongs_to_the_same_call() {
    let mut w = World::new();
    let invite = group_call("g1", "amy", &["ben"]);
    w.enter("amy").unwrap();
    w.send("amy", "", &invite);
    w.enter("ben").unwrap();
    w.send("ben", "", &invite.accept(user("ben")));
    let more = group_call("g2", "ben", &["eve"]).adding_to(CallId::new("g1").unwrap(), vec![user("amy")]);
    w.send("ben", "", &more);
    w.enter("eve").unwrap();
    w.send("eve", "", &more.accept(user("eve")));
    assert_eq!(w.state("eve").unwrap().call.as_str(), "g1");
    assert_eq!(w.state("eve").unwrap().connected.len(), 3);
    for name in ["amy", "ben"] {
        w.leave(name).unwrap();
    }
    assert_eq!(w.records.len(), 1);
    assert_eq!(w.records[0].callees, [user("ben"), user("eve")]);
}

#[test]
fn member_joins_a_running_call_without_a_word() {
    let mut w = World::new();
    let invite = group_call("g1", "amy", &["ben"]);
    w.enter("amy").unwrap();
    w.send("amy", "", &invite);
    w.enter("ben").unwrap();
    w.send("ben", "", &invite.accept(user("ben")));
    w.enter("dan").unwrap();
    assert_eq!(w.state("dan").unwrap().connected, [user("amy"), user("ben"), user("dan")]);
    w.leave("amy").unwrap();
    assert_eq!(w.phase("dan"), Some(CallPhase::Connected));
    w.leave("dan").unwrap();
    assert_eq!(w.records[0].callees, [user("ben"), user("dan")]);
    assert_eq!(w.records[0].result, CallResult::NormalEnd);
}

#[test]
fn group_attribute_shows_the_running_call() {
    let mut w = World::new();
    let invite = group_call("g1", "amy", &["ben"]);
    w.enter("amy").unwrap();
    w.send("amy", "", &invite);
    let users = |names: &[&str]| names.iter().map(|name| json!({"userid": name})).collect::<Vec<_>>();
    assert_eq!(
        attribute(&w).unwrap(),
        json!({"business_type": "callkit", "call_id": "g1", "group_id": "team", "room_id": "52011",
            "room_id_type": 1, "call_media_type": "video", "user_list": users(&["amy"])})
    );
    w.enter("ben").unwrap();
    w.send("ben", "", &invite.accept(user("ben")));
    assert_eq!(attribute(&w).unwrap()["user_list"], json!(users(&["amy", "ben"])));
    w.leave("ben").unwrap();
    assert_eq!(attribute(&w), None);
    assert!(w.attributes.contains_key(&team()), "it was removed, not forgotten");
}

#[test]
fn cancel_of_a_ringing_group_call_ends_it() {
    let mut w = World::new();
    let invite = group_call("g1", "amy", &["ben", "cat"]);
    w.enter("amy").unwrap();
    w.send("amy", "", &invite);
    w.send("amy", "", &invite.cancel(vec![user("ben"), user("cat")]));
    w.leave("amy").unwrap();
    assert_eq!(w.results(), [CallResult::Cancel]);
    w.assert_quiet();
}

#[test]
fn callers_hang_up_in_a_group_takes_back_what_rings() {
    let mut w = World::new();
    let invite = group_call("g1", "amy", &["ben", "cat"]);
    w.enter("amy").unwrap();
    w.send("amy", "", &invite);
    w.enter("ben").unwrap();
    w.send("ben", "", &invite.accept(user("ben")));
    w.send("amy", "", &Signal::hang_up(invite_id("h1"), user("amy"), vec![], Some(team()), MediaType::Video, 9));
    w.send("amy", "", &invite.cancel(vec![user("cat")]));
    assert_eq!(w.results(), [CallResult::NormalEnd]);
}

#[test]
fn nobody_left_takes_back_what_still_rings() {
    let mut w = World::new();
    let invite = group_call("g1", "amy", &["ben", "cat"]);
    w.enter("amy").unwrap();
    w.send("amy", "", &invite);
    w.enter("ben").unwrap();
    w.send("ben", "", &invite.accept(user("ben")));
    w.leave("amy").unwrap();
    w.leave("ben").unwrap();
    assert_eq!(w.results(), [CallResult::NormalEnd]);
    assert_eq!(w.told("cat"), ["call waiting", "call connected", "call connected", "call NormalEnd"]);
    w.assert_quiet();
}

#[test]
fn order_of_results_in_a_group_nobody_accepts() {
    let end = |answers: &[&str]| {
        let mut w = World::new();
        let names = ["ben", "cat", "dan"];
        w.people.offline.insert(user("dan"));
        let invite = group_call("g1", "amy", &names[..answers.len()]);
        w.enter("amy").unwrap();
        w.send("amy", "", &invite);
        for (name, answer) in names.iter().zip(answers) {
            match *answer {
                "reject" => w.send(name, "", &invite.reject(user(name))),
                "busy" => w.send(name, "", &invite.busy(user(name))),
                _ => {}
            }
        }
        w.wait(secs(41));
        w.results()
    };
    assert_eq!(end(&["reject", "busy"]), [CallResult::Reject]);
    assert_eq!(end(&["busy", "miss"]), [CallResult::CallBusy]);
    assert_eq!(end(&["miss", "miss", "offline"]), [CallResult::NotAnswer]);
}

// ---- who may not ----

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
    let invite = group_call("g1", "amy", &["ben"]);
    w.enter("amy").unwrap();
    w.send("amy", "", &invite);
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

// ---- rooms without calls ----

#[test]
fn conference_sees_who_comes_goes_and_shows_what() {
    let mut w = World::new();
    let amy = w.enter("amy").unwrap();
    w.enter("ben").unwrap();
    let tracks = BTreeMap::from([(TrackName::Camera, TrackState::Muted)]);
    let set = |name: &str, device| Command::SetTracks {
        app: APP,
        session: session(name, device),
        re: 0,
        user: user(name),
        room: ROOM,
        tracks: tracks.clone(),
    };
    assert_eq!(w.ask(set("amy", 1)), Ok(()));
    assert_eq!(w.ask(set("amy", 1)), Ok(()), "the same again says nothing new");
    assert_eq!(w.ask(set("amy", 2)), Err(-3318), "another device holds the seat");
    assert_eq!(w.ask(set("eve", 1)), Err(-3318));
    w.media(amy, MediaEvent::TrackStarted(TrackName::Camera));
    w.media(amy, MediaEvent::Closed);
    w.leave("amy").unwrap();
    assert_eq!(w.told("ben"), ["tracks amy", "tracks amy", "tracks amy", "-amy left"]);
    assert_eq!(w.closed, [amy]);
    w.leave("ben").unwrap();
    assert_eq!(w.leave("ben"), Err(-3318));
    w.assert_quiet();
    assert_eq!(w.records.len(), 0);
}

#[test]
fn owner_kicks_and_dissolves_and_nobody_else() {
    let mut w = World::new();
    for name in ["amy", "ben", "cat"] {
        w.enter(name).unwrap();
    }
    let kick = |by: &str, name: &str| Command::Kick {
        app: APP,
        session: session(by, 1),
        re: 0,
        by: user(by),
        user: user(name),
        room: ROOM,
    };
    let dissolve = |by: &str| Command::Dissolve { app: APP, session: session(by, 1), re: 0, by: user(by), room: ROOM };
    assert_eq!(w.ask(kick("ben", "amy")), Err(10_004));
    assert_eq!(w.ask(kick("eve", "amy")), Err(-3318));
    assert_eq!(w.ask(kick("amy", "eve")), Err(-3318));
    assert_eq!(w.ask(dissolve("ben")), Err(10_004));
    w.told.clear();
    assert_eq!(w.ask(kick("amy", "ben")), Ok(()));
    assert_eq!((w.told("ben"), w.told("cat")), (vec!["out kicked".into()], vec!["-ben kicked".into()]));
    assert_eq!(w.enter("ben"), Err(-100_018), "kicked is kicked");
    w.leave("amy").unwrap();
    assert_eq!(w.ask(dissolve("cat")), Ok(()), "who sits longest owns it next");
    assert_eq!(w.told("cat"), ["-amy left", "out dissolved"]);
    w.assert_quiet();
}

#[test]
fn administrator_removes_and_closes() {
    let mut w = World::new();
    w.connect();
    w.enter_as(APP, "ben", 1, ROOM, None).unwrap();
    w.command(Command::Close { app: APP, room: ROOM, reason: LeaveReason::EndedByServer });
    assert_eq!(w.results(), [CallResult::Interrupt]);
    w.assert_quiet();
    w.connect_again("i2");
    w.command(Command::Remove { app: APP, user: user("ben"), room: ROOM, reason: LeaveReason::Kicked });
    assert_eq!(w.results(), [CallResult::Interrupt, CallResult::NormalEnd]);
}

impl World {
    fn connect_again(&mut self, id: &str) {
        let invite = call(id, "amy", "ben");
        self.enter("amy").unwrap();
        self.send("amy", "ben", &invite);
        self.enter("ben").unwrap();
        self.send("ben", "amy", &invite.accept(user("ben")));
        assert_eq!(self.phase("amy"), Some(CallPhase::Connected));
    }
}

//! What clients do in calls, message by message, and what the server makes of it.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod world;

use carillon_call::{Command, IgnoreReason, MediaEvent, SessionState};
use carillon_proto::call::Signal;
use carillon_proto::gateway::{CallPhase, CallResult, LeaveReason, MediaType, TrackName, TrackState};
use carillon_proto::id::RoomId;
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
    w.wait(secs(2));
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

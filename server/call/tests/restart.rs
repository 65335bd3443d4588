//! The server dies and comes back.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod world;

use carillon_call::{MediaEvent, Switchboard};
use carillon_proto::call::Signal;
use carillon_proto::gateway::{CallPhase, CallResult, MediaType, TrackName};
use std::time::Duration;
use world::*;

#[test]
fn both_sides_come_back_to_their_call() {
    let mut w = World::new();
    w.connect();
    let seats = [w.enter("amy").unwrap(), w.enter("ben").unwrap()];
    w.media(seats[0], MediaEvent::TrackStarted(TrackName::Camera));
    w.told.clear();
    w.restart(secs(5));
    assert_eq!(w.board.rooms_of(APP, &user("amy")), [ROOM], "the snapshot at sign-in says where to go");
    assert_eq!(w.phase("amy"), Some(CallPhase::Connected));
    w.wait(secs(20));
    assert_eq!(w.enter_as(APP, "amy", 7, ROOM, None), Ok(seats[0]));
    assert_eq!(w.enter_as(APP, "ben", 7, ROOM, None), Ok(seats[1]));
    assert_eq!(w.enter("eve"), Err(-100_018), "it is a call's room still");
    w.wait(secs(600));
    assert!(w.told.is_empty(), "nobody noticed: {:?}", w.told);
    w.leave_as("amy", 7).unwrap();
    assert_eq!(w.results(), [CallResult::NormalEnd]);
    assert_eq!(w.records[0].started_ms, START.0);
    w.leave_as("ben", 7).unwrap();
    w.assert_quiet();
}

#[test]
fn who_does_not_come_back_is_lost_after_the_grace_time() {
    let mut w = World::new();
    w.connect();
    w.restart(secs(300));
    w.told.clear();
    w.wait(secs(10));
    w.enter_as(APP, "ben", 2, ROOM, None).unwrap();
    w.wait(secs(20) - Duration::from_millis(1));
    assert_eq!(w.told("ben"), Vec::<String>::new());
    w.wait(Duration::from_millis(1));
    assert_eq!(w.told("ben"), ["-amy lost", "call Interrupt"]);
    assert_eq!(w.results(), [CallResult::Interrupt]);
}

#[test]
fn seat_lost_before_the_restart_has_the_whole_grace_time_again() {
    let mut w = World::new();
    w.connect();
    w.session("amy", 1, carillon_call::SessionState::Lost);
    w.wait(secs(25));
    w.restart(secs(1));
    w.wait(secs(29));
    assert!(w.enter_as(APP, "amy", 2, ROOM, None).is_ok());
}

#[test]
fn ringing_goes_on_to_its_stored_deadline() {
    let mut w = World::new();
    w.enter("amy").unwrap();
    w.send("amy", "ben", &call("i1", "amy", "ben"));
    w.wait(secs(10));
    w.restart(secs(20));
    assert_eq!(w.board.calls_of(APP, &user("ben")).len(), 1);
    w.wait(secs(9));
    assert_eq!(w.results(), []);
    w.wait(secs(1));
    assert_eq!(w.results(), [CallResult::NotAnswer]);
}

#[test]
fn deadline_that_passed_meanwhile_is_met_at_once() {
    let mut w = World::new();
    w.enter("amy").unwrap();
    w.send("amy", "ben", &call("i1", "amy", "ben"));
    w.restart(secs(3_600));
    w.wait(Duration::ZERO);
    assert_eq!(w.results(), [CallResult::NotAnswer]);
}

#[test]
fn answer_after_the_restart_counts() {
    let mut w = World::new();
    let invite = call("i1", "amy", "ben");
    w.enter("amy").unwrap();
    w.send("amy", "ben", &invite);
    w.restart(secs(2));
    w.enter_as(APP, "amy", 2, ROOM, None).unwrap();
    w.enter("ben").unwrap();
    w.send("ben", "amy", &invite.accept(user("ben")));
    assert_eq!(w.phase("amy"), Some(CallPhase::Connected));
}

#[test]
fn switch_request_and_kick_outlive_it_too() {
    let mut w = World::new();
    w.connect();
    let switch = Signal::switch_to_audio(invite_id("s1"), user("ben"), user("amy"), ROOM);
    w.send("ben", "amy", &switch);
    w.restart(secs(1));
    w.send("amy", "ben", &switch.accept(user("amy")));
    assert_eq!(w.state("amy").unwrap().media, MediaType::Audio);
}

#[test]
fn group_attribute_is_not_written_again_but_removed_at_the_end() {
    let mut w = World::new();
    let invite = w.ring_group("g1", "amy", &["ben"]);
    w.pick_up("ben", &invite);
    w.attributes.clear();
    w.restart(secs(1));
    w.enter_as(APP, "amy", 2, ROOM, None).unwrap();
    assert!(w.attributes.is_empty());
    w.wait(secs(30));
    assert_eq!(w.attributes.get(&team()), Some(&None));
}

#[test]
fn seat_numbers_are_never_used_again() {
    let mut w = World::new();
    let first = w.enter("amy").unwrap();
    w.leave("amy").unwrap();
    w.restart(secs(1));
    assert!(w.enter("amy").unwrap() > first);
}

#[test]
fn clock_set_back_over_the_restart_keeps_no_call_for_long() {
    let mut w = World::new();
    w.enter("amy").unwrap();
    w.send("amy", "ben", &call("i1", "amy", "ben"));
    w.now.wall.0 -= 86_400_000;
    w.start_again();
    w.wait(secs(131));
    assert_eq!(w.results(), [CallResult::NotAnswer]);
}

#[test]
fn clock_set_while_running_moves_no_deadline() {
    for by in [-3_600_000i64, 3_600_000] {
        let mut w = World::new();
        w.enter("amy").unwrap();
        w.send("amy", "ben", &call("i1", "amy", "ben"));
        w.now.wall.0 = w.now.wall.0.checked_add_signed(by).unwrap();
        w.wait(secs(39));
        assert_eq!(w.results(), []);
        w.wait(secs(1));
        assert_eq!(w.results(), [CallResult::NotAnswer]);
    }
}

#[test]
fn texts_that_cannot_be_read_are_passed_over() {
    let mut w = World::new();
    w.connect();
    let mut saved: Vec<(String, String)> = w.saved.clone().into_iter().collect();
    for key in ["call/1/x", "room/1/5", "seat/99", "what", "seats", ""] {
        saved.push((key.into(), "{".into()));
    }
    let mut board = Switchboard::new(w.config.clone(), 3);
    assert_eq!(board.restore(w.now, saved), 6);
    assert_eq!(board.calls_of(APP, &user("ben")).len(), 1);
}

#[test]
fn seat_without_its_room_is_forgotten() {
    let mut w = World::new();
    w.connect();
    w.saved.retain(|key, _| !key.starts_with("room/"));
    let saved = w.saved.clone().into_iter().collect();
    w.board = Switchboard::new(w.config.clone(), 3);
    assert_eq!(w.board.restore(w.now, saved), 0);
    w.wait(secs(86_401));
    w.enter_as(APP, "cat", 1, carillon_proto::id::RoomId::Number(3), None).unwrap();
    assert!(w.saved.keys().all(|key| key == "seats" || key.contains("/3") || key.starts_with("seat/")));
    assert_eq!(w.board.stats().seats, 1);
}

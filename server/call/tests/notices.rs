//! Ringing that no client ends is ended by the server, in a message that every device understands.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod world;

use carillon_call::{Command, MediaEvent, SessionState};
use carillon_proto::call::Action;
use carillon_proto::gateway::{CallPhase, CallResult, LeaveReason, Peer};
use std::time::Duration;
use world::*;

/// What the server wrote since the last look: in whose name, what, about whom.
fn words(w: &mut World) -> Vec<String> {
    let name = |users: &[carillon_proto::id::UserId]| users.iter().map(|u| u.as_str()).collect::<Vec<_>>().join("+");
    let written = w.written().into_iter();
    written.map(|(from, _, s)| format!("{from} {:?} {}", s.envelope.action, name(&s.envelope.invitees))).collect()
}

/// amy has called ben and waits in the room.
fn ringing() -> World {
    let mut w = World::new();
    w.enter("amy").unwrap();
    w.send("amy", "ben", &call("i1", "amy", "ben"));
    w
}

#[test]
fn caller_who_just_leaves_stops_the_ringing_a_moment_later() {
    let mut w = ringing();
    w.leave("amy").unwrap();
    assert_eq!(w.results(), [CallResult::Cancel]);
    w.wait(secs(2) - Duration::from_millis(1));
    assert_eq!(words(&mut w), Vec::<String>::new());
    w.wait(Duration::from_millis(1));
    let (from, to, word) = w.written().remove(0);
    assert_eq!((from.as_str(), to, word.envelope.action), ("amy", Peer::User(user("ben")), Action::Cancel));
    assert_eq!((word.envelope.invite.as_str(), word.envelope.invitees), ("i1", vec![user("ben")]));
    w.assert_quiet();
}

#[test]
fn callers_own_cancel_is_enough_in_either_order() {
    for cancel_first in [true, false] {
        let mut w = ringing();
        let cancel = call("i1", "amy", "ben").cancel(vec![user("ben")]);
        if cancel_first {
            w.send("amy", "ben", &cancel);
            w.leave("amy").unwrap();
        } else {
            w.leave("amy").unwrap();
            w.send("amy", "ben", &cancel);
        }
        w.wait(secs(60));
        assert_eq!(words(&mut w), Vec::<String>::new());
        w.assert_quiet();
    }
}

#[test]
fn strangers_cancel_and_an_answer_that_comes_too_late_change_as_much_as_they_may() {
    let mut w = ringing();
    w.leave("amy").unwrap();
    w.send("eve", "ben", &call("i1", "amy", "ben").cancel(vec![user("ben")]));
    w.wait(secs(2));
    assert_eq!(words(&mut w), ["amy Cancel ben"]);
    let mut w = ringing();
    w.leave("amy").unwrap();
    w.send("ben", "amy", &call("i1", "amy", "ben").reject(user("ben")));
    w.wait(secs(60));
    assert_eq!(words(&mut w), Vec::<String>::new(), "it rings there no more");
}

#[test]
fn who_still_rings_when_all_others_are_gone_is_told() {
    let mut w = World::new();
    let invite = group_call("g1", "amy", &["ben", "cat", "dan"]);
    w.enter("amy").unwrap();
    w.send("amy", "", &invite);
    w.enter("ben").unwrap();
    w.send("ben", "", &invite.accept(user("ben")));
    w.send("dan", "", &invite.reject(user("dan")));
    w.leave("amy").unwrap();
    w.leave("ben").unwrap();
    w.wait(secs(2));
    assert_eq!(words(&mut w), ["amy Cancel cat"]);
    w.assert_quiet();
}

#[test]
fn call_closed_by_an_administrator_stops_ringing() {
    let mut w = ringing();
    w.command(Command::Close { app: APP, room: ROOM, reason: LeaveReason::Dissolved });
    w.wait(secs(2));
    assert_eq!(words(&mut w), ["amy Cancel ben"]);
}

#[test]
fn notice_outlives_a_stop_of_the_server() {
    let mut w = ringing();
    w.leave("amy").unwrap();
    w.restart(secs(20));
    w.wait(Duration::ZERO);
    assert_eq!(words(&mut w), ["amy Cancel ben"]);
    w.assert_quiet();
}

// ---- a caller who is gone without a word ----

#[test]
fn closed_page_of_the_caller_ends_the_ringing_after_ten_seconds() {
    let mut w = ringing();
    w.wait(secs(3));
    w.session("amy", 1, SessionState::Lost);
    w.wait(secs(10) - Duration::from_millis(1));
    assert_eq!(w.phase("ben"), Some(CallPhase::Waiting));
    w.wait(Duration::from_millis(1));
    assert_eq!((w.phase("ben"), w.results()), (None, vec![CallResult::Cancel]));
    w.wait(secs(2));
    assert_eq!(words(&mut w), ["amy Cancel ben"]);
    w.wait(secs(60));
    w.assert_quiet();
}

#[test]
fn reload_and_a_gap_of_the_callers_network_ring_on() {
    let mut w = ringing();
    w.session("amy", 1, SessionState::Lost);
    w.wait(secs(9));
    w.session("amy", 1, SessionState::Back);
    w.wait(secs(9));
    w.session("amy", 1, SessionState::Lost);
    w.wait(secs(9));
    w.enter_as(APP, "amy", 2, ROOM, None).unwrap();
    w.wait(secs(5));
    assert_eq!(w.phase("ben"), Some(CallPhase::Waiting));
}

#[test]
fn media_alone_says_that_the_caller_is_there() {
    let mut w = World::new();
    let seat = w.enter("amy").unwrap();
    w.send("amy", "ben", &call("i1", "amy", "ben"));
    w.media(seat, MediaEvent::Connected);
    w.session("amy", 1, SessionState::Lost);
    w.wait(secs(15));
    assert_eq!(w.phase("ben"), Some(CallPhase::Waiting));
    w.media(seat, MediaEvent::Lost);
    w.wait(secs(10));
    assert_eq!(w.results(), [CallResult::Cancel]);
}

#[test]
fn answer_in_that_time_keeps_the_caller_the_whole_grace_time() {
    let mut w = ringing();
    w.session("amy", 1, SessionState::Lost);
    w.wait(secs(8));
    w.enter("ben").unwrap();
    w.send("ben", "amy", &call("i1", "amy", "ben").accept(user("ben")));
    w.wait(secs(20));
    w.enter_as(APP, "amy", 2, ROOM, None).unwrap();
    assert_eq!(w.phase("ben"), Some(CallPhase::Connected));
}

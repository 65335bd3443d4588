//! Who gets into which room.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod world;

use carillon_call::{Command, Config, Keeper, MediaEvent, Output, Privileges, RefuseReason, SeatId};
use carillon_proto::call::Signal;
use carillon_proto::gateway::{CallPhase, CallResult, MediaType, TrackName, TrackState};
use carillon_proto::id::RoomId;
use std::collections::BTreeMap;
use world::*;

const REFUSED: Result<SeatId, i32> = Err(-100_018);

#[test]
fn callers_room_admits_the_callee_only() {
    let mut w = World::new();
    w.enter("amy").unwrap();
    w.send("amy", "ben", &call("i1", "amy", "ben"));
    assert_eq!(w.enter("eve"), REFUSED, "a guessed room");
    assert!(w.enter("ben").is_ok());
    assert_eq!(w.told("amy"), ["call waiting", "+ben"], "a stranger's try is not seen");
    assert_eq!(w.board.stats().refused.get(&RefuseReason::NotInvited), Some(&1));
}

#[test]
fn group_calls_room_admits_members_too() {
    let mut w = World::new();
    w.enter("amy").unwrap();
    w.send("amy", "", &group_call("g1", "amy", &["ben"]));
    assert!(w.enter("dan").is_ok(), "a member who was not asked");
    assert_eq!(w.enter("stranger"), REFUSED);
    w.people.members.remove(&(APP, team(), user("cat")));
    assert_eq!(w.enter("cat"), REFUSED, "a former member");
}

#[test]
fn string_and_number_are_different_rooms() {
    let mut w = World::new();
    let text = RoomId::Text("52011".into());
    w.enter("amy").unwrap();
    w.send("amy", "ben", &call("i1", "amy", "ben"));
    assert!(w.enter_as(APP, "eve", 1, text.clone(), None).is_ok());
    let invite = Signal::invite(invite_id("i2"), user("eve"), vec![user("dan")], None, MediaType::Audio, text.clone());
    w.send("eve", "dan", &invite);
    assert_eq!(w.enter_as(APP, "amy", 2, text.clone(), None), REFUSED);
    assert!(w.enter_as(APP, "dan", 1, text, None).is_ok());
}

#[test]
fn foreign_invitation_opens_no_room() {
    let mut w = World::new();
    w.connect();
    w.send("eve", "dan", &call("x1", "eve", "dan"));
    assert_eq!((w.enter("dan"), w.enter("eve")), (REFUSED, REFUSED));
    w.wait(secs(5));
    assert_eq!(w.phase("amy"), Some(CallPhase::Connected));
    w.wait(secs(60));
    assert_eq!(
        w.records.iter().map(|r| (r.call.as_str(), r.result)).collect::<Vec<_>>(),
        [("x1", CallResult::NotAnswer)]
    );
}

#[test]
fn foreign_invitation_takes_no_room_over() {
    let mut w = World::new();
    for name in ["amy", "ben"] {
        w.enter(name).unwrap();
    }
    // From outside, then entering in time: the conference stays open and everybody in it.
    w.send("eve", "dan", &call("x1", "eve", "dan"));
    w.enter("eve").unwrap();
    assert!(w.told("amy").iter().all(|told| !told.starts_with("out")));
    // From inside, but not by the room's owner.
    w.send("eve", "dan", &call("x2", "eve", "dan"));
    for name in ["cat", "dan"] {
        assert!(w.enter(name).is_ok());
    }
    assert_eq!(w.board.rooms_of(APP, &user("amy")), [ROOM]);
}

#[test]
fn invitation_of_the_owner_puts_strangers_out() {
    let mut w = World::new();
    w.enter("amy").unwrap();
    let eve = w.enter("eve").unwrap();
    w.send("amy", "ben", &call("i1", "amy", "ben"));
    assert_eq!(w.told("eve"), ["out kicked"]);
    assert_eq!(w.closed, [eve]);
    assert_eq!(w.enter("eve"), REFUSED);
    assert_eq!(w.told("amy"), ["+eve", "-eve kicked", "call waiting"]);
    assert_eq!(w.board.stats().strangers_removed, 1);
}

#[test]
fn sender_has_ten_seconds_to_enter() {
    for (late, admitted) in [(9, false), (10, true)] {
        let mut w = World::new();
        w.send("amy", "ben", &call("i1", "amy", "ben"));
        w.wait(secs(late));
        w.enter("amy").unwrap();
        assert_eq!(w.enter("eve").is_ok(), admitted, "{late} s");
    }
}

#[test]
fn invitation_that_is_over_gives_no_right() {
    let end: [fn(&mut World, &Signal); 4] = [
        |w, i| w.send("ben", "amy", &i.reject(user("ben"))),
        |w, i| w.send("amy", "ben", &i.cancel(vec![user("ben")])),
        |w, i| w.send("ben", "amy", &i.time_out(vec![user("ben")])),
        |w, _| w.wait(secs(41)),
    ];
    for end in end {
        let mut w = World::new();
        let invite = call("i1", "amy", "ben");
        w.enter("amy").unwrap();
        w.send("amy", "ben", &invite);
        end(&mut w, &invite);
        assert_eq!(w.enter("ben"), REFUSED);
        assert!(w.enter("amy").is_ok(), "she sits there");
    }
}

#[test]
fn claim_is_forgotten_with_the_last_seat() {
    let mut w = World::new();
    w.connect();
    w.leave("amy").unwrap();
    assert_eq!(w.enter("eve"), REFUSED);
    w.leave("ben").unwrap();
    w.assert_quiet();
    assert!(w.enter("eve").is_ok(), "a new room by the same number");
}

#[test]
fn ringing_room_outlives_its_lost_caller() {
    let mut config = Config::default();
    config.call.caller_away_ms = 60_000;
    let mut w = World::with(config);
    let mut invite = call("i1", "amy", "ben");
    invite.envelope.timeout.0 = 100;
    w.enter("amy").unwrap();
    w.send("amy", "ben", &invite);
    w.session("amy", 1, carillon_call::SessionState::Lost);
    w.wait(secs(31));
    assert_eq!(w.board.stats().seats, 0);
    assert_eq!(w.enter("eve"), REFUSED, "it rings still");
    w.enter("ben").unwrap();
    w.send("ben", "amy", &invite.accept(user("ben")));
    w.enter_as(APP, "amy", 2, ROOM, None).unwrap();
    assert_eq!(w.phase("ben"), Some(CallPhase::Connected));
}

#[test]
fn kicked_user_returns_by_invitation_only() {
    let mut w = World::new();
    let invite = w.ring_group("g1", "amy", &["ben", "cat"]);
    for name in ["ben", "cat"] {
        w.enter(name).unwrap();
        w.send(name, "", &invite.accept(user(name)));
    }
    let kick =
        Command::Kick { app: APP, session: session("amy", 1), re: 0, by: user("amy"), user: user("ben"), room: ROOM };
    assert_eq!(w.ask(kick), Ok(()));
    assert_eq!(w.enter("ben"), REFUSED);
    assert_eq!(w.enter_as(APP, "ben", 2, ROOM, None), REFUSED, "nor by another device");
    w.send("cat", "", &group_call("g2", "cat", &["ben"]));
    assert_eq!(w.enter("ben"), REFUSED, "who does not own the room does not pardon");
    w.send("amy", "", &group_call("g3", "amy", &["ben"]));
    assert!(w.enter("ben").is_ok());
}

#[test]
fn closed_rooms_are_for_calls() {
    let mut config = Config::default();
    config.rooms.open = false;
    let mut w = World::with(config);
    w.people.keys.insert("k".into(), (user("cat"), ROOM, 255));
    w.enter("amy").unwrap();
    assert_eq!(w.enter("eve"), REFUSED);
    assert_eq!(w.board.stats().refused.get(&RefuseReason::NotOpen), Some(&1));
    assert!(w.enter_as(APP, "cat", 1, ROOM, Some("k")).is_ok(), "the operator's own server said so");
    // The callee came first; the caller finds the own callee inside.
    let room = RoomId::Number(9);
    let invite = Signal::invite(invite_id("i1"), user("dan"), vec![user("ben")], None, MediaType::Audio, room.clone());
    w.send("dan", "ben", &invite);
    assert!(w.enter_as(APP, "ben", 1, room.clone(), None).is_ok());
    assert!(w.enter_as(APP, "dan", 1, room, None).is_ok());
}

#[test]
fn private_map_key_is_needed_where_the_operator_says_so() {
    let mut config = Config::default();
    config.rooms.require_private_map_key = true;
    let mut w = World::with(config);
    w.people.keys.insert("amy's".into(), (user("amy"), ROOM, 255));
    w.people.keys.insert("ben's".into(), (user("ben"), ROOM, 2 | 8 | 32));
    w.people.keys.insert("ben's other".into(), (user("ben"), RoomId::Number(1), 255));
    w.people.keys.insert("cat's".into(), (user("cat"), ROOM, 4 | 8));
    assert_eq!(w.enter("amy"), REFUSED, "none");
    assert_eq!(w.enter_as(APP, "eve", 1, ROOM, Some("amy's")), REFUSED, "somebody else's");
    assert_eq!(w.enter_as(APP, "ben", 1, ROOM, Some("ben's other")), REFUSED, "another room's");
    assert_eq!(w.enter_as(APP, "ben", 1, ROOM, Some("expired")), REFUSED);
    assert_eq!(w.enter_as(APP, "ben", 1, ROOM, Some("ben's")), REFUSED, "no right to open a room");
    assert!(w.enter_as(APP, "amy", 1, ROOM, Some("amy's")).is_ok());
    assert_eq!(w.enter_as(APP, "cat", 1, ROOM, Some("cat's")), REFUSED, "no right to join");
    let enter = Command::Enter {
        app: APP,
        session: session("ben", 1),
        re: 1,
        user: user("ben"),
        room: ROOM,
        private_map_key: Some("ben's".into()),
    };
    let rights = w.command(enter).into_iter().find_map(|output| match output {
        Output::Entered { may, room, .. } => Some((may, room.may)),
        _ => None,
    });
    let (may, names) = rights.unwrap();
    assert!(may.allows(Privileges::RECEIVE_VIDEO) && !may.allows(Privileges::SEND_AUDIO));
    assert_eq!(names, ["receiveAudio", "receiveVideo"]);
    let publish = Command::SetTracks {
        app: APP,
        session: session("ben", 1),
        re: 0,
        user: user("ben"),
        room: ROOM,
        tracks: BTreeMap::from([(TrackName::Camera, TrackState::On)]),
    };
    assert_eq!(w.ask(publish), Err(10_004));
    assert_eq!(w.board.stats().refused.get(&RefuseReason::Privilege), Some(&2));
    // A key is needed besides an invitation, and is none.
    w.send("amy", "dan", &call("i1", "amy", "dan"));
    assert_eq!(w.enter("dan"), REFUSED);
    w.people.keys.insert("eve's".into(), (user("eve"), ROOM, 255));
    assert_eq!(w.enter_as(APP, "eve", 1, ROOM, Some("eve's")), REFUSED);
}

#[test]
fn rooms_and_seats_have_bounds() {
    let mut config = Config::default();
    config.rooms.rooms = 2;
    config.rooms.seats_per_room = 2;
    config.rooms.rooms_per_user = 1;
    let mut w = World::with(config);
    let room = |n| RoomId::Number(n);
    for name in ["amy", "ben"] {
        assert!(w.enter_as(APP, name, 1, room(1), None).is_ok());
    }
    assert_eq!(w.enter_as(APP, "cat", 1, room(1), None), Err(10_014), "full");
    assert_eq!(w.enter_as(APP, "amy", 1, room(2), None), Err(10_014), "in one room already");
    assert!(w.enter_as(APP, "cat", 1, room(2), None).is_ok());
    assert_eq!(w.enter_as(APP, "dan", 1, room(3), None), Err(10_014), "too many rooms");
    assert!(w.enter_as(APP, "amy", 2, room(1), None).is_ok(), "a reload needs no place");
}

// ---- without a session ----

fn whip(w: &mut World, name: &str) -> Result<SeatId, i32> {
    let request =
        Command::EnterWithoutSession { app: APP, request: 7, user: user(name), room: ROOM, private_map_key: None };
    let outputs = w.command(request);
    let answer = outputs.into_iter().find_map(|output| match output {
        Output::EnteredWithoutSession { request: 7, seat, .. } => Some(Ok(seat)),
        Output::RefusedWithoutSession { request: 7, error } => Some(Err(error.code)),
        _ => None,
    });
    answer.unwrap()
}

#[test]
fn whip_and_whep_share_an_open_room() {
    let mut w = World::new();
    let publisher = whip(&mut w, "amy").unwrap();
    assert!(whip(&mut w, "ben").is_ok());
    w.enter("cat").unwrap();
    w.media(publisher, MediaEvent::Connected);
    w.media(publisher, MediaEvent::TrackStarted(TrackName::Camera));
    assert_eq!(w.told("cat"), ["tracks amy"]);
    w.wait(secs(15));
    assert_eq!(w.told("cat"), ["-ben lost"], "its media never came");
    w.media(publisher, MediaEvent::Closed);
    assert_eq!(w.told("cat"), ["-amy left"]);
}

#[test]
fn whip_is_refused_at_a_call_and_lives_by_its_media() {
    let mut w = World::new();
    w.connect();
    assert_eq!(whip(&mut w, "eve"), REFUSED);
    let mut w = World::new();
    let seat = whip(&mut w, "amy").unwrap();
    w.media(seat, MediaEvent::Connected);
    w.wait(secs(600));
    w.media(seat, MediaEvent::Lost);
    w.wait(secs(29));
    assert_eq!(whip(&mut w, "amy"), Ok(seat), "it came back to the same seat");
    w.media(seat, MediaEvent::Closed);
    assert_eq!(w.closed, [], "that was its old connection");
    w.media(seat, MediaEvent::Connected);
    w.wait(secs(600));
    let leave = Command::Leave { app: APP, session: None, re: 0, user: user("amy"), room: ROOM };
    w.command(leave);
    assert_eq!(w.closed, [seat]);
    w.assert_quiet();
}

#[test]
fn deleted_resource_does_not_end_the_seat_of_a_session() {
    let mut w = World::new();
    let seat = whip(&mut w, "amy").unwrap();
    assert_eq!(w.enter("amy"), Ok(seat));
    w.command(Command::Leave { app: APP, session: None, re: 0, user: user("amy"), room: ROOM });
    assert_eq!(w.closed, []);
    assert_eq!(whip(&mut w, "amy"), Ok(seat));
    assert_eq!(w.told("amy"), ["out takenover"]);
}

// ---- streams ----

fn attach(w: &mut World, name: &str) -> Result<(SeatId, Keeper), i32> {
    let request = Command::Attach { app: APP, request: 8, user: user(name), room: ROOM, private_map_key: None };
    let answer = w.command(request).into_iter().find_map(|output| match output {
        Output::Attached { request: 8, seat, keeper, .. } => Some(Ok((seat, keeper))),
        Output::RefusedWithoutSession { request: 8, error } => Some(Err(error.code)),
        _ => None,
    });
    answer.unwrap()
}

#[test]
fn stream_shares_the_seat_of_its_users_session() {
    let mut w = World::new();
    let seat = w.enter("amy").unwrap();
    w.enter("cat").unwrap();
    assert_eq!(attach(&mut w, "amy"), Ok((seat, Keeper::Session)));
    w.told("cat");
    w.media(seat, MediaEvent::Connected);
    w.media(seat, MediaEvent::TrackStarted(TrackName::Camera));
    w.media(seat, MediaEvent::Dropped);
    assert_eq!(w.told("cat"), ["tracks amy", "tracks amy"], "its camera came and went");
    w.wait(secs(600));
    assert_eq!(w.seat("amy", ROOM), Some(seat), "the session keeps it");
    assert!(w.leave("amy").is_ok(), "and may leave");
}

#[test]
fn stream_without_a_session_takes_a_seat_and_keeps_it_through_a_loss() {
    let mut w = World::new();
    let (seat, keeper) = attach(&mut w, "amy").unwrap();
    assert_eq!(keeper, Keeper::Own);
    w.media(seat, MediaEvent::Connected);
    assert_eq!(attach(&mut w, "amy"), Ok((seat, Keeper::Media)), "a second connection of the same user");
    w.media(seat, MediaEvent::Dropped);
    w.wait(secs(29));
    assert!(attach(&mut w, "amy").is_ok());
    w.media(seat, MediaEvent::Connected);
    w.wait(secs(600));
    assert_eq!(w.board.rooms_of(APP, &user("amy")), [ROOM]);
    w.media(seat, MediaEvent::Dropped);
    w.wait(secs(31));
    assert!(w.board.rooms_of(APP, &user("amy")).is_empty());
}

#[test]
fn stream_comes_back_after_a_restart_and_a_stranger_never() {
    let mut w = World::new();
    let (seat, _) = attach(&mut w, "amy").unwrap();
    w.media(seat, MediaEvent::Connected);
    w.restart(secs(1));
    assert_eq!(attach(&mut w, "amy"), Ok((seat, Keeper::Own)));
    let mut w = World::new();
    w.connect();
    assert!(attach(&mut w, "eve").is_err(), "the room is a call's");
    assert!(attach(&mut w, "amy").is_ok());
}

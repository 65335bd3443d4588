//! Calls of several: who answers, who comes later, who takes what back.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

mod world;

use carillon_call::{Happening, MemberChange};
use carillon_proto::call::Signal;
use carillon_proto::gateway::{CallPhase, CallResult, MediaType};
use carillon_proto::id::CallId;
use serde_json::{Value, json};
use world::*;

fn attribute(w: &World) -> Option<Value> {
    w.attributes.get(&team()).cloned().flatten().map(|text| serde_json::from_str(&text).unwrap())
}

#[test]
fn group_of_four_answers_rejects_and_misses() {
    let mut w = World::new();
    let invite = w.ring_group("g1", "amy", &["ben", "cat", "dan"]);
    w.pick_up("ben", &invite);
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
    assert_eq!(changes, [Invite, Invite, Invite, Answer, Reject, NotAnswer, HangUp]);
}

#[test]
fn group_call_waits_for_the_undecided_when_the_first_leaves() {
    let mut w = World::new();
    let invite = w.ring_group("g1", "amy", &["ben", "cat"]);
    w.pick_up("ben", &invite);
    let notice = Signal::hang_up(invite_id("h1"), user("ben"), vec![], Some(team()), MediaType::Video, 4);
    w.send("ben", "", &notice);
    w.leave("ben").unwrap();
    assert_eq!(w.phase("amy"), Some(CallPhase::Connected));
    w.pick_up("cat", &invite);
    w.leave("cat").unwrap();
    assert_eq!(w.results(), [CallResult::NormalEnd]);
}

#[test]
fn invited_later_belongs_to_the_same_call() {
    let mut w = World::new();
    let invite = w.ring_group("g1", "amy", &["ben"]);
    w.pick_up("ben", &invite);
    let more = group_call("g2", "ben", &["eve"]).adding_to(CallId::new("g1").unwrap(), vec![user("amy")]);
    w.send("ben", "", &more);
    w.pick_up("eve", &more);
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
    let invite = w.ring_group("g1", "amy", &["ben"]);
    w.pick_up("ben", &invite);
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
    let invite = w.ring_group("g1", "amy", &["ben"]);
    let users = |names: &[&str]| names.iter().map(|name| json!({"userid": name})).collect::<Vec<_>>();
    assert_eq!(
        attribute(&w).unwrap(),
        json!({"business_type": "callkit", "call_id": "g1", "group_id": "team", "room_id": "52011",
            "room_id_type": 1, "call_media_type": "video", "user_list": users(&["amy"])})
    );
    w.pick_up("ben", &invite);
    assert_eq!(attribute(&w).unwrap()["user_list"], json!(users(&["amy", "ben"])));
    w.leave("ben").unwrap();
    assert_eq!(attribute(&w), None);
    assert!(w.attributes.contains_key(&team()), "it was removed, not forgotten");
}

#[test]
fn cancel_of_a_ringing_group_call_ends_it() {
    let mut w = World::new();
    let invite = w.ring_group("g1", "amy", &["ben", "cat"]);
    w.send("amy", "", &invite.cancel(vec![user("ben"), user("cat")]));
    w.leave("amy").unwrap();
    assert_eq!(w.results(), [CallResult::Cancel]);
    w.assert_quiet();
}

#[test]
fn callers_hang_up_in_a_group_takes_back_what_rings() {
    let mut w = World::new();
    let invite = w.ring_group("g1", "amy", &["ben", "cat"]);
    w.pick_up("ben", &invite);
    w.send("amy", "", &Signal::hang_up(invite_id("h1"), user("amy"), vec![], Some(team()), MediaType::Video, 9));
    w.send("amy", "", &invite.cancel(vec![user("cat")]));
    assert_eq!(w.results(), [CallResult::NormalEnd]);
}

#[test]
fn nobody_left_takes_back_what_still_rings() {
    let mut w = World::new();
    let invite = w.ring_group("g1", "amy", &["ben", "cat"]);
    w.pick_up("ben", &invite);
    w.leave("amy").unwrap();
    w.leave("ben").unwrap();
    assert_eq!(w.results(), [CallResult::NormalEnd]);
    assert_eq!(w.told("cat"), ["call waiting", "call connected", "call connected", "call NormalEnd"]);
    w.wait(secs(2));
    w.assert_quiet();
}

#[test]
fn order_of_results_in_a_group_nobody_accepts() {
    let end = |answers: &[&str]| {
        let mut w = World::new();
        let names = ["ben", "cat", "dan"];
        w.people.offline.insert(user("dan"));
        let invite = w.ring_group("g1", "amy", &names[..answers.len()]);
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

//! Who is let in, for how long, and which other device must go.

#![allow(clippy::unwrap_used)]

mod world;

use carillon_config::DevicePolicy;
use carillon_config::chat::Chat as Config;
use carillon_proto::gateway::{ByeReason, Device, Event, Platform, Request, code};
use carillon_proto::id::AppId;
use std::io::Write;
use world::*;

fn refused(w: &mut World, app: AppId, name: &str, sig: &str) -> i32 {
    w.try_sign_in(app, name, sig, device("d")).expect_err("is refused").code
}

/// A megabyte of zeros in a UserSig's alphabet.
fn zip_bomb() -> String {
    use base64::Engine;
    let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(&vec![b'0'; 1 << 20]).unwrap();
    let text = base64::engine::general_purpose::STANDARD.encode(packer.finish().unwrap());
    text.replace('+', "*").replace('/', "-").replace('=', "_")
}

#[test]
fn each_bad_user_sig_has_its_code() {
    let mut w = World::new();
    let good = w.sig(APP, "amy", KEY, 60);
    let cases = [
        (APP, "amy", String::new(), code::USER_SIG_EMPTY),
        (APP, "amy", good[..good.len() / 2].to_owned(), code::USER_SIG_MALFORMED),
        (APP, "amy", "x".repeat(9_000), code::USER_SIG_MALFORMED),
        (APP, "amy", zip_bomb(), code::USER_SIG_MALFORMED),
        (APP, "amy", w.sig(APP, "amy", OTHER_KEY, 60), code::USER_SIG_WRONG_KEY),
        (APP, "ben", good.clone(), code::USER_SIG_OTHER_USER),
        (OTHER_APP, "amy", good.clone(), code::USER_SIG_OTHER_APP),
        (AppId(99), "amy", good.clone(), code::NO_APP),
        (KEYLESS_APP, "amy", w.sig(KEYLESS_APP, "amy", KEY, 60), code::NO_KEY),
        (APP, "not a name", good.clone(), code::INVALID_USER),
    ];
    for (app, name, sig, expected) in cases {
        assert_eq!(refused(&mut w, app, name, &sig), expected);
    }
    w.pass(61);
    assert_eq!(refused(&mut w, APP, "amy", &good), code::USER_SIG_EXPIRED);
    assert_eq!(w.chat.stats().sessions, 0);
}

#[test]
fn after_many_refused_tries_the_code_says_wait_and_a_good_user_sig_passes() {
    let mut w = World::new();
    for _ in 0..10 {
        assert_eq!(refused(&mut w, APP, "amy", "x"), code::USER_SIG_MALFORMED);
    }
    assert_eq!(refused(&mut w, APP, "amy", "x"), code::TOO_MANY_TRIES);
    assert_eq!(refused(&mut w, APP, "ben", "x"), code::USER_SIG_MALFORMED, "another user's tries are its own");
    w.sign_in("amy");
    w.pass(60);
    assert_eq!(refused(&mut w, APP, "amy", "x"), code::USER_SIG_MALFORMED);
}

#[test]
fn a_session_ends_when_its_user_sig_expires() {
    let mut w = World::new();
    let sig = w.sig(APP, "amy", KEY, 60);
    let (amy, _) = w.try_sign_in(APP, "amy", &sig, device("d")).expect("is let in");
    w.pass(59);
    assert_eq!(w.ended(), []);
    w.pass(1);
    assert_eq!(w.ended(), [(amy, ByeReason::UserSigExpired)]);
    assert_eq!(w.presence(), [("amy".to_owned(), false)]);
    assert_eq!(w.chat.poll_timeout(), None);
}

#[test]
fn the_operators_bound_shortens_a_user_sig_however_often_it_is_shown() {
    let mut w = World::with(DevicePolicy::All, Config { user_sig_days_max: 1, ..Config::default() });
    let sig = w.sig(APP, "amy", KEY, 100 * DAY);
    w.pass(DAY - 10);
    let (amy, _) = w.try_sign_in(APP, "amy", &sig, device("d")).expect("is let in");
    w.pass(10);
    assert_eq!(w.ended(), [(amy, ByeReason::UserSigExpired)]);
    w.pass(1);
    assert_eq!(refused(&mut w, APP, "amy", &sig), code::USER_SIG_EXPIRED);
}

/// Which of a browser, another browser and a phone are ended when one more browser signs in.
fn ended_by_one_more(policy: DevicePolicy) -> Vec<usize> {
    let mut w = World::with(policy, Config::default());
    let phone = Device { platform: Platform::Android, ..device("phone") };
    let old: Vec<_> = [device("web"), phone].into_iter().map(|d| w.join("amy", d).0).collect();
    w.join("amy", device("web2"));
    assert!(w.ended().iter().all(|(_, reason)| *reason == ByeReason::KickedByDevice));
    w.ended().iter().map(|(s, _)| old.iter().position(|o| o == s).unwrap()).collect()
}

#[test]
fn the_policy_says_which_devices_stay() {
    assert!(ended_by_one_more(DevicePolicy::All).is_empty());
    assert_eq!(ended_by_one_more(DevicePolicy::OnePerPlatform), [0]);
    assert_eq!(ended_by_one_more(DevicePolicy::NewestWins), [1], "the browser was gone before");
}

#[test]
fn one_device_too_many_ends_the_oldest() {
    let mut w = World::with(DevicePolicy::All, Config { devices_per_user_max: 2, ..Config::default() });
    let first = w.sign_in("amy");
    w.sign_in("amy");
    w.sign_in("amy");
    assert_eq!(w.ended(), [(first, ByeReason::KickedByDevice)]);
}

#[test]
fn the_same_device_supersedes_itself_and_the_user_was_never_gone() {
    for policy in [DevicePolicy::All, DevicePolicy::OnePerPlatform, DevicePolicy::NewestWins] {
        let mut w = World::with(policy, Config::default());
        let (old, _) = w.join("amy", device("d"));
        assert_eq!(w.presence(), [("amy".to_owned(), true)]);
        let (new, _) = w.join("amy", device("d"));
        assert_eq!(w.ended(), [(old, ByeReason::KickedBySameDevice)]);
        assert_eq!(w.presence(), []);
        assert_eq!(w.chat.sessions_of(APP, &user("amy")), [new]);
    }
}

#[test]
fn a_store_failure_lets_nobody_in() {
    let mut w = World::new();
    w.store.fail_after(Some(0));
    let sig = w.sig(APP, "amy", KEY, 60);
    assert_eq!(refused(&mut w, APP, "amy", &sig), code::INTERNAL);
    assert!(!w.chat.is_online(APP, &user("amy")));
    w.store.fail_after(None);
    w.sign_in("amy");
}

#[test]
fn a_custom_status_ends_with_the_session_that_set_it() {
    let status = |w: &mut World, from| {
        let value = w.ask(from, Request::GetStatus { users: vec![user("ben")] }).expect("a status");
        (value["statuses"][0]["online"].as_bool().unwrap(), value["statuses"][0]["custom"].as_str().unwrap().to_owned())
    };
    let mut w = World::new();
    let (amy, phone, laptop) = (w.sign_in("amy"), w.sign_in("ben"), w.sign_in("ben"));
    w.ask(amy, Request::WatchStatus { users: vec![user("ben")] }).expect("watches");
    w.ask(phone, Request::SetStatus { custom: "call_accept".into() }).expect("is set");
    w.sign_out(laptop);
    assert_eq!(status(&mut w, amy), (true, "call_accept".into()), "another device's end changes nothing");
    let laptop = w.sign_in("ben");
    w.inbox.clear();
    w.sign_out(phone);
    assert_eq!(status(&mut w, amy), (true, String::new()));
    let told = |w: &mut World, who| {
        let text =
            |event| if let Event::StatusChanged(status) = event { (status.online, status.custom) } else { panic!() };
        w.events(who).into_iter().map(text).collect::<Vec<_>>()
    };
    assert_eq!((told(&mut w, amy), told(&mut w, laptop)), (vec![(true, String::new())], vec![(true, String::new())]));
}

#[test]
fn a_page_that_is_loaded_again_says_its_status_anew() {
    let mut w = World::new();
    let (page, _) = w.join("ben", device("b"));
    w.ask(page, Request::SetStatus { custom: "call_wait".into() }).expect("is set");
    let (again, _) = w.join("ben", device("b"));
    assert_eq!(w.presence(), [], "ben was never gone");
    let value = w.ask(again, Request::GetStatus { users: vec![user("ben")] }).expect("a status");
    assert_eq!(value["statuses"][0]["custom"], "", "the call of the page before is over");
}

#[test]
fn the_last_device_to_set_a_status_is_the_one_it_ends_with() {
    let mut w = World::new();
    let (amy, phone, laptop) = (w.sign_in("amy"), w.sign_in("ben"), w.sign_in("ben"));
    for (session, custom) in [(phone, "away"), (laptop, "busy")] {
        w.ask(session, Request::SetStatus { custom: custom.into() }).expect("is set");
    }
    w.sign_out(phone);
    let value = w.ask(amy, Request::GetStatus { users: vec![user("ben")] }).expect("a status");
    assert_eq!(value["statuses"][0]["custom"], "busy");
}

//! Callbacks: signed as the vendor signs them, in order, and none lost whatever the receiver or the server does.

mod support;

use base64::Engine;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::time::Duration;
use support::call::{Call, ROOM};
use support::client::Client;
use support::media::{Peer, Running};
use support::prometheus::Page;
use support::receiver::{Got, Receiver, Verdict};
use support::rest::ok;
use support::{APP, Folder, KEY, Server, http, unix_seconds};

const TOKEN: &str = "callback-token";
const ROOM_KEY: &str = "1234567890abcdef";
const START: &str = "Call.CallbackAfterStartCall";
const CHANGED: &str = "Call.CallbackAfterMemberChanged";
const END: &str = "Call.CallbackAfterEndCall";

fn start(folder: &Folder, calls: Option<&Receiver>, rooms: Option<&Receiver>) -> Server {
    start_with(folder, calls, rooms, "20000")
}

fn start_with(folder: &Folder, calls: Option<&Receiver>, rooms: Option<&Receiver>, waiting_max: &str) -> Server {
    let url =
        |receiver: Option<&Receiver>| receiver.map(|r| format!("http://{}/hook?of=me", r.address)).unwrap_or_default();
    let (url, room_url) = (url(calls), url(rooms));
    let callbacks = format!("{{ url = '{url}', token = '{TOKEN}', room_url = '{room_url}', room_key = '{ROOM_KEY}' }}");
    let apps = format!("[{{ id = {APP}, keys = ['{KEY}'], callbacks = {callbacks} }}]");
    let settings = [
        ("APPS", apps.as_str()),
        ("CALLBACKS_ANSWER_WITHIN_MS", "300"),
        ("CALLBACKS_RETRY_FIRST_MS", "20"),
        ("CALLBACKS_RETRY_MAX_MS", "100"),
        ("CALLBACKS_WAITING_MAX", waiting_max),
    ];
    Server::start(folder, &settings)
}

fn command(got: &Got) -> &str {
    got.body["CallbackCommand"].as_str().unwrap_or_default()
}

fn is_end(got: &Got) -> bool {
    command(got) == END
}

async fn whole_call(server: &Server) -> Call {
    let mut call = Call::connect(server).await;
    call.hang_up().await;
    call
}

fn metric(server: &Server, series: &str) -> f64 {
    let page = Page::parse(&http::get(server.admin, "/metrics").body);
    page.values[series]
}

/// A call's callbacks in the order that they came: what happened, and to whom.
fn story(got: &[Got]) -> Vec<String> {
    let of_call = got.iter().filter(|got| command(got).starts_with("Call."));
    let what = |got: &Got| match command(got) {
        CHANGED => {
            let changed = &got.body["ChangedUserList"][0];
            format!(
                "{} {}",
                changed["ActionType"].as_str().unwrap_or("?"),
                changed["User_Account"].as_str().unwrap_or("?")
            )
        }
        other => other.to_owned(),
    };
    of_call.map(what).collect()
}

fn check_story(story: &[String]) {
    assert_eq!(story.first().map(String::as_str), Some(START), "{story:?}");
    assert_eq!(story.last().map(String::as_str), Some(END), "{story:?}");
    let at = |what: &str| story.iter().position(|s| s == what).unwrap_or_else(|| panic!("{what} in {story:?}"));
    assert!(at("Answer ben") < at("Hangup ben"), "{story:?}");
    let mut once = story.to_vec();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), story.len(), "each once: {story:?}");
}

#[tokio::test]
async fn callbacks_of_a_call_are_signed_and_in_order() {
    let receiver = Receiver::start(|_| Verdict::Take);
    let folder = Folder::new();
    let server = start(&folder, Some(&receiver), None);
    let _call = whole_call(&server).await;
    let got = receiver.until(is_end);
    check_story(&story(&got));
    for got in &got {
        assert_eq!(got.query("of").as_deref(), Some("me"), "the address keeps its query: {}", got.target);
        assert_eq!(got.query("SdkAppid"), Some(APP.to_string()));
        assert_eq!(got.query("CallbackCommand").as_deref(), Some(command(got)));
        let time = got.query("RequestTime").expect("a time");
        let sign: String = Sha256::digest(format!("{TOKEN}{time}")).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(got.query("Sign"), Some(sign));
        assert!(unix_seconds().abs_diff(time.parse().expect("seconds")) < 60);
        assert!(got.body["EventTime"].is_u64(), "{}", got.text);
    }
    let started = got.iter().find(|got| command(got) == START).expect("checked above");
    assert_eq!(started.body["CallInfo"]["RoomId"], ROOM.to_string());
    let record = &got.last().expect("the end").body["CallRecord"];
    assert_eq!((&record["CallResult"], &record["Caller_Account"]), (&json!("NormalEnd"), &json!("amy")), "{record}");
    let login = got.iter().find(|got| command(got) == "State.StateChange").expect("amy signed in");
    assert_eq!(login.body["Info"]["Action"], "Login");
}

#[tokio::test]
async fn callbacks_of_rooms_carry_the_hmac_of_their_body() {
    let receiver = Receiver::start(|_| Verdict::Take);
    let folder = Folder::new();
    let server = start(&folder, None, Some(&receiver));
    let mut amy = Client::sign_in(&server, "amy").await;
    amy.ok("room.enter", json!({"room": 7})).await;
    amy.ok("room.leave", json!({"room": 7})).await;
    let got = receiver.until(|got| got.body["EventType"] == 102);
    let events: Vec<u64> = got.iter().filter_map(|got| got.body["EventType"].as_u64()).collect();
    assert_eq!(events, [101, 103, 104, 102]);
    for got in &got {
        let mut mac = Hmac::<Sha256>::new_from_slice(ROOM_KEY.as_bytes()).expect("any key");
        mac.update(got.text.as_bytes());
        let sign = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
        assert_eq!(got.header("Sign"), Some(sign.as_str()));
        assert_eq!(got.header("SdkAppId"), Some(APP.to_string().as_str()));
        assert_eq!((&got.body["EventGroupId"], &got.body["EventInfo"]["RoomId"]), (&json!(1), &json!(7)));
    }
    assert_eq!(got[2].body["EventInfo"]["Reason"], 1, "left by herself");
}

/// Sound and pictures go out under these names.
async fn send(client: &mut Client, sound: &str, pictures: &str) -> Running {
    client.ok("room.enter", json!({"room": 7})).await;
    let peer = Peer::publisher();
    let publish = json!([
        {"mid": peer.audio.to_string(), "track": sound},
        {"mid": peer.video.to_string(), "track": pictures},
    ]);
    let answer = client.ok("room.offer", json!({"room": 7, "sdp": peer.sdp, "publish": publish})).await;
    client.ok("room.state", json!({"room": 7, "tracks": {sound: "on", pictures: "on"}})).await;
    peer.start(answer["sdp"].as_str().expect("an answer"))
}

/// The next so many events about media: what, and whose.
fn media_events(receiver: &Receiver, count: usize) -> Vec<(u64, String)> {
    let all = std::iter::repeat_with(|| receiver.next()).filter(|got| got.body["EventGroupId"] == 2);
    let show = |got: Got| {
        let user = got.body["EventInfo"]["UserId"].as_str().expect("a user").to_owned();
        (got.body["EventType"].as_u64().expect("a number"), user)
    };
    all.take(count).map(show).collect()
}

#[tokio::test]
async fn media_that_starts_and_stops_is_told_once() {
    let receiver = Receiver::start(|_| Verdict::Take);
    let folder = Folder::new();
    let server = start(&folder, None, Some(&receiver));
    let (mut amy, mut ben) = (Client::sign_in(&server, "amy").await, Client::sign_in(&server, "ben").await);
    let _amy_sends = send(&mut amy, "microphone", "camera").await;
    let _ben_sends = send(&mut ben, "screenAudio", "screen").await;
    let mut started = media_events(&receiver, 3);
    started.sort();
    assert_eq!(started, [(201, "amy".into()), (203, "amy".into()), (205, "ben".into())]);
    for (track, state) in [("camera", "off"), ("camera", "on"), ("microphone", "muted"), ("microphone", "off")] {
        amy.ok("room.state", json!({"room": 7, "tracks": {track: state}})).await;
    }
    ben.ok("room.state", json!({"room": 7, "tracks": {"screen": "off"}})).await;
    let told = media_events(&receiver, 4);
    assert_eq!(told, [(202, "amy".into()), (201, "amy".into()), (204, "amy".into()), (206, "ben".into())]);
    amy.ok("room.leave", json!({"room": 7})).await;
    ben.ok("room.leave", json!({"room": 7})).await;
    let last: Vec<_> =
        receiver.until(|got| got.body["EventType"] == 102).iter().map(|got| got.body["EventType"].clone()).collect();
    assert_eq!(last, [104, 104, 102], "who leaves has left alone");
}

#[tokio::test]
async fn logout_is_told_when_the_last_device_is_gone() {
    let receiver = Receiver::start(|_| Verdict::Take);
    let folder = Folder::new();
    let server = start(&folder, Some(&receiver), None);
    let mut phone = Client::sign_in_to(&server, APP, KEY, "amy", "phone").await;
    let mut tablet = Client::sign_in_to(&server, APP, KEY, "amy", "tablet").await;
    for device in [&mut phone, &mut tablet] {
        device.socket.send(json!({"t": "signOut"})).await;
        let (bye, _) = device.socket.ending().await;
        assert_eq!(bye["reason"], "signedOut");
    }
    let _ben = Client::sign_in(&server, "ben").await;
    let got = receiver.until(|got| got.body["Info"]["To_Account"] == "ben");
    let told: Vec<_> =
        got.iter().map(|got| (command(got), got.body["Info"]["Action"].as_str().unwrap_or("?"))).collect();
    let change = "State.StateChange";
    assert_eq!(told, [(change, "Login"), (change, "Logout"), (change, "Login")]);
    assert_eq!(got[1].body["Info"]["To_Account"], "amy");
}

#[tokio::test]
async fn receiver_that_fails_hangs_and_returns_gets_all_in_order() {
    let mut tries = 0;
    let receiver = Receiver::start(move |_| {
        tries += 1;
        match tries % 5 {
            0 => Verdict::Take,
            1 => Verdict::Hang,
            _ => Verdict::Fail,
        }
    });
    let folder = Folder::new();
    let server = start(&folder, Some(&receiver), None);
    let _call = whole_call(&server).await;
    check_story(&story(&receiver.until(is_end)));
    let failed = metric(&server, "carillon_callbacks_total{event=\"failed\"}");
    assert!(failed >= 4.0, "{failed}");
}

#[tokio::test]
async fn receiver_that_was_away_gets_all_when_it_is_back() {
    let receiver = Receiver::start(|_| Verdict::Fail);
    let folder = Folder::new();
    let server = start(&folder, Some(&receiver), None);
    let _call = whole_call(&server).await;
    assert_eq!(receiver.rest(Duration::from_millis(500)).len(), 0);
    receiver.judge(|_| Verdict::Take);
    check_story(&story(&receiver.until(is_end)));
}

#[tokio::test]
async fn one_call_that_is_not_taken_holds_up_nobody_else() {
    for verdict in [Verdict::Fail, Verdict::Hang] {
        hold_up_one_call(verdict).await;
    }
}

async fn hold_up_one_call(verdict: Verdict) {
    let receiver = Receiver::start(move |got| if command(got) == START { verdict } else { Verdict::Take });
    let folder = Folder::new();
    let server = start(&folder, Some(&receiver), None);
    let _call = whole_call(&server).await;
    let _cy = Client::sign_in(&server, "cy").await;
    let of_cy = |got: &Got| got.body["Info"]["To_Account"] == "cy";
    let got = receiver.until(of_cy);
    assert_eq!(story(&got), [""; 0], "nothing of the call before its beginning");
    receiver.judge(|_| Verdict::Take);
    check_story(&story(&receiver.until(is_end)));
}

#[tokio::test]
async fn outbox_survives_a_kill() {
    let receiver = Receiver::start(|_| Verdict::Fail);
    let folder = Folder::new();
    let server = start(&folder, Some(&receiver), None);
    let _call = whole_call(&server).await;
    server.kill();
    let server = start(&folder, Some(&receiver), None);
    let waiting = || metric(&server, "carillon_callbacks_waiting");
    assert!(waiting() >= 4.0);
    receiver.judge(|_| Verdict::Take);
    check_story(&story(&receiver.until(is_end)));
    let emptied = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        waiting() == 0.0
    });
    assert!(emptied, "what was delivered is out of the outbox");
    let (status, _) = server.stop();
    assert!(status.success());
    // Nothing that was taken comes again.
    let _server = start(&folder, Some(&receiver), None);
    let again = receiver.rest(Duration::from_millis(300));
    assert_eq!(story(&again), [""; 0]);
}

#[tokio::test]
async fn only_the_callbacks_that_were_asked_for_are_sent() {
    let receiver = Receiver::start(|_| Verdict::Take);
    let folder = Folder::new();
    let server = start(&folder, None, None);
    let set = json!({"Url": format!("http://{}/only", receiver.address), "CallbackCommandList": [END]});
    ok(&server, "call_config/set_callback", set);
    let _call = whole_call(&server).await;
    let got = receiver.until(is_end);
    assert_eq!(story(&got), [END]);
    assert_eq!(got.len(), 1, "{got:?}");
    assert_eq!(got[0].target.split('?').next(), Some("/only"));
    assert_ne!(got[0].body, Value::Null);
}

#[tokio::test]
async fn full_outbox_drops_what_is_new_and_counts_it() {
    let receiver = Receiver::start(|_| Verdict::Fail);
    let folder = Folder::new();
    let server = start_with(&folder, Some(&receiver), None, "16");
    let mut clients = Vec::new();
    for n in 0..20 {
        clients.push(Client::sign_in(&server, &format!("user-{n}")).await);
    }
    assert_eq!(metric(&server, "carillon_callbacks_waiting"), 16.0);
    assert_eq!(metric(&server, "carillon_callbacks_total{event=\"dropped\"}"), 4.0);
    receiver.judge(|_| Verdict::Take);
    let mut told: Vec<String> = (0..16).map(|_| receiver.next().body["Info"]["To_Account"].to_string()).collect();
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 16, "those that were in it are delivered, each once");
}

//! Addresses that a back end signs by `txSecret` and `txTime`: a publisher's keys and players' are not the same.

use crate::support::streams::{Ffmpeg, assert_steady};
use crate::support::{APP, KEY, http, unix_seconds};
use crate::{Scene, by_hand};
use md5::{Digest, Md5};
use sha2::Sha256;

const PUBLISH: &str = "a key of publishers";
const PLAY: &str = "a key of players, new";
const PLAY_BEFORE: &str = "a key of players, old";
/// Seconds that addresses are good for.
const LIFE: u64 = 600;

fn scene() -> Scene {
    let streams = format!(r#"{{ publish = ["{PUBLISH}"], play = ["{PLAY}", "{PLAY_BEFORE}"] }}"#);
    let apps = format!(r#"[{{ id = {APP}, keys = ["{KEY}"], streams = {streams} }}]"#);
    Scene::with(&[("APPS", &apps), ("RTMP_SIGNED_DAYS_MAX", "1")])
}

fn time(seconds: u64) -> String {
    format!("{seconds:08X}")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// As the vendor's back ends make it.
fn md5(key: &str, stream: &str, time: &str) -> String {
    hex(&Md5::digest(format!("{key}{APP}/{stream}{time}")))
}

fn named(stream: &str, secret: &str, time: &str) -> String {
    format!("{stream}?txSecret={secret}&txTime={time}")
}

/// `7/amy`, for the next minutes.
fn signed(key: &str) -> String {
    let time = time(unix_seconds() + LIFE);
    named("7/amy", &md5(key, "7/amy", &time), &time)
}

#[test]
fn signed_addresses_publish_and_play() {
    let scene = scene();
    let rtmp = |name: &str| format!("rtmp://{}/live/{APP}/{name}", scene.server.rtmp);
    let _publisher = Ffmpeg::publish(&rtmp(&signed(PUBLISH)));
    let until = time(unix_seconds() + LIFE);
    let sha256 = hex(&Sha256::digest(format!("{PLAY}{APP}/7/amy{until}")));
    scene.await_metric("rtmp_publishers", |publishers| publishers == 1.0);
    let flv = format!("http://{}/live/{APP}/{}", scene.server.http, signed(PLAY).replace("amy?", "amy.flv?"));
    for address in [rtmp(&signed(PLAY)), rtmp(&signed(PLAY_BEFORE)), rtmp(&named("7/amy", &sha256, &until)), flv] {
        assert_steady(&Ffmpeg::play(&address).decoded(30));
    }
}

/// What is no good, and why.
fn forged(key: &str) -> Vec<(&'static str, String)> {
    let now = unix_seconds();
    let (until, over, far) = (time(now + LIFE), time(now - 1), time(now + 2 * 86_400));
    let good = md5(key, "7/amy", &until);
    // Signed for `7/amy5`: nothing stands between stream and time in what was hashed.
    let longer = md5(key, "7/amy5", &until);
    vec![
        ("another key", named("7/amy", &md5("no key of anybody", "7/amy", &until), &until)),
        ("another stream", named("7/ben", &good, &until)),
        ("another time", named("7/amy", &good, &time(now + LIFE + 1))),
        ("half a secret", named("7/amy", &good[..16], &until)),
        ("no secret", named("7/amy", "", &until)),
        ("over", named("7/amy", &md5(key, "7/amy", &over), &over)),
        ("too far ahead", named("7/amy", &md5(key, "7/amy", &far), &far)),
        ("the stream's end moved into the time", named("7/amy", &longer, &format!("5{until}"))),
        ("the time's start moved into the stream", named(&format!("7/amy5{}", &until[..1]), &longer, &until[1..])),
        ("a time that is none", named("7/amy", &md5(key, "7/amy", "FFFFFFFFFFFFFFFF"), "FFFFFFFFFFFFFFFF")),
    ]
}

#[test]
fn forged_addresses_are_refused_by_a_status_and_then_closed() {
    let scene = scene();
    let _publisher = Ffmpeg::publish(&format!("rtmp://{}/live/{APP}/{}", scene.server.rtmp, signed(PUBLISH)));
    scene.await_metric("rtmp_publishers", |publishers| publishers == 1.0);
    let (mut publications, mut players) = (forged(PUBLISH), forged(PLAY));
    publications.push(("a player's", signed(PLAY)));
    players.push(("a publisher's", signed(PUBLISH)));
    for (fault, name) in &publications {
        assert_eq!(by_hand::refusal(scene.server.rtmp, "publish", name), "Publish.Denied", "{fault}: {name}");
    }
    for (fault, name) in &players {
        assert_eq!(by_hand::refusal(scene.server.rtmp, "play", name), "Play.Failed", "{fault}: {name}");
        let path = format!("/live/{APP}/{}", name.replace('?', ".flv?"));
        assert_eq!(http::get(scene.server.http, &path).status, 403, "{fault}: {path}");
    }
    let refused = scene.metric("rtmp_refused_total{reason=\"unauthorized\"}");
    assert_eq!(refused, (publications.len() + 2 * players.len()) as f64);
    assert_eq!((scene.metric("rtmp_publishers"), scene.metric("rtmp_taken_over_total")), (1.0, 0.0));
}

#[test]
fn bytes_appended_to_a_signed_text_name_no_stream() {
    let scene = scene();
    let until = time(unix_seconds() + LIFE);
    // What MD5 pads its text with (RFC 1321 section 3.1) has to stand in the stream's name.
    let stream = format!("7/amy{until}%80%00%00%00%00%B8%01%00%00%00%00%00%00x");
    let name = named(&stream, &md5(PUBLISH, "7/amy", &until), &until);
    for (command, code) in [("publish", "Publish.BadName"), ("play", "Play.StreamNotFound")] {
        assert_eq!(by_hand::refusal(scene.server.rtmp, command, &name), code);
    }
}

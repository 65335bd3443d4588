//! SDP that is no good, through the room and through WHIP.

use crate::Scene;
use crate::support::call::ROOM;
use crate::support::client::{Client, signature};
use crate::support::http::{self, Reply};
use crate::support::{APP, KEY};
use serde_json::json;

const BAD_OFFER: i64 = -3319;

/// An offer as a client makes it.
fn good() -> String {
    let mut rtc = str0m::Rtc::builder().build(crate::support::now());
    let mut api = rtc.sdp_api();
    api.add_media(str0m::media::MediaKind::Audio, str0m::media::Direction::SendOnly, None, None, None);
    api.apply().expect("something changed").0.to_sdp_string()
}

fn without(sdp: &str, start: &str) -> String {
    let kept: Vec<&str> = sdp.lines().filter(|line| !line.starts_with(start)).collect();
    assert!(kept.len() < sdp.lines().count(), "{start} is not in {sdp}");
    kept.join("\r\n") + "\r\n"
}

/// Name and text of each bad offer.
fn bad() -> Vec<(&'static str, String)> {
    let good = good();
    vec![
        ("empty", String::new()),
        ("no SDP", "hello".to_owned()),
        ("no fingerprint", without(&good, "a=fingerprint")),
        ("no BUNDLE", without(&good, "a=group:BUNDLE")),
        ("no ufrag", without(&good, "a=ice-ufrag")),
        ("10,000 lines", format!("{good}{}", "a=x:1\r\n".repeat(10_000))),
        ("1,000 sections", format!("{good}{}", "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n".repeat(1_000))),
    ]
}

#[tokio::test]
async fn bad_offer_in_a_room_is_refused_with_its_code() {
    let mut scene = Scene::new().await;
    let mut mallory = Client::sign_in(&scene.server, "mallory").await;
    mallory.ok("room.enter", json!({"room": 99})).await;
    for (name, sdp) in bad() {
        let code = mallory.refused("room.offer", json!({"room": 99, "sdp": sdp})).await;
        assert_eq!(code, BAD_OFFER, "{name}");
        scene.call.goes_on().await;
    }
    mallory.ok("room.offer", json!({"room": 99, "sdp": good()})).await;
    scene.call.goes_on().await;
}

#[tokio::test]
async fn section_that_no_list_names_carries_nothing() {
    let mut scene = Scene::new().await;
    let mut mallory = Client::sign_in(&scene.server, "mallory").await;
    mallory.ok("room.enter", json!({"room": 99})).await;
    let sdp = good();
    let mid = sdp.lines().find_map(|line| line.strip_prefix("a=mid:")).expect("a section");
    for (named, carries) in [("nowhere", false), (mid, true), ("nowhere", false)] {
        let publish = json!([{"mid": named, "track": "microphone"}]);
        let reply = mallory.ok("room.offer", json!({"room": 99, "sdp": sdp, "publish": publish})).await;
        let answer = reply["sdp"].as_str().expect("an answer");
        let has = |line: &str| answer.lines().any(|l| l == line);
        assert_eq!((has("a=recvonly"), has("a=inactive")), (carries, !carries), "{named}: {answer}");
        scene.call.goes_on().await;
    }
}

fn whip(scene: &Scene, path: &str, user_sig: &str, sdp: &str) -> Reply {
    let head = format!("POST {path} HTTP/1.1\r\ncontent-type: application/sdp\r\nauthorization: Bearer {user_sig}");
    http::ask(scene.server.http, &head, sdp)
}

#[tokio::test]
async fn bad_whip_offer_is_refused_and_leaves_no_seat() {
    let mut scene = Scene::new().await;
    let user_sig = signature(APP, KEY, "mallory");
    let path = format!("/whip/{APP}/77/mallory");
    for (name, sdp) in bad() {
        let reply = whip(&scene, &path, &user_sig, &sdp);
        assert_eq!(reply.status, 400, "{name}: {reply:?}");
        assert!(reply.body.contains("-3319"), "{name}: {reply:?}");
        scene.call.goes_on().await;
    }
    let huge = whip(&scene, &path, &user_sig, &"v".repeat(2 << 20));
    assert_eq!(huge.status, 413, "{huge:?}");
    let taken = whip(&scene, &path, &user_sig, &good());
    assert_eq!(taken.status, 201, "{taken:?}");
    scene.call.goes_on().await;
}

#[tokio::test]
async fn whip_knows_who_may_enter() {
    let mut scene = Scene::new().await;
    let user_sig = signature(APP, KEY, "mallory");
    let sdp = good();
    let into_the_call = whip(&scene, &format!("/whip/{APP}/{ROOM}/mallory"), &user_sig, &sdp);
    assert_eq!(into_the_call.status, 403, "{into_the_call:?}");
    let as_amy = whip(&scene, &format!("/whip/{APP}/77/amy"), &user_sig, &sdp);
    assert_eq!(as_amy.status, 401, "{as_amy:?}");
    let forged = whip(&scene, &format!("/whip/{APP}/77/mallory"), &signature(APP, "guessed", "mallory"), &sdp);
    assert_eq!(forged.status, 401, "{forged:?}");
    let nobody = http::ask(scene.server.http, "DELETE /resource/00000000000000000000000000000000 HTTP/1.1", "");
    assert_eq!(nobody.status, 404, "{nobody:?}");
    let whep = whip(&scene, &format!("/whep/{APP}/{ROOM}/mallory"), &user_sig, &sdp);
    assert_eq!(whep.status, 403, "{whep:?}");
    scene.call.goes_on().await;
}

#[tokio::test]
async fn resource_takes_no_patch_and_says_what_it_takes() {
    let scene = Scene::new().await;
    let taken = whip(&scene, &format!("/whip/{APP}/77/mallory"), &signature(APP, KEY, "mallory"), &good());
    let resource = taken.head.lines().find_map(|l| l.strip_prefix("location: ")).expect("a resource").to_owned();
    let patch = format!("PATCH {resource} HTTP/1.1\r\ncontent-type: application/trickle-ice-sdpfrag");
    let refused = http::ask(scene.server.http, &patch, "a=end-of-candidates\r\n");
    assert_eq!(refused.status, 405, "{refused:?}");
    assert!(refused.head.contains("allow: ") && refused.head.contains("delete"), "{refused:?}");
    assert!(refused.head.contains("access-control-allow-origin: *"), "{refused:?}");
    let ended = http::ask(scene.server.http, &format!("DELETE {resource} HTTP/1.1"), "");
    assert_eq!(ended.status, 200, "{ended:?}");
    let again = http::ask(scene.server.http, &format!("DELETE {resource} HTTP/1.1"), "");
    assert_eq!(again.status, 404, "{again:?}");
}

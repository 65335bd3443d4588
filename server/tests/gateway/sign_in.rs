//! UserSigs that must not open a session.

use crate::Scene;
use crate::support::client::{Client, Socket, hello, signature};
use crate::support::{APP, KEY, OTHER_APP, OTHER_KEY, unix_seconds};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use carillon_proto::id::{AppId, UserId};
use carillon_proto::user_sig::UserSig;
use serde_json::json;
use std::io::Write;

/// Mallory shows `user_sig`: the code of the refusal, after which the call still goes on.
async fn refused(scene: &mut Scene, user_sig: &str) -> i64 {
    let mut socket = Socket::open(&scene.server).await;
    socket.send(hello(APP, "mallory", user_sig, "d")).await;
    let (frame, close) = socket.ending().await;
    assert_eq!((frame["t"].as_str(), close), (Some("refused"), 4001), "{frame}");
    scene.call.goes_on().await;
    frame["code"].as_i64().expect("a code")
}

fn sig(time: u64, expire: u64) -> String {
    let user = UserId::new("mallory").expect("a name");
    UserSig { app: AppId(APP), user, time, expire, userbuf: None }.make(KEY)
}

/// The vendor's base64 of zlib of `json`.
fn pack(json: &[u8]) -> String {
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    zlib.write_all(json).expect("into memory");
    let text = STANDARD.encode(zlib.finish().expect("into memory"));
    text.replace('+', "*").replace('/', "-").replace('=', "_")
}

#[tokio::test]
async fn forged_user_sig_is_refused() {
    let mut scene = Scene::new().await;
    assert_eq!(refused(&mut scene, &signature(APP, "a guessed key", "mallory")).await, 70009);
    assert_eq!(refused(&mut scene, &signature(APP, KEY, "amy")).await, 70013, "another user's");
    assert_eq!(refused(&mut scene, "").await, 70002);
    assert_eq!(refused(&mut scene, "eJw*not-a-signature").await, 70003);
    let mut cut = signature(APP, KEY, "mallory");
    cut.truncate(cut.len() / 2);
    assert_eq!(refused(&mut scene, &cut).await, 70003);
}

#[tokio::test]
async fn expired_user_sig_is_refused() {
    let mut scene = Scene::new().await;
    assert_eq!(refused(&mut scene, &sig(unix_seconds() - 7200, 3600)).await, 70001);
    assert_eq!(refused(&mut scene, &sig(unix_seconds() + 86_400, 3600)).await, 70001, "dated ahead");
}

#[tokio::test]
async fn session_ends_when_its_user_sig_expires() {
    let mut scene = Scene::new().await;
    let mut socket = Socket::open(&scene.server).await;
    socket.send(hello(APP, "mallory", &sig(unix_seconds(), 2), "d")).await;
    assert_eq!(socket.frame().await["t"], "welcome");
    let (bye, close) = socket.ending().await;
    assert_eq!((bye["reason"].as_str(), close), (Some("userSigExpired"), 4000), "{bye}");
    scene.call.goes_on().await;
}

#[tokio::test]
async fn foreign_apps_user_sig_is_refused() {
    let mut scene = Scene::new().await;
    assert_eq!(refused(&mut scene, &signature(OTHER_APP, OTHER_KEY, "mallory")).await, 70014);
    assert_eq!(refused(&mut scene, &signature(APP, OTHER_KEY, "mallory")).await, 70009);
    let mut socket = Socket::open(&scene.server).await;
    socket.send(hello(77, "mallory", &signature(77, KEY, "mallory"), "d")).await;
    assert_eq!(socket.ending().await.0["code"], 70020, "there is no such app");
}

#[tokio::test]
async fn oversized_user_sig_is_refused_unread() {
    let mut scene = Scene::new().await;
    assert_eq!(refused(&mut scene, &"A".repeat(64 * 1024)).await, 80002);
    assert_eq!(refused(&mut scene, &"A".repeat(7 * 1024)).await, 70003);
}

#[tokio::test]
async fn zip_bomb_user_sig_is_refused_in_no_time() {
    let mut scene = Scene::new().await;
    // 4 MiB of blanks in some 5 KiB of text.
    let bomb = pack(&vec![b' '; 4 << 20]);
    assert!(bomb.len() < 7 * 1024, "{}", bomb.len());
    let started = crate::support::now();
    assert_eq!(refused(&mut scene, &bomb).await, 70003);
    assert!((crate::support::now() - started).as_secs() < 2);
}

#[tokio::test]
async fn guessing_ends_in_a_pause_but_the_owner_still_gets_in() {
    let mut scene = Scene::new().await;
    let mut codes = Vec::new();
    for _ in 0..12 {
        codes.push(refused(&mut scene, &signature(APP, "a guessed key", "mallory")).await);
    }
    assert_eq!(codes.last(), Some(&70050), "{codes:?}");
    let mut owner = Client::sign_in(&scene.server, "mallory").await;
    owner.ok("profile.set", json!({"nick": "M"})).await;
}

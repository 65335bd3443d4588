//! What an operator sees of a call while it runs and after it, and how the process ends.

mod support;

use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use std::time::Duration;
use support::call::{Call, ROOM, invitation, send_signal, user};
use support::client::Client;
use support::media::{Peer, Running};
use support::prometheus::Page;
use support::{Folder, PATIENCE, Server, http, now};

fn scrape(server: &Server) -> Page {
    let reply = http::get(server.admin, "/metrics");
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(reply.head.contains("content-type: text/plain; version=0.0.4"), "{}", reply.head);
    Page::parse(&reply.body)
}

/// The first page that is as it should be.
async fn scrape_until(server: &Server, what: impl Fn(&Page) -> Result<(), String>) -> Page {
    let deadline = now() + PATIENCE;
    loop {
        let page = scrape(server);
        match what(&page) {
            Ok(()) => return page,
            Err(missing) => assert!(now() < deadline, "{missing}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Amy sends, Ben takes.
async fn media(call: &mut Call) -> (Running, Running) {
    let publisher = Peer::publisher();
    let publish = json!([
        {"mid": publisher.audio.to_string(), "track": "microphone"},
        {"mid": publisher.video.to_string(), "track": "camera"},
    ]);
    let body = json!({"room": ROOM, "sdp": publisher.sdp, "publish": publish});
    let answer = call.amy.ok("room.offer", body).await;
    let publisher = publisher.start(sdp(&answer));
    call.amy.ok("room.state", json!({"room": ROOM, "tracks": {"microphone": "on", "camera": "on"}})).await;
    let player = Peer::player();
    let subscribe = json!([
        {"mid": player.audio.to_string(), "user": "amy", "track": "microphone"},
        {"mid": player.video.to_string(), "user": "amy", "track": "camera"},
    ]);
    let body = json!({"room": ROOM, "sdp": player.sdp, "subscribe": subscribe});
    let answer = call.ben.ok("room.offer", body).await;
    let player = player.start(sdp(&answer));
    player.until("media flows", |seen| seen.packets.load(Ordering::Relaxed) > 200).await;
    (publisher, player)
}

fn sdp(answer: &Value) -> &str {
    answer["sdp"].as_str().expect("an answer")
}

/// What a call with media must move.
const MOVED: &[&str] = &[
    "sockets",
    "sessions{state=\"online\"}",
    "sign_ins_total",
    "requests_total",
    "frames_sent_total",
    "users_online",
    "messages_total{result=\"accepted\"}",
    "calls{state=\"connected\"}",
    "rooms",
    "seats",
    "media_rooms",
    "media_seats",
    "media_workers",
    "transports",
    "participants",
    "publications",
    "subscriptions",
    "store_commits_total",
    "store_commit_seconds_total",
    "datagrams_total{direction=\"in\"}",
    "datagrams_total{direction=\"out\"}",
    "datagram_bytes_total{direction=\"in\"}",
    "datagram_bytes_total{direction=\"out\"}",
    "audio_packets_total{direction=\"in\"}",
    "audio_packets_total{direction=\"out\"}",
    "video_packets_total{direction=\"in\"}",
    "video_packets_total{direction=\"out\"}",
    "rtcp_packets_total{direction=\"in\"}",
    "rtcp_packets_total{direction=\"out\"}",
    "nacks_total{direction=\"in\"}",
    "nacks_total{direction=\"out\"}",
    "rtx_packets_total{direction=\"in\"}",
    "rtx_packets_total{direction=\"out\"}",
    "packets_recovered_total",
    "keyframes_received_total",
];

fn has_moved(page: &Page) -> Result<(), String> {
    let still: Vec<&&str> = MOVED.iter().filter(|series| page.get(series) == 0.0).collect();
    if still.is_empty() { Ok(()) } else { Err(format!("still zero: {still:?}")) }
}

fn gauges_are_zero(page: &Page) -> Result<(), String> {
    let constant = |series: &str| series.starts_with("carillon_build_info") || series == "carillon_media_workers";
    let left: Vec<_> = page.gauges.iter().filter(|s| !constant(s) && page.values[*s] != 0.0).collect();
    if left.is_empty() { Ok(()) } else { Err(format!("not back to zero: {left:?}")) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_shows_while_it_runs_and_leaves_no_gauge_behind() {
    let folder = Folder::new();
    // A keyframe that has just come would do for the player as well.
    let server = Server::start(&folder, &[("MEDIA_LATE_START_MS", "0")]);
    let before = scrape(&server);
    assert_eq!(gauges_are_zero(&before), Ok(()));
    let mut call = Call::connect(&server).await;
    let (publisher, player) = media(&mut call).await;
    let during = scrape_until(&server, has_moved).await;
    assert_eq!(during.get("participants"), 2.0);
    assert_eq!((during.get("publications"), during.get("subscriptions")), (2.0, 2.0));
    let asked = during.get("keyframes_asked_total") + during.get("keyframes_requested_total");
    assert!(asked > 0.0, "a player that starts late needs a picture");

    call.hang_up().await;
    drop((publisher, player));
    let rejected = invitation("invite-3", "amy", "ben", 5);
    send_signal(&mut call.amy, "ben", &rejected).await;
    send_signal(&mut call.ben, "amy", &rejected.reject(user("ben"))).await;
    for client in [&mut call.amy, &mut call.ben] {
        client.socket.send(json!({"t": "signOut"})).await;
    }
    let after = scrape_until(&server, gauges_are_zero).await;
    assert_eq!(after.get("calls_ended_total{result=\"normal_end\"}"), 1.0);
    assert_eq!(after.get("calls_ended_total{result=\"reject\"}"), 1.0);
    assert_eq!(after.series(), before.series(), "a call adds no series");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drops_are_counted_by_their_reason() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let mut call = Call::connect(&server).await;
    let peer = Peer::publisher();
    let answer = call.amy.ok("room.offer", json!({"room": ROOM, "sdp": peer.sdp})).await;
    let port = sdp(&answer).lines().find_map(|line| line.strip_prefix("a=candidate:"));
    let port = port.and_then(|c| c.split(' ').nth(5)).expect("a candidate");
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let rubbish: [&[u8]; 4] = [&[0x80; 40], &[0; 20], &[22; 60], &[255; 9]];
    for bytes in rubbish {
        socket.send_to(bytes, format!("127.0.0.1:{port}")).expect("sent");
    }
    let dropped = |page: &Page| {
        let reasons = page.values.iter().filter(|(series, _)| series.starts_with("carillon_drops_total"));
        let count: f64 = reasons.map(|(_, count)| count).sum();
        if count >= rubbish.len() as f64 { Ok(()) } else { Err(format!("{count} drops")) }
    };
    scrape_until(&server, dropped).await;
    socket.set_read_timeout(Some(Duration::from_millis(300))).expect("a time-out can be set");
    assert!(socket.recv_from(&mut [0; 100]).is_err(), "nothing is sent back");
    call.goes_on().await;
}

#[tokio::test]
async fn users_and_rooms_add_no_series() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    let mut clients = Vec::new();
    let mut pages = Vec::new();
    for n in 1..=20 {
        let mut client = Client::sign_in(&server, &format!("user-{n}")).await;
        client.ok("room.enter", json!({"room": format!("room-{n}")})).await;
        clients.push(client);
        if n == 1 || n == 20 {
            pages.push(scrape(&server));
        }
    }
    assert_eq!((pages[0].get("rooms"), pages[1].get("rooms")), (1.0, 20.0));
    assert_eq!(pages[0].series(), pages[1].series());
    let text = http::get(server.admin, "/metrics").body;
    assert!(!text.contains("user-") && !text.contains("room-"), "nobody is named");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stop_with_a_call_running_says_goodbye_and_ends_in_time() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[("LISTEN_STOP_WITHIN_MS", "5000")]);
    let mut call = Call::connect(&server).await;
    let (_publisher, _player) = media(&mut call).await;
    let stopped = tokio::task::spawn_blocking(move || server.stop());
    for client in [&mut call.amy, &mut call.ben] {
        let bye = loop {
            let frame = client.socket.frame().await;
            if frame["t"] == "bye" {
                break frame;
            }
        };
        assert_eq!(bye["reason"], "serverStopping");
        assert_eq!(client.socket.next().await, support::client::Got::Closed(1001));
    }
    let (status, took) = stopped.await.expect("joined");
    assert!(status.success(), "{status}");
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test]
async fn health_and_readiness_are_told() {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    assert_eq!(http::get(server.admin, "/healthz").status, 200);
    assert_eq!(http::get(server.admin, "/readyz").status, 200);
    assert_eq!(http::get(server.http, "/metrics").status, 404, "not for the public");
}

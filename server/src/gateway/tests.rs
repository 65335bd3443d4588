//! Over a real socket, with a control thread that is played.

use super::{Shared, serve};
use crate::clock::Clock;
use crate::control::{self, Input, SocketOut, WhipAnswer};
use carillon_config::Config;
use carillon_proto::gateway::{ClientFrame, ErrorBody, code};
use carillon_proto::id::AppId;
use futures_util::{SinkExt, StreamExt};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};

const PATIENCE: Duration = Duration::from_secs(10);

async fn start(config: Config, development: bool) -> (SocketAddr, Receiver<Input>) {
    let (control, inputs) = control::channel(config.limits.control_queue);
    let development = development.then(|| (AppId(1_400_000_000), "a key of development".to_owned()));
    let rtmp = crate::rtmp::prepare().expect("an epoll").handle;
    let (config, clock) = (Arc::new(config), Clock::start());
    let shared = Shared { control, rtmp, config, development, sockets: 0.into(), clock };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(serve(listener, Arc::new(shared), std::future::pending()));
    (address, inputs)
}

/// Status line and headers in small letters, and the body.
async fn ask(address: SocketAddr, head: &str, body: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let length = body.len();
    let request = format!("{head}\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut reply = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut reply)).await;
    read.expect("in time").expect("read");
    let reply = String::from_utf8_lossy(&reply).into_owned();
    let (head, body) = reply.split_once("\r\n\r\n").expect("a head");
    (head.to_ascii_lowercase(), body.to_owned())
}

#[tokio::test]
async fn the_page_is_served_with_its_policy_and_once() {
    let (address, _inputs) = start(Config::default(), true).await;
    let (head, body) = ask(address, "GET / HTTP/1.1", "").await;
    assert!(head.starts_with("http/1.1 200") && body.contains("/demo/main.js"), "{head}");
    assert!(head.contains("content-security-policy: default-src 'self'") && head.contains("nosniff"), "{head}");
    let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).expect("an ETag").to_owned();
    let (head, body) = ask(address, &format!("GET / HTTP/1.1\r\nif-none-match: {tag}"), "").await;
    assert!(head.starts_with("http/1.1 304") && body.is_empty(), "{head}");
    for path in ["/demo/main.js", "/demo/views/stage.js", "/sdk/core/gateway.js", "/sdk/call/index.js"] {
        let (head, _) = ask(address, &format!("GET {path} HTTP/1.1"), "").await;
        assert!(head.starts_with("http/1.1 200") && head.contains("text/javascript"), "{path}: {head}");
    }
    let (head, _) = ask(address, "GET /demo/..%2f..%2fCargo.toml HTTP/1.1", "").await;
    assert!(head.starts_with("http/1.1 404"), "{head}");
}

#[tokio::test]
async fn only_development_signs_users_in() {
    let sign = "POST /demo/sign HTTP/1.1\r\ncontent-type: application/json";
    let (address, _inputs) = start(Config::default(), true).await;
    let (_, body) = ask(address, "GET /demo/config.json HTTP/1.1", "").await;
    assert!(body.contains(r#""app":1400000000"#) && body.contains(r#""development":true"#), "{body}");
    let (head, body) = ask(address, sign, r#"{"user":"amy"}"#).await;
    assert!(head.starts_with("http/1.1 200") && body.contains("userSig"), "{head} {body}");
    let (head, _) = ask(address, "POST /demo/sign HTTP/1.1\r\ncontent-type: text/plain", r#"{"user":"amy"}"#).await;
    assert!(head.starts_with("http/1.1 415"), "{head}");
    let (head, _) = ask(address, sign, r#"{"user":"a b"}"#).await;
    assert!(head.starts_with("http/1.1 400"), "{head}");

    let (address, _inputs) = start(Config::default(), false).await;
    let (head, _) = ask(address, sign, r#"{"user":"amy"}"#).await;
    assert!(head.starts_with("http/1.1 403"), "{head}");
}

#[tokio::test]
async fn a_whip_offer_is_answered_at_a_resource_that_can_end() {
    let (address, inputs) = start(Config::default(), false).await;
    let played = std::thread::spawn(move || {
        let Ok(Input::Whip(request, reply)) = inputs.recv_timeout(PATIENCE) else { panic!("a WHIP offer") };
        let answer = WhipAnswer { resource: "secret".into(), sdp: "v=0 answer".into() };
        reply.send(Ok(answer)).expect("somebody waits");
        let Ok(Input::Whip(_, reply)) = inputs.recv_timeout(PATIENCE) else { panic!("a second offer") };
        reply.send(Err(ErrorBody::new(code::ENTER_REFUSED, "no"))).expect("somebody waits");
        let Ok(Input::WhipDelete { resource, done }) = inputs.recv_timeout(PATIENCE) else { panic!("its end") };
        done.send(resource == "secret").expect("somebody waits");
        request
    });
    let offer =
        "POST /whip/1400000001/str:a%2Fb/amy HTTP/1.1\r\ncontent-type: application/sdp\r\nauthorization: Bearer e*J-_";
    let (head, body) = ask(address, offer, "v=0 offer").await;
    assert!(head.starts_with("http/1.1 201") && head.contains("location: /resource/secret"), "{head}");
    assert!(head.contains("access-control-expose-headers: location") && body == "v=0 answer", "{head} {body}");
    let (head, body) = ask(address, offer, "v=0 offer").await;
    assert!(head.starts_with("http/1.1 403") && body.contains("-100018"), "{head} {body}");
    let (head, _) = ask(address, "DELETE /resource/secret HTTP/1.1", "").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let request = played.join().expect("played to the end");
    assert_eq!((request.room.to_string(), request.user_sig), ("str:a/b".to_owned(), "e*J-_".to_owned()));

    let unsigned = "POST /whip/1400000001/7/amy HTTP/1.1\r\ncontent-type: application/sdp";
    let (head, body) = ask(address, unsigned, "v=0").await;
    assert!(head.starts_with("http/1.1 401") && body.contains("70002"), "{head} {body}");
    let (head, _) = ask(address, "OPTIONS /whip/1/7/amy HTTP/1.1\r\norigin: https://a.example", "").await;
    assert!(head.starts_with("http/1.1 204") && head.contains("access-control-allow-origin: *"), "{head}");
}

#[tokio::test]
async fn frames_go_both_ways_until_the_server_closes() {
    let (address, inputs) = start(Config::default(), false).await;
    let played = std::thread::spawn(move || {
        let Ok(Input::SocketOpened { socket, out, .. }) = inputs.recv_timeout(PATIENCE) else { panic!("opened") };
        let Ok(Input::SocketFrame { frame, .. }) = inputs.recv_timeout(PATIENCE) else { panic!("a frame") };
        assert_eq!(frame, Ok(ClientFrame::Ping { nonce: 7 }));
        out.blocking_send(SocketOut::Text("hi".into())).expect("the socket is open");
        out.blocking_send(SocketOut::Close { code: 4001, reason: "over".into() }).expect("the socket is open");
        let Ok(Input::SocketClosed { socket: closed }) = inputs.recv_timeout(PATIENCE) else { panic!("closed") };
        assert_eq!(closed, socket);
    });
    let (mut ws, _) = tokio_tungstenite::connect_async(format!("ws://{address}/ws")).await.expect("connected");
    ws.send(Message::text(r#"{"t":"ping","nonce":7}"#)).await.expect("sent");
    assert_eq!(ws.next().await.expect("open").expect("sound"), Message::text("hi"));
    let Some(Ok(Message::Close(Some(close)))) = ws.next().await else { panic!("a close") };
    assert_eq!((u16::from(close.code), close.reason.as_str()), (4001, "over"));
    while let Some(Ok(_)) = ws.next().await {}
    tokio::task::spawn_blocking(|| played.join()).await.expect("joined").expect("played to the end");
}

#[tokio::test]
async fn a_foreign_page_is_kept_out_where_origins_are_listed() {
    let mut config = Config::default();
    config.listen.origins = vec!["https://app.example".to_owned()];
    let (address, _inputs) = start(config, false).await;
    let mut request = format!("ws://{address}/ws").into_client_request().expect("a request");
    request.headers_mut().insert("origin", "https://evil.example".parse().expect("a header"));
    assert!(tokio_tungstenite::connect_async(request).await.is_err());
    assert!(tokio_tungstenite::connect_async(format!("ws://{address}/ws")).await.is_ok());
}

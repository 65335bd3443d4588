//! Receivers that are away for ten minutes, in virtual time; and over TLS, who is believed to be the receiver.

#![allow(clippy::disallowed_methods)]

use super::*;
use axum::http::StatusCode;
use carillon_config::{App, Secret};
use carillon_proto::time::UnixMillis;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use std::io::BufReader;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_rustls::TlsAcceptor;

const APP: AppId = AppId(1);
const WALL_MS: u64 = 1_700_000_000_000;
const AWAY: Duration = Duration::from_secs(600);
/// Callbacks of one call: start, two changes of members, end.
const OF_A_CALL: u64 = 4;
/// Calls that begin in a second: with their callbacks ten minutes of them fit the outbox's default bound.
const CALLS_PER_S: u64 = 8;

fn apps(url: &str) -> Apps {
    vec![App {
        callbacks: Callbacks { url: url.to_owned(), ..Callbacks::default() },
        ..App::new(1, Secret::new("key"))
    }]
}

fn letter(id: u64, topic: String) -> Letter {
    let body = format!("{{\"topic\":\"{topic}\",\"id\":{id}}}");
    let id = i64::try_from(id).expect("small");
    Letter { id, app: APP, topic, room: false, command: "C".to_owned(), body, created_ms: WALL_MS }
}

/// A postman whose clock is the runtime's, and what the control thread hears of it.
fn start(config: Delivery, url: &str, send: SendRequest) -> (UnboundedSender<Post>, std::sync::mpsc::Receiver<Input>) {
    let (posts, inbox) = unbounded_channel();
    let (control, told) = control::channel(1 << 20);
    let began = tokio::time::Instant::now();
    let clock = move || {
        let passed = began.elapsed();
        Now { instant: began.into_std() + passed, wall: UnixMillis(WALL_MS).plus(passed) }
    };
    tokio::spawn(Postman::new(config, &apps(url), send, control, clock).run(inbox));
    (posts, told)
}

/// What a receiver took: whose, and which.
type Taken = Arc<Mutex<Vec<(String, u64)>>>;

/// Refuses connections, keeps them without an answer, answers 500, in turn, until it is back.
fn away_until(back: tokio::time::Instant, taken: Taken) -> SendRequest {
    let tries = Arc::new(Mutex::new(0_u64));
    Arc::new(move |request| {
        let (taken, tries) = (taken.clone(), tries.clone());
        Box::pin(async move {
            if tokio::time::Instant::now() < back {
                let number = {
                    let mut tries = tries.lock().expect("sound");
                    *tries += 1;
                    *tries
                };
                return match number % 3 {
                    0 => Err("connection refused".into()),
                    1 => std::future::pending().await,
                    _ => Ok(StatusCode::INTERNAL_SERVER_ERROR),
                };
            }
            let body = axum::body::to_bytes(request.into_body(), 1 << 16).await?;
            let body: serde_json::Value = serde_json::from_slice(&body)?;
            let topic = body["topic"].as_str().expect("a topic").to_owned();
            taken.lock().expect("sound").push((topic, body["id"].as_u64().expect("a number")));
            Ok(StatusCode::OK)
        })
    })
}

#[tokio::test(start_paused = true)]
async fn receiver_that_is_away_for_ten_minutes_loses_nothing() {
    let config = Delivery::default();
    let all = CALLS_PER_S * OF_A_CALL * AWAY.as_secs();
    assert!(all <= config.waiting_max as u64, "ten minutes at this rate fit the outbox");
    let taken = Taken::default();
    let back = tokio::time::Instant::now() + AWAY;
    let (posts, told) = start(config.clone(), "http://receiver/", away_until(back, taken.clone()));
    let mut id = 0;
    for second in 0..AWAY.as_secs() {
        for _ in 0..OF_A_CALL {
            for call in 0..CALLS_PER_S {
                id += 1;
                posts.send(Post::Letter(letter(id, format!("call {second} {call}")))).expect("it runs");
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    // Asked again within the longest wait, it takes all.
    let noticed = config.answer_within() + Duration::from_millis(config.retry_max_ms) + Duration::from_secs(1);
    tokio::time::sleep(noticed).await;
    let got = std::mem::take(&mut *taken.lock().expect("sound"));
    assert_eq!(got.len() as u64, all, "all, and each once");
    let mut last: BTreeMap<&str, u64> = BTreeMap::new();
    for (topic, id) in &got {
        assert!(last.insert(topic, *id).is_none_or(|before| before < *id), "{topic} is out of order");
    }
    let delivered = told.try_iter().filter(|told| matches!(told, Input::Posted(Posted::Delivered(_)))).count();
    assert_eq!(delivered as u64, all, "and the outbox is told of each");
}

#[tokio::test(start_paused = true)]
async fn nobody_is_tried_for_longer_than_a_day() {
    let taken = Taken::default();
    let back = tokio::time::Instant::now() + Duration::from_secs(90_000);
    let (posts, told) = start(Delivery::default(), "http://receiver/", away_until(back, taken.clone()));
    posts.send(Post::Letter(letter(1, "call".to_owned()))).expect("it runs");
    tokio::time::sleep(Duration::from_secs(100_000)).await;
    assert!(taken.lock().expect("sound").is_empty());
    assert!(told.try_iter().any(|told| matches!(told, Input::Posted(Posted::Expired(1)))));
}

// ---- TLS ----

fn testdata(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/postman/testdata").join(name)
}

fn acceptor(certificate: &str) -> TlsAcceptor {
    let read = |name: &str| BufReader::new(std::fs::File::open(testdata(name)).expect("a file"));
    let chain: Vec<_> = rustls_pemfile::certs(&mut read(certificate)).collect::<Result<_, _>>().expect("PEM");
    let key = rustls_pemfile::private_key(&mut read("receiver.key")).expect("PEM").expect("a key");
    let config = ServerConfig::builder_with_provider(default_provider().into())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a certificate and its key");
    TlsAcceptor::from(Arc::new(config))
}

/// Shows one certificate after the other, a connection each; says which of them a callback came through.
async fn receive(listener: TcpListener, certificates: &[&str]) -> String {
    for certificate in certificates {
        let (stream, _) = listener.accept().await.expect("a connection");
        let Ok(mut stream) = acceptor(certificate).accept(stream).await else { continue };
        let mut request = vec![0; 4096];
        let Ok(bytes @ 1..) = stream.read(&mut request).await else { continue };
        assert!(request[..bytes].starts_with(b"POST /hook?"), "{:?}", &request[..bytes]);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.expect("it is there");
        stream.shutdown().await.ok();
        return (*certificate).to_owned();
    }
    "none".to_owned()
}

#[tokio::test]
async fn callback_goes_to_the_receiver_that_proves_its_name_and_is_repeated_until_one_does() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("https://{}/hook", listener.local_addr().expect("bound"));
    let client = Client::new(&testdata("ca.pem")).expect("certificates");
    let config = Delivery { retry_first_ms: 10, retry_max_ms: 20, ..Delivery::default() };
    let (posts, told) = start(config, &url, client.into_send());
    posts.send(Post::Letter(letter(1, "call".to_owned()))).expect("it runs");
    let shown = ["stranger.pem", "elsewhere.pem", "stranger.pem", "receiver.pem"];
    let taken = timeout(Duration::from_secs(30), receive(listener, &shown)).await.expect("in time");
    assert_eq!(taken, "receiver.pem", "neither another's certificate nor one for another name is believed");
    let delivered = async {
        loop {
            if told.try_iter().any(|told| matches!(told, Input::Posted(Posted::Delivered(1)))) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(30), delivered).await.expect("in time");
}

//! Too many connections, and connections that dawdle.

use crate::Scene;
use crate::support::client::{Got, Socket};
use crate::support::{PATIENCE, http, now};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

fn connect(scene: &Scene) -> TcpStream {
    let stream = TcpStream::connect(scene.server.http).expect("the kernel takes it");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
    stream
}

/// Whether the server closed it without a request.
fn is_closed(stream: &mut TcpStream) -> bool {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).is_ok()
}

#[tokio::test]
async fn too_many_connections_wait_and_the_call_goes_on() {
    let mut scene = Scene::with(&[("LIMITS_HTTP_CONNECTIONS", "16")]).await;
    let crowd: Vec<_> = (0..14).map(|_| connect(&scene)).collect();
    let mut waiting = connect(&scene);
    waiting.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").expect("the kernel takes it");
    waiting.set_read_timeout(Some(Duration::from_millis(500))).expect("a time-out can be set");
    assert!(waiting.read(&mut [0; 16]).is_err(), "there is no place");
    scene.call.goes_on().await;
    drop(crowd);
    waiting.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
    let mut start = [0; 12];
    waiting.read_exact(&mut start).expect("served when there is a place");
    assert_eq!(&start, b"HTTP/1.1 200");
    scene.call.goes_on().await;
}

#[tokio::test]
async fn slow_header_is_not_waited_for() {
    let mut scene = Scene::with(&[("LIMITS_HEADER_WITHIN_MS", "1000")]).await;
    let started = now();
    let mut silent = connect(&scene);
    let mut slow = connect(&scene);
    slow.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n").expect("it listens");
    let dripping = std::thread::spawn({
        let mut drip = connect(&scene);
        move || {
            let mut sent = 0;
            while sent < 100 && drip.write_all(b"G").is_ok() {
                sent += 1;
                std::thread::sleep(Duration::from_millis(100));
            }
            sent
        }
    });
    let closed = tokio::task::spawn_blocking(move || is_closed(&mut silent) && is_closed(&mut slow));
    assert!(closed.await.expect("joined"), "both are closed");
    assert!(now() - started < Duration::from_secs(5));
    assert!(dripping.join().expect("joined") < 50, "drops do not keep it open");
    scene.call.goes_on().await;
    assert_eq!(http::get(scene.server.http, "/").status, 200);
}

#[tokio::test]
async fn slow_body_is_not_waited_for() {
    let mut scene = Scene::with(&[("LIMITS_BODY_WITHIN_MS", "1000")]).await;
    let mut slow = connect(&scene);
    let head = "POST /whip/1400000001/7/mallory HTTP/1.1\r\nhost: x\r\ncontent-type: application/sdp\r\n\
        authorization: Bearer x\r\ncontent-length: 1000\r\n\r\nv=0";
    slow.write_all(head.as_bytes()).expect("it listens");
    let mut start = [0; 12];
    slow.read_exact(&mut start).expect("it is told");
    assert_eq!(&start, b"HTTP/1.1 408");
    scene.call.goes_on().await;
}

#[tokio::test]
async fn socket_without_hello_is_closed() {
    let mut scene = Scene::with(&[("GATEWAY_HELLO_WITHIN_MS", "1000")]).await;
    let mut silent = Socket::open(&scene.server).await;
    assert_eq!(silent.next().await, Got::Closed(4005));
    scene.call.goes_on().await;
}

#[tokio::test]
async fn oversized_head_is_refused() {
    let mut scene = Scene::new().await;
    let head = format!("GET / HTTP/1.1\r\nx-long: {}", "y".repeat(1 << 20));
    let reply = http::ask(scene.server.http, &head, "");
    assert_eq!(reply.status, 431, "{}", reply.head);
    scene.call.goes_on().await;
}

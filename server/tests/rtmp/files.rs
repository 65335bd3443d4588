//! Players by HTTP-FLV, whose sockets RTMP's thread writes.

use crate::support::streams::{Ffmpeg, assert_steady, flv_address, query, rtmp_address};
use crate::support::{APP, PATIENCE};
use crate::{ROOM, Scene};
use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// A request for amy's stream, with whatever `behind` comes in one piece with it.
fn request(server: SocketAddr, behind: &[u8]) -> Vec<u8> {
    let head = format!("GET /live/{APP}/{ROOM}/amy.flv?{} HTTP/1.1\r\nhost: {server}\r\n\r\n", query("ben"));
    [head.as_bytes(), behind].concat()
}

fn play(server: SocketAddr, behind: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(server).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
    stream.write_all(&request(server, behind)).expect("it is taken");
    stream
}

#[test]
fn clients_of_http_1_0_get_the_file_bare() {
    let scene = Scene::new();
    let publisher = Ffmpeg::publish(&rtmp_address(&scene.server, ROOM, "amy", "amy"));
    scene.await_metric("rtmp_publishers", |publishers| publishers == 1.0);
    let mut player = TcpStream::connect(scene.server.http).expect("it listens");
    player.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
    let asked = String::from_utf8(request(scene.server.http, b"")).expect("text").replace("HTTP/1.1", "HTTP/1.0");
    player.write_all(asked.as_bytes()).expect("it is taken");
    let start = take(&mut player, 1_000);
    let text = String::from_utf8_lossy(&start[..300]).to_ascii_lowercase();
    assert!(!text.contains("chunked") && text.contains("\r\n\r\nflv"), "{text}");
    publisher.stop();
    let mut rest = Vec::new();
    player.read_to_end(&mut rest).expect("an end in order");
}

/// So many bytes of a response.
fn take(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).expect("the file goes on");
    bytes
}

#[test]
fn bytes_behind_the_request_change_nothing_unless_they_are_a_flood() {
    let scene = Scene::new();
    let publisher = Ffmpeg::publish(&rtmp_address(&scene.server, ROOM, "amy", "amy"));
    scene.await_metric("rtmp_publishers", |publishers| publishers == 1.0);
    let another = request(scene.server.http, b"");
    let mut player = play(scene.server.http, &another);
    let start = take(&mut player, 20_000);
    let text = String::from_utf8_lossy(&start[..400]).to_ascii_lowercase();
    assert!(text.starts_with("http/1.1 200") && text.contains("content-type: video/x-flv"), "{text}");
    assert!(text.contains("access-control-allow-origin: *") && text.contains("\r\n\r\nd\r\nflv"), "{text}");
    scene.await_metric("rtmp_players", |players| players == 1.0);
    player.write_all(&another).expect("it is taken");
    take(&mut player, 100_000);
    assert_eq!(scene.metric("rtmp_players"), 1.0, "what was asked for behind it is nothing");

    let mut noisy = play(scene.server.http, b"");
    take(&mut noisy, 1_000);
    scene.await_metric("rtmp_players", |players| players == 2.0);
    // It may be closed before all is written.
    let _ = noisy.write_all(&[b'x'; 200_000]);
    scene.await_metric("rtmp_players", |players| players == 1.0);

    publisher.stop();
    let mut rest = Vec::new();
    player.read_to_end(&mut rest).expect("an end in order");
    assert!(rest.ends_with(b"\r\n0\r\n\r\n"), "the last chunk tells that the file is whole");
    scene.await_metric("rtmp_connections", |connections| connections == 0.0);
}

#[test]
fn stalled_player_of_a_file_is_counted_and_closed_and_disturbs_nobody() {
    let scene = Scene::with(&[("RTMP_PLAYER_STALLED_MS", "1000")]);
    let _publisher = Ffmpeg::publish(&rtmp_address(&scene.server, ROOM, "amy", "amy"));
    scene.await_metric("rtmp_publishers", |publishers| publishers == 1.0);
    let good = Ffmpeg::play(&flv_address(&scene.server, ROOM, "amy", "cat"));
    let mut decoded = good.decoded(10);
    let stalled: Vec<TcpStream> = (0..10)
        .map(|_| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
            socket.set_recv_buffer_size(4_096).expect("a small buffer");
            socket.connect(&scene.server.http.into()).expect("it listens");
            let mut stream = TcpStream::from(socket);
            stream.write_all(&request(scene.server.http, b"")).expect("it is taken");
            stream
        })
        .collect();
    scene.await_metric("rtmp_players", |players| players == 11.0);
    scene.await_metric("rtmp_given_up_total{reason=\"stalled\"}", |closed| closed == 10.0);
    decoded.extend(good.decoded(30));
    assert_steady(&decoded);
    let pictures: Vec<i64> = decoded.iter().filter(|d| d.track == 0).map(|d| d.time).collect();
    assert!(pictures.windows(2).all(|pair| pair[1] - pair[0] <= 50), "a picture is missing: {pictures:?}");
    drop(stalled);
}

#[test]
fn place_of_a_player_is_taken_until_it_goes_and_the_server_stops_with_players() {
    let scene = Scene::with(&[("LIMITS_HTTP_CONNECTIONS", "16")]);
    let _publisher = Ffmpeg::publish(&rtmp_address(&scene.server, ROOM, "amy", "amy"));
    scene.await_metric("rtmp_publishers", |publishers| publishers == 1.0);
    let mut players: Vec<TcpStream> = (0..16).map(|_| play(scene.server.http, b"")).collect();
    players.iter_mut().for_each(|player| drop(take(player, 1_000)));
    let mut last = play(scene.server.http, b"");
    last.set_read_timeout(Some(std::time::Duration::from_millis(300))).expect("a time-out can be set");
    assert!(last.read(&mut [0]).is_err(), "there is no place for one more");
    players.pop();
    last.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
    assert!(take(&mut last, 1_000).starts_with(b"HTTP/1.1 200"));
    let (status, took) = scene.server.stop();
    assert!(status.success() && took < PATIENCE, "{status} after {took:?}");
    let mut rest = Vec::new();
    let _ = last.read_to_end(&mut rest);
    drop(players);
}

//! What hostile, dead and slow clients cost: themselves.

use crate::support::PATIENCE;
use crate::support::streams::{Ffmpeg, assert_steady, query, rtmp_address};
use crate::{ROOM, Scene, by_hand};
use carillon_proto::rtmp::chunk::ChunkWriter;
use carillon_proto::rtmp::{Message, MessageKind};
use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// A socket that takes next to nothing, and says what a player says up to `play`.
fn stalled_player(server: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("a small buffer");
    socket.connect(&server.into()).expect("it listens");
    let mut stream = TcpStream::from(socket);
    let bytes = by_hand::session("play", &format!("{ROOM}/amy?{}", query("ben")));
    stream.write_all(&bytes).expect("it is taken");
    stream
}

#[test]
fn stalled_players_are_closed_and_the_others_see_everything() {
    let scene = Scene::with(&[("RTMP_PLAYER_STALLED_MS", "1000")]);
    let _publisher = Ffmpeg::publish(&rtmp_address(&scene.server, ROOM, "amy", "amy"));
    let good = Ffmpeg::play(&rtmp_address(&scene.server, ROOM, "amy", "cat"));
    let mut decoded = good.decoded(10);
    let stalled: Vec<_> = (0..10).map(|_| stalled_player(scene.server.rtmp)).collect();
    scene.await_metric("rtmp_players", |players| players == 11.0);
    scene.await_metric("rtmp_given_up_total{reason=\"stalled\"}", |closed| closed == 10.0);
    decoded.extend(good.decoded(30));
    assert_steady(&decoded);
    let pictures: Vec<i64> = decoded.iter().filter(|d| d.track == 0).map(|d| d.time).collect();
    assert!(pictures.windows(2).all(|pair| pair[1] - pair[0] <= 2), "a picture is missing: {pictures:?}");
    drop(stalled);
}

#[test]
fn hostile_bytes_end_their_connection_only() {
    let scene = Scene::with(&[("RTMP_CONNECT_WITHIN_MS", "1000")]);
    let _publisher = Ffmpeg::publish(&rtmp_address(&scene.server, ROOM, "amy", "amy"));
    let good = Ffmpeg::play(&rtmp_address(&scene.server, ROOM, "amy", "cat"));
    let mut decoded = good.decoded(10);
    let hello = [&[3][..], &[0; 3072]].concat();
    let mut deep = hello.clone();
    let nested = [&[2, 0, 1, b'x', 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &[3, 0, 1, b'a'].repeat(10_000)].concat();
    let bomb = Message { kind: MessageKind::Command, stream: 0, timestamp: 0, payload: nested.into() };
    ChunkWriter::new().write(&bomb, &mut deep);
    let long = [&hello[..], &[6, 0, 0, 0, 255, 255, 255, 9, 1, 0, 0, 0]].concat();
    let size = [&hello[..], &[2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0]].concat();
    let drip = vec![3];
    let http = b"GET / HTTP/1.1\r\n\r\n".to_vec();
    for bytes in [deep, long, size, drip, http] {
        let mut attacker = TcpStream::connect(scene.server.rtmp).expect("it listens");
        attacker.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
        let _ = attacker.write_all(&bytes);
        // Ends with a close or a reset, and not with the time-out.
        let mut rest = Vec::new();
        let ended = attacker.read_to_end(&mut rest);
        assert!(ended.is_ok() || ended.is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionReset));
    }
    decoded.extend(good.decoded(60));
    assert_steady(&decoded);
    assert_eq!(scene.metric("rtmp_publishers"), 1.0);
}

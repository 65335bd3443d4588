//! The proxy between two real sockets.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::wildcard_enum_match_arm)]

use carillon_loadtest::impair::{Answer, Command, Directions, Profile, Proxy, Remote};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

fn start() -> Remote {
    let (proxy, remote) = Proxy::new().unwrap();
    std::thread::spawn(move || proxy.run());
    remote
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn open(remote: &Remote, server: &UdpSocket, weather: Directions) -> SocketAddr {
    let target = server.local_addr().unwrap();
    match remote.ask(Command::Open { name: "a".into(), target, weather, seed: 1 }) {
        Answer::Opened { address, .. } => address,
        other => panic!("{other:?}"),
    }
}

#[test]
fn datagrams_pass_both_ways_late_and_from_as_many_addresses() {
    let (remote, server) = (start(), socket());
    let delay = Profile { delay_ms: 30.0, ..Profile::default() };
    let front = open(&remote, &server, Directions { up: delay, down: delay });
    let clients = [socket(), socket()];
    let mut seen = Vec::new();
    for (n, client) in clients.iter().enumerate() {
        let sent = Instant::now();
        client.send_to(&[0x80, n as u8], front).unwrap();
        let mut buffer = [0; 16];
        let (len, from) = server.recv_from(&mut buffer).unwrap();
        assert_eq!(buffer[..len], [0x80, n as u8]);
        server.send_to(b"back", from).unwrap();
        let (len, _) = client.recv_from(&mut buffer).unwrap();
        assert_eq!(&buffer[..len], b"back");
        assert!(sent.elapsed() >= Duration::from_millis(60));
        seen.push(from);
    }
    assert_ne!(seen[0], seen[1]);
}

#[test]
fn weather_changes_while_running_and_is_counted() {
    let (remote, server) = (start(), socket());
    let storm = Profile { loss: 100.0, ..Profile::default() };
    let front = open(&remote, &server, Directions { up: storm, down: Profile::default() });
    let client = socket();
    client.send_to(b"lost", front).unwrap();
    let lost = || match remote.ask(Command::Counters { name: "a".into() }) {
        Answer::Counters { up, .. } => up.lost,
        other => panic!("{other:?}"),
    };
    let deadline = Instant::now() + PATIENCE;
    while lost() == 0 {
        assert!(Instant::now() < deadline, "the datagram never reached the proxy");
        std::thread::yield_now();
    }
    let cleared = remote.ask(Command::Set { name: "a".into(), weather: Directions::default() });
    assert_eq!(cleared, Answer::Set { name: "a".into() });
    client.send_to(b"passes", front).unwrap();
    let mut buffer = [0; 16];
    let (len, _) = server.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..len], b"passes");
}

#[test]
fn impossible_commands_are_explained() {
    let (remote, server) = (start(), socket());
    let target = server.local_addr().unwrap();
    let bad = Directions { up: Profile { loss: 200.0, ..Profile::default() }, down: Profile::default() };
    let answer = remote.ask(Command::Open { name: "a".into(), target, weather: bad, seed: 1 });
    assert_eq!(answer, Answer::Error("loss = 200: allowed is 0 to 100 percent".into()));
    let answer = remote.ask(Command::Counters { name: "nobody".into() });
    assert_eq!(answer, Answer::Error("there is no route nobody".into()));
}

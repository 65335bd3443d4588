//! A str0m client on a real socket: publishes or plays one microphone and one camera.

use crate::support::call::ROOM;
use crate::support::client::signature;
use crate::support::{APP, KEY, PATIENCE, Server, http, now};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;
use str0m::change::SdpAnswer;
use str0m::format::Codec;
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{Protocol, Receive, TcpType};
use str0m::rtp::{ExtensionValues, RtpWrite};
use str0m::{Candidate, Event, Input, Output, Rtc};

/// How long one look at a socket waits.
const LOOK: Duration = Duration::from_millis(1);

enum Socket {
    Udp(UdpSocket),
    /// RFC 4571: each packet behind its length.
    Tcp(TcpStream, Vec<u8>),
}

pub(crate) struct Client {
    rtc: Rtc,
    socket: Option<Socket>,
    local: SocketAddr,
    kind: &'static str,
    user: &'static str,
    resource: Option<String>,
    /// Microphone and camera.
    mids: Vec<Mid>,
    pub answer: String,
    connected: bool,
    sent: u64,
    /// The numbers that came, by section.
    received: Vec<(Mid, u64)>,
}

/// Where a client's packets leave from.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    Udp(&'static str),
    /// Dials the first TCP candidate of the answer. There is no UDP socket at all.
    Tcp,
}

impl Client {
    pub(crate) fn publish(server: &Server, user: &'static str, way: Way) -> Self {
        Self::start(server, "whip", user, way)
    }

    pub(crate) fn play(server: &Server, user: &'static str, way: Way) -> Self {
        Self::start(server, "whep", user, way)
    }

    fn start(server: &Server, kind: &'static str, user: &'static str, way: Way) -> Self {
        let rtc = Rtc::builder().set_rtp_mode(true).set_reordering_size_audio(0).build(now());
        let local = "127.0.0.1:9".parse().expect("an address");
        let (mids, received, answer) = (Vec::new(), Vec::new(), String::new());
        let mut client = Self {
            rtc,
            socket: None,
            local,
            kind,
            user,
            resource: None,
            mids,
            answer,
            connected: false,
            sent: 0,
            received,
        };
        if let Way::Udp(address) = way {
            client.take_udp(address);
        }
        client.exchange(server, false);
        if let Way::Tcp = way {
            client.dial_tcp();
        }
        client
    }

    /// Another socket, and another local candidate.
    fn take_udp(&mut self, address: &str) {
        self.swap_udp(address);
        self.local = self.udp().local_addr().expect("bound");
        self.rtc.add_local_candidate(Candidate::host(self.local, "udp").expect("a candidate"));
    }

    /// Another socket that the client does not know of, as behind a NAT that forgot its mapping.
    pub(crate) fn swap_udp(&mut self, address: &str) {
        let socket = UdpSocket::bind(address).expect("binds");
        socket.set_read_timeout(Some(LOOK)).expect("can be set");
        self.socket = Some(Socket::Udp(socket));
    }

    pub(crate) fn restart_ice(&mut self, server: &Server) {
        self.exchange(server, true);
    }

    fn udp(&self) -> &UdpSocket {
        match &self.socket {
            Some(Socket::Udp(socket)) => socket,
            Some(Socket::Tcp(..)) | None => panic!("no UDP socket"),
        }
    }

    fn dial_tcp(&mut self) {
        let candidates = candidates(&self.answer);
        let (_, remote) = candidates.iter().find(|(protocol, _)| protocol == "tcp").expect("a TCP candidate");
        let stream = TcpStream::connect(remote).expect("it listens");
        stream.set_read_timeout(Some(LOOK)).expect("can be set");
        stream.set_nodelay(true).expect("can be set");
        self.local = stream.local_addr().expect("connected");
        let candidate = Candidate::builder().tcp().host(self.local).tcptype(TcpType::Active).build();
        self.rtc.add_local_candidate(candidate.expect("a candidate"));
        self.socket = Some(Socket::Tcp(stream, Vec::new()));
    }

    fn exchange(&mut self, server: &Server, restart: bool) {
        let mut api = self.rtc.sdp_api();
        if restart {
            api.ice_restart(true);
        }
        if self.mids.is_empty() {
            let direction = if self.kind == "whip" { Direction::SendOnly } else { Direction::RecvOnly };
            for kind in [MediaKind::Audio, MediaKind::Video] {
                self.mids.push(api.add_media(kind, direction, None, None, None));
            }
        }
        let (offer, pending) = api.apply().expect("something changed");
        let query = self.resource.as_deref().map(|name| format!("?resource={name}")).unwrap_or_default();
        let path = format!("/{}/{APP}/{ROOM}/{}{query}", self.kind, self.user);
        let (resource, answer) = ask(server, &path, self.user, &offer.to_sdp_string());
        let parsed = SdpAnswer::from_sdp_string(&answer).expect("an answer");
        self.rtc.sdp_api().accept_answer(pending, parsed).expect("fits the offer");
        (self.resource, self.answer) = (Some(resource), answer);
    }

    /// One packet of each kind, numbered.
    pub(crate) fn send(&mut self) {
        let number = self.sent;
        self.sent += 1;
        let mut sound = vec![0xf8; 60];
        sound.extend(number.to_be_bytes());
        // RFC 7741: a frame of one packet, and whether it is a key frame.
        let mut picture = vec![0x10, u8::from(!number.is_multiple_of(50)), 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0];
        picture.resize(900, number as u8);
        picture.extend(number.to_be_bytes());
        self.write(self.mids[0], Codec::Opus, number, 960, sound);
        self.write(self.mids[1], Codec::Vp8, number, 1_800, picture);
    }

    fn write(&mut self, mid: Mid, codec: Codec, number: u64, step: u64, payload: Vec<u8>) {
        let pt = self.rtc.codec_config().find(|p| p.spec().codec == codec).expect("negotiated").pt();
        let mut api = self.rtc.direct_api();
        let stream = api.stream_tx_by_mid(mid, None).expect("a sending section");
        let levels = ExtensionValues { audio_level: Some(-20), voice_activity: Some(true), ..Default::default() };
        let write = RtpWrite::new(pt, (1_000 + number).into(), (number * step) as u32, now(), payload).marker(true);
        let write = if codec == Codec::Opus { write.ext_vals(levels) } else { write.nackable(true) };
        stream.write_rtp(write);
    }

    /// Sends what is due and takes what has come; waits a moment at most.
    pub(crate) fn step(&mut self) {
        self.drain();
        if let Some((source, packet)) = self.look() {
            let protocol = if matches!(self.socket, Some(Socket::Udp(_))) { Protocol::Udp } else { Protocol::Tcp };
            let received = Receive::new(protocol, source, self.local, &packet).expect("the server sends no rubbish");
            self.rtc.handle_input(Input::Receive(now(), received)).expect("the server sends no rubbish");
        }
        self.rtc.handle_input(Input::Timeout(now())).expect("time is good input");
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            match self.rtc.poll_output().expect("a healthy client") {
                Output::Timeout(_) => return,
                Output::Transmit(t) => self.transmit(t.destination, &t.contents),
                Output::Event(Event::Connected) => self.connected = true,
                Output::Event(Event::RtpPacket(packet)) => {
                    let number = packet.payload.last_chunk().map(|n| u64::from_be_bytes(*n));
                    self.received.extend(packet.header.ext_vals.mid.zip(number));
                }
                Output::Event(_) => {}
            }
        }
    }

    fn transmit(&mut self, to: SocketAddr, bytes: &[u8]) {
        match &mut self.socket {
            Some(Socket::Udp(socket)) => drop(socket.send_to(bytes, to)),
            Some(Socket::Tcp(stream, _)) => {
                let mut frame = (bytes.len() as u16).to_be_bytes().to_vec();
                frame.extend_from_slice(bytes);
                stream.write_all(&frame).expect("the connection stands");
            }
            None => {}
        }
    }

    fn look(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        let mut bytes = vec![0; 2_000];
        match self.socket.as_mut()? {
            Socket::Udp(socket) => {
                let (len, from) = socket.recv_from(&mut bytes).ok()?;
                bytes.truncate(len);
                Some((from, bytes))
            }
            Socket::Tcp(stream, kept) => {
                match stream.read(&mut bytes) {
                    Ok(len) => kept.extend_from_slice(&bytes[..len]),
                    Err(e) => assert!(matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{e}"),
                }
                let len = usize::from(u16::from_be_bytes(*kept.first_chunk()?));
                let frame = kept.get(2..2 + len)?.to_vec();
                kept.drain(..2 + len);
                Some((stream.peer_addr().ok()?, frame))
            }
        }
    }

    /// The numbers that came, without repeats.
    fn numbers(&self, mid: Mid) -> Vec<u64> {
        let mut numbers: Vec<u64> = self.received.iter().filter(|(m, _)| *m == mid).map(|(_, n)| *n).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }
}

/// Runs both until `done`.
pub(crate) fn run_until(a: &mut Client, b: &mut Client, what: &str, done: impl Fn(&Client, &Client) -> bool) {
    let deadline = now() + PATIENCE;
    while !done(a, b) {
        a.step();
        b.step();
        assert!(now() < deadline, "{what}; {} and {} packets came", a.received.len(), b.received.len());
    }
}

pub(crate) fn connect(a: &mut Client, b: &mut Client) {
    run_until(a, b, "no connection", |a, b| a.connected && b.connected);
}

/// Sends `count` numbers, one each 20 ms.
pub(crate) fn send(from: &mut Client, to: &mut Client, count: u64) {
    for _ in 0..count {
        from.send();
        let next = now() + Duration::from_millis(20);
        while now() < next {
            from.step();
            to.step();
        }
    }
}

/// Sends until what was sent a moment ago has come, of both kinds; yields its number.
pub(crate) fn send_until_it_comes(from: &mut Client, to: &mut Client) -> u64 {
    let deadline = now() + PATIENCE;
    loop {
        let number = from.sent;
        send(from, to, 10);
        if to.mids.iter().all(|mid| to.numbers(*mid).contains(&number)) {
            return number;
        }
        assert!(now() < deadline, "nothing comes any more");
    }
}

/// Waits until everything from number `first` on has come, of both kinds.
pub(crate) fn expect_since(from: &mut Client, to: &mut Client, first: u64) {
    let all: Vec<u64> = (first..from.sent).collect();
    run_until(from, to, "not everything came", |_, to| to.mids.iter().all(|mid| to.numbers(*mid).ends_with(&all)));
}

/// Candidates of an answer: protocol and address, sorted.
pub(crate) fn candidates(answer: &str) -> Vec<(String, SocketAddr)> {
    let parse = |line: &str| {
        let fields: Vec<&str> = line.split(' ').collect();
        let ip = fields[4].parse().expect("an address");
        (fields[2].to_ascii_lowercase(), SocketAddr::new(ip, fields[5].parse().expect("a port")))
    };
    let mut all: Vec<_> = answer.lines().filter_map(|l| l.strip_prefix("a=candidate:")).map(parse).collect();
    all.sort();
    all.dedup();
    all
}

/// Offers; yields the name of the resource and the answer.
fn ask(server: &Server, path: &str, user: &str, sdp: &str) -> (String, String) {
    let bearer = signature(APP, KEY, user);
    let head = format!("POST {path} HTTP/1.1\r\ncontent-type: application/sdp\r\nauthorization: Bearer {bearer}");
    let reply = http::ask(server.http, &head, sdp);
    assert_eq!(reply.status, 201, "{reply:?}");
    let name = reply.head.split("location: /resource/").nth(1).and_then(|rest| rest.lines().next());
    (name.expect("a resource").to_owned(), reply.body)
}

//! A worker and str0m clients on one virtual clock, joined by paths that delay and lose.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::disallowed_methods, clippy::wildcard_enum_match_arm, reason = "virtual time starts somewhere")]

use carillon_config::media::Media;
use carillon_loadtest::impair::{self, Fate, Traffic};
use carillon_proto::frame::Frame;
use carillon_proto::gateway::TrackName;
use carillon_proto::time::{Now, UnixMillis};
use carillon_sfu::{
    Certificate, Command, Event, FrameOutput, LocalCandidate, Output, ParticipantId, Path, Privileges, Protocol,
    Publish, RequestId, RoomKey, Subscribe, Wanted, Worker,
};
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::format::Codec;
use str0m::media::{Direction, MediaData, MediaKind, MediaTime, Mid};
use str0m::net::{Protocol as Str0mProtocol, Receive};
use str0m::rtp::{Extension, ExtensionValues, RtpPacket, RtpWrite};
use str0m::{Candidate, Input, Output as Str0mOutput, Rtc};

pub const ROOM: RoomKey = RoomKey(1);
/// True while the worker runs: what is allocated then is its own.
pub static IN_WORKER: AtomicBool = AtomicBool::new(false);
const SERVER: &str = "192.0.2.1:7882";

pub type Lose = Box<dyn FnMut(bool, usize, &[u8]) -> bool>;

/// A client. Its number is its place in `World::peers` and, plus one, its participant.
pub struct Peer {
    pub rtc: Rtc,
    pub address: SocketAddr,
    pub participant: ParticipantId,
    pub connected: bool,
    pub received: Vec<RtpPacket>,
    /// Of a peer that takes whole frames.
    pub media: Vec<MediaData>,
    pub keyframe_requests: Vec<Instant>,
    pub remb_bps: Vec<u64>,
    /// What each section of the last offer is for.
    wants: Vec<(Mid, Want)>,
    due: Instant,
    sent: BTreeMap<Mid, Sent>,
}

#[derive(Default)]
struct Sent {
    packets: u64,
    frames: u64,
}

pub struct World {
    pub now: Now,
    pub worker: Worker,
    pub peers: Vec<Peer>,
    pub events: Vec<Event>,
    pub answers: BTreeMap<u64, Result<String, carillon_sfu::OfferError>>,
    /// The SDP that was answered last.
    pub last_answer: String,
    pub delay: Duration,
    /// Each datagram takes up to this much longer, so that their order changes.
    pub jitter: Duration,
    /// Of the jitter.
    pub dice: u64,
    /// Peers that are made from now on take and give whole frames, cut and put together by str0m.
    pub whole_frames: bool,
    /// What came out of the worker beside packets, and when.
    pub frames_out: Vec<(Instant, FrameOutput)>,
    /// Payload of a video packet.
    pub packet_bytes: usize,
    /// Whether a datagram is lost: true for upwards (to the server), the peer, its bytes.
    pub lose: Lose,
    /// Of single ways, by direction (true for upwards) and peer; in place of delay and jitter of all.
    pub weather: BTreeMap<(bool, usize), impair::Link>,
    started: Instant,
    /// Everything the server sealed, by peer, SSRC and number: the same number must never carry other bytes.
    ledger: HashMap<(SocketAddr, u32, u16), Vec<u8>>,
    wire: BTreeMap<(Instant, u64), (bool, usize, Vec<u8>)>,
    serial: u64,
    requests: u64,
}

/// One section of an offer.
#[derive(Clone, Copy)]
pub enum Want {
    Send(TrackName),
    Receive(ParticipantId, TrackName),
}

impl World {
    pub fn new(config: Media) -> Self {
        let now = Now { instant: Instant::now(), wall: UnixMillis(1_790_000_000_000) };
        let locals = vec![LocalCandidate { address: server(), protocol: Protocol::Udp }];
        let made = dimpl::certificate::generate_self_signed_certificate().expect("makes certificates");
        let certificate = Certificate { der: made.certificate, private_key: made.private_key };
        IN_WORKER.store(true, Ordering::Relaxed);
        let worker = Worker::new(config, locals, certificate, [7; 32], now);
        IN_WORKER.store(false, Ordering::Relaxed);
        Self {
            now,
            worker,
            peers: Vec::new(),
            events: Vec::new(),
            answers: BTreeMap::new(),
            last_answer: String::new(),
            delay: Duration::from_millis(10),
            jitter: Duration::ZERO,
            dice: 3,
            whole_frames: false,
            frames_out: Vec::new(),
            packet_bytes: 1_000,
            lose: Box::new(|_, _, _| false),
            weather: BTreeMap::new(),
            started: now.instant,
            ledger: HashMap::new(),
            wire: BTreeMap::new(),
            serial: 0,
            requests: 0,
        }
    }

    /// A client that joined the room; it has no connection yet.
    pub fn add_peer(&mut self) -> usize {
        let n = self.peers.len();
        let participant = ParticipantId(n as u64 + 1);
        self.command(Command::Join { room: ROOM, participant, privileges: Privileges::ALL });
        self.peers.push(self.new_peer(n, participant));
        n
    }

    /// The page was reloaded: the same participant, another peer connection.
    pub fn reload_peer(&mut self, n: usize) {
        let port = self.peers[n].address.port();
        self.peers[n] = self.new_peer(n, self.peers[n].participant);
        self.peers[n].address.set_port(port + 1);
        let candidate = Candidate::host(self.peers[n].address, "udp").expect("an address");
        self.peers[n].rtc.add_local_candidate(candidate);
    }

    /// Offers sections (besides those it has) and takes the answer. Yields their mids.
    pub fn offer(&mut self, n: usize, wants: &[Want]) -> Vec<Mid> {
        let mut api = self.peers[n].rtc.sdp_api();
        let mut mids = Vec::new();
        for want in wants {
            let (track, direction) = match want {
                Want::Send(track) => (*track, Direction::SendOnly),
                Want::Receive(_, track) => (*track, Direction::RecvOnly),
            };
            mids.push(api.add_media(kind(track), direction, None, None, None));
        }
        let (offer, pending) = api.apply().expect("something changed");
        self.peers[n].wants.extend(mids.iter().copied().zip(wants.iter().copied()));
        self.exchange_named(n, offer.to_sdp_string(), pending);
        mids
    }

    /// Offers another direction for a section.
    pub fn redirect(&mut self, n: usize, mid: Mid, direction: Direction) {
        let mut api = self.peers[n].rtc.sdp_api();
        api.set_direction(mid, direction);
        let (offer, pending) = api.apply().expect("something changed");
        self.exchange_named(n, offer.to_sdp_string(), pending);
    }

    fn exchange_named(&mut self, n: usize, sdp: String, pending: SdpPendingOffer) {
        let mut publish = Vec::new();
        let mut subscribe = Vec::new();
        for (mid, want) in &self.peers[n].wants {
            let mid = mid.to_string();
            match *want {
                Want::Send(track) => publish.push((mid, track)),
                Want::Receive(publisher, track) => subscribe.push(Wanted { mid, publisher, track }),
            }
        }
        self.exchange(n, sdp, pending, Publish::Named(publish), Subscribe::Named(subscribe));
    }

    /// As a WHEP player: receive one section of each kind.
    pub fn offer_automatic(&mut self, n: usize, from: Option<ParticipantId>) -> [Mid; 2] {
        let mut api = self.peers[n].rtc.sdp_api();
        let audio = api.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None);
        let video = api.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
        let (offer, pending) = api.apply().expect("something changed");
        let publish = Publish::Named(Vec::new());
        self.exchange(n, offer.to_sdp_string(), pending, publish, Subscribe::Automatic { from });
        [audio, video]
    }

    /// As a WHIP encoder: send one section of each kind, unnamed.
    pub fn offer_whip(&mut self, n: usize) -> [Mid; 2] {
        let mut api = self.peers[n].rtc.sdp_api();
        let audio = api.add_media(MediaKind::Audio, Direction::SendOnly, None, None, None);
        let video = api.add_media(MediaKind::Video, Direction::SendOnly, None, None, None);
        let (offer, pending) = api.apply().expect("something changed");
        let subscribe = Subscribe::Named(Vec::new());
        self.exchange(n, offer.to_sdp_string(), pending, Publish::ByKind, subscribe);
        [audio, video]
    }

    fn exchange(&mut self, n: usize, sdp: String, pending: SdpPendingOffer, publish: Publish, subscribe: Subscribe) {
        self.requests += 1;
        let request = RequestId(self.requests);
        let participant = self.peers[n].participant;
        self.command(Command::Offer { request, participant, sdp, publish, subscribe });
        let answer = self.answers.remove(&request.0).expect("answered at once").expect("a good offer");
        self.last_answer.clone_from(&answer);
        let answer = SdpAnswer::from_sdp_string(&answer).expect("a good answer");
        self.peers[n].rtc.sdp_api().accept_answer(pending, answer).expect("fits the offer");
        self.drain();
    }

    pub fn command(&mut self, command: Command) {
        self.work(|worker, now| worker.handle_command(now, command));
        self.drain();
    }

    /// Has the worker do something.
    pub fn work(&mut self, f: impl FnOnce(&mut Worker, Now)) {
        IN_WORKER.store(true, Ordering::Relaxed);
        f(&mut self.worker, self.now);
        IN_WORKER.store(false, Ordering::Relaxed);
    }

    /// Runs until nothing more happens within `span`.
    pub fn run(&mut self, span: Duration) {
        let end = self.now.instant + span;
        loop {
            self.drain();
            let next = self.next_event();
            if next > end {
                break;
            }
            self.advance(next.max(self.now.instant));
            self.deliver();
            if self.worker.poll_timeout().is_some_and(|(at, _)| at <= self.now.instant) {
                self.work(Worker::handle_timeout);
            }
            for peer in &mut self.peers {
                if peer.due <= self.now.instant {
                    peer.rtc.handle_input(Input::Timeout(self.now.instant)).expect("time is good input");
                }
            }
        }
        self.advance(end);
    }

    /// One opus packet of 20 ms whose payload is `marked`.
    pub fn send_audio(&mut self, n: usize, mid: Mid) {
        let number = self.peers[n].sent.entry(mid).or_default().packets;
        self.write(n, mid, Codec::Opus, number * 960, true, marked(number, 40, &[]));
    }

    /// One VP8 frame of `packets` packets, 25 of which make a second.
    pub fn send_frame(&mut self, n: usize, mid: Mid, keyframe: bool, packets: usize) {
        let sent = self.peers[n].sent.entry(mid).or_default();
        let frame = sent.frames;
        sent.frames += 1;
        for i in 0..packets {
            let number = self.peers[n].sent.entry(mid).or_default().packets;
            let start = if i == 0 { 0x90 } else { 0x80 };
            let [high, low] = ((frame as u16 & 0x7fff) | 0x8000).to_be_bytes();
            let header = [start, 0xe0, high, low, frame as u8, 0, u8::from(!keyframe)];
            self.write(n, mid, Codec::Vp8, frame * 3_600, i + 1 == packets, marked(number, self.packet_bytes, &header));
        }
    }

    /// A frame of a peer that gives whole frames; `time` in units of the codec's clock.
    pub fn send_whole(&mut self, n: usize, mid: Mid, codec: Codec, time: MediaTime, frame: Vec<u8>) {
        let now = self.now.instant;
        let writer = self.peers[n].rtc.writer(mid).expect("a sending section");
        let pt = writer.payload_params().find(|p| p.spec().codec == codec).expect("negotiated").pt();
        writer.write(pt, now, time, frame).expect("a good frame");
        self.drain_peer(n);
        self.peers[n].rtc.handle_input(Input::Timeout(now)).expect("time is good input");
        self.drain_peer(n);
    }

    /// As the thread of a media worker does with what comes by another wire.
    pub fn feed(&mut self, participant: ParticipantId, track: TrackName, frame: &Frame) {
        self.work(|worker, now| worker.handle_frame(now, participant, track, frame));
        self.drain();
    }

    fn write(&mut self, n: usize, mid: Mid, codec: Codec, time: u64, marker: bool, payload: Vec<u8>) {
        let now = self.now.instant;
        let peer = &mut self.peers[n];
        let number = peer.sent.entry(mid).or_default();
        let seq = 1_000 + number.packets;
        number.packets += 1;
        let pt = peer.rtc.codec_config().find(|p| p.spec().codec == codec).expect("negotiated").pt();
        let mut api = peer.rtc.direct_api();
        let stream = api.stream_tx_by_mid(mid, None).expect("a sending section");
        let levels = ExtensionValues { audio_level: Some(-20), voice_activity: Some(true), ..Default::default() };
        let write = RtpWrite::new(pt, seq.into(), time as u32, now, payload);
        let write = write.marker(marker).nackable(codec != Codec::Opus);
        let write = if codec == Codec::Opus { write.ext_vals(levels) } else { write };
        stream.write_rtp(write);
        self.drain_peer(n);
    }

    /// Frames that a peer sent in a section.
    pub fn frames(&self, n: usize, mid: Mid) -> u64 {
        self.peers[n].sent.get(&mid).map_or(0, |sent| sent.frames)
    }

    /// Numbers of what a peer received in a section, in order of arrival.
    pub fn numbers(&self, n: usize, mid: Mid) -> Vec<u64> {
        let peer = &self.peers[n];
        let of_mid = peer.received.iter().filter(|p| p.header.ext_vals.mid == Some(mid));
        of_mid.map(|p| number(&p.payload)).collect()
    }

    /// The numbers of `number`, sorted, without repeats; and how many packets there were.
    pub fn sorted(&self, n: usize, mid: Mid) -> (Vec<u64>, usize) {
        let mut numbers = self.numbers(n, mid);
        let all = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        (numbers, all)
    }

    pub fn path_of(&self, n: usize) -> Path {
        Path { local: server(), remote: self.peers[n].address, protocol: Protocol::Udp }
    }

    fn new_peer(&self, n: usize, participant: ParticipantId) -> Peer {
        let mut rtc = Rtc::builder()
            .set_rtp_mode(!self.whole_frames)
            .set_reordering_size_audio(0)
            .set_extension(12, Extension::PlayoutDelay)
            .build(self.now.instant);
        let address: SocketAddr = format!("198.51.100.{}:{}", n % 200 + 1, 5000 + n).parse().expect("an address");
        rtc.add_local_candidate(Candidate::host(address, "udp").expect("an address"));
        Peer {
            rtc,
            address,
            participant,
            connected: false,
            received: Vec::new(),
            media: Vec::new(),
            keyframe_requests: Vec::new(),
            remb_bps: Vec::new(),
            wants: Vec::new(),
            due: self.now.instant,
            sent: BTreeMap::new(),
        }
    }

    fn advance(&mut self, to: Instant) {
        self.now = self.now.plus(to.saturating_duration_since(self.now.instant));
    }

    fn next_event(&self) -> Instant {
        let far = self.now.instant + Duration::from_secs(3600);
        let wire = self.wire.first_key_value().map_or(far, |((at, _), _)| *at);
        let worker = self.worker.poll_timeout().map_or(far, |(at, _)| at);
        let peers = self.peers.iter().map(|p| p.due).min().unwrap_or(far);
        wire.min(worker).min(peers)
    }

    fn deliver(&mut self) {
        while let Some(entry) = self.wire.first_entry() {
            if entry.key().0 > self.now.instant {
                break;
            }
            let (up, n, mut bytes) = entry.remove();
            if up {
                let path = self.path_of(n);
                self.work(|worker, now| worker.handle_datagram(now, path, &mut bytes));
                continue;
            }
            let peer = &mut self.peers[n];
            let received = Receive::new(Str0mProtocol::Udp, server(), peer.address, &bytes);
            if let Ok(received) = received {
                peer.rtc.handle_input(Input::Receive(self.now.instant, received)).expect("the server sends no rubbish");
                // str0m holds one packet at a time: the next would take its place.
                self.drain_peer(n);
            }
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.worker.poll_output() {
            match output {
                Output::Answer { request, sdp, .. } => {
                    self.answers.insert(request.0, Ok(sdp));
                }
                Output::Refused { request, error, .. } => {
                    self.answers.insert(request.0, Err(error));
                }
                Output::Event(event) => self.events.push(event),
            }
        }
        self.work(|worker, _| _ = worker.egress());
        let now = self.now.instant;
        self.frames_out.extend(std::iter::from_fn(|| self.worker.poll_frame()).map(|output| (now, output)));
        let egress = self.worker.egress();
        let datagrams: Vec<_> = egress.datagrams().map(|(path, bytes)| (path, bytes.to_vec())).collect();
        egress.clear();
        for (path, bytes) in datagrams {
            self.check_ledger(path, &bytes);
            let n = self.peers.iter().position(|p| p.address == path.remote);
            if let Some(n) = n {
                self.put(false, n, bytes);
            }
        }
        for n in 0..self.peers.len() {
            self.drain_peer(n);
        }
    }

    fn drain_peer(&mut self, n: usize) {
        loop {
            let output = self.peers[n].rtc.poll_output().expect("a healthy client");
            match output {
                Str0mOutput::Timeout(at) => {
                    self.peers[n].due = at;
                    break;
                }
                Str0mOutput::Transmit(t) => self.put(true, n, t.contents.to_vec()),
                Str0mOutput::Event(event) => self.peers[n].handle_event(self.now.instant, event),
            }
        }
    }

    fn put(&mut self, up: bool, n: usize, bytes: Vec<u8>) {
        if (self.lose)(up, n, &bytes) {
            return;
        }
        if let Some(link) = self.weather.get_mut(&(up, n)) {
            let fate = link.offer(self.now.instant - self.started, bytes.len(), Traffic::of(&bytes));
            let Fate::Arrives { at, again_at } = fate else { return };
            for at in [Some(at), again_at].into_iter().flatten() {
                self.serial += 1;
                self.wire.insert((self.started + at, self.serial), (up, n, bytes.clone()));
            }
            return;
        }
        self.serial += 1;
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let share = (self.dice >> 33) as f64 / f64::from(1u32 << 31);
        let at = self.now.instant + self.delay + self.jitter.mul_f64(share);
        self.wire.insert((at, self.serial), (up, n, bytes));
    }

    /// RFC 7714 section 10: one number under one key is sealed once, or again with the same bytes.
    fn check_ledger(&mut self, path: Path, bytes: &[u8]) {
        if !is_media(bytes) {
            return;
        }
        let seq = u16::from_be_bytes([bytes[2], bytes[3]]);
        let ssrc = u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
        let known = self.ledger.insert((path.remote, ssrc, seq), bytes.to_vec());
        assert!(known.is_none_or(|known| known == bytes), "{ssrc} {seq} was sealed twice with other bytes");
    }
}

impl Peer {
    fn handle_event(&mut self, now: Instant, event: str0m::Event) {
        match event {
            str0m::Event::Connected => self.connected = true,
            str0m::Event::RtpPacket(packet) => self.received.push(packet),
            str0m::Event::MediaData(data) => self.media.push(data),
            str0m::Event::KeyframeRequest(_) => self.keyframe_requests.push(now),
            str0m::Event::EgressBitrateEstimate(str0m::bwe::BweKind::Remb { estimate, .. }) => {
                self.remb_bps.push(estimate.as_u64());
            }
            _ => {}
        }
    }
}

/// The first peer.
pub const A: ParticipantId = ParticipantId(1);

pub fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A publishes microphone and camera, B receives both. Yields A's two mids and B's two.
pub fn pair(world: &mut World) -> [Mid; 4] {
    let (a, b) = (world.add_peer(), world.add_peer());
    let up = world.offer(a, &[Want::Send(TrackName::Microphone), Want::Send(TrackName::Camera)]);
    let down = world.offer(b, &[Want::Receive(A, TrackName::Microphone), Want::Receive(A, TrackName::Camera)]);
    world.run(ms(500));
    assert!(world.peers[a].connected && world.peers[b].connected);
    [up[0], up[1], down[0], down[1]]
}

/// `seconds` of sound at 50 and picture at 25 a second, a keyframe first and whenever one is asked for.
pub fn talk(world: &mut World, seconds: u64, audio: Mid, video: Mid) -> u64 {
    let mut asked = world.peers[0].keyframe_requests.len();
    let mut keyframes = 0;
    for tick in 0..seconds * 50 {
        world.send_audio(0, audio);
        if tick % 2 == 0 {
            let keyframe = world.frames(0, video) == 0 || world.peers[0].keyframe_requests.len() > asked;
            asked = world.peers[0].keyframe_requests.len();
            keyframes += u64::from(keyframe);
            world.send_frame(0, video, keyframe, if keyframe { 5 } else { 2 });
        }
        world.run(ms(20));
    }
    keyframes
}

/// RTP, not RTCP, STUN or DTLS.
pub fn is_media(bytes: &[u8]) -> bool {
    matches!(bytes, [128..=191, second, ..] if !(192..=223).contains(second)) && bytes.len() > 12
}

fn server() -> SocketAddr {
    SERVER.parse().expect("an address")
}

fn kind(track: TrackName) -> MediaKind {
    match track {
        TrackName::Microphone | TrackName::ScreenAudio => MediaKind::Audio,
        TrackName::Camera | TrackName::Screen => MediaKind::Video,
    }
}

/// `header`, then filling, then the number in the last eight bytes.
fn marked(number: u64, len: usize, header: &[u8]) -> Vec<u8> {
    let mut payload = header.to_vec();
    payload.resize(len - 8, number as u8);
    payload.extend_from_slice(&number.to_be_bytes());
    payload
}

fn number(payload: &[u8]) -> u64 {
    payload.last_chunk().map_or(u64::MAX, |n| u64::from_be_bytes(*n))
}

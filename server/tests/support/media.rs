//! A WebRTC client on a real loopback socket: it sends sound and pictures, or takes what it is sent, and loses on
//! purpose a part of both.

use super::{PATIENCE, now};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::format::Codec;
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{ExtensionValues, RtpWrite};
use str0m::{Candidate, Input, Output, Rtc};

/// One of so many media datagrams is lost, in each direction. Prime: what is sent repeats every five.
const LOSE_ONE_IN: u64 = 23;
const TICK: Duration = Duration::from_millis(20);
const PACKETS_PER_FRAME: u64 = 3;

/// An offer and who made it; `start` with the answer.
pub struct Peer {
    rtc: Rtc,
    socket: UdpSocket,
    pending: SdpPendingOffer,
    pub sdp: String,
    pub audio: Mid,
    pub video: Mid,
    sends: bool,
}

/// What a running peer has seen.
#[derive(Default)]
pub struct Seen {
    pub connected: AtomicBool,
    pub packets: AtomicU64,
    stop: AtomicBool,
}

/// A peer on a thread of its own, until it is dropped.
pub struct Running {
    pub seen: Arc<Seen>,
    thread: Option<JoinHandle<()>>,
}

impl Peer {
    pub fn publisher() -> Self {
        Self::offer(Direction::SendOnly)
    }

    pub fn player() -> Self {
        Self::offer(Direction::RecvOnly)
    }

    fn offer(direction: Direction) -> Self {
        let mut rtc = Rtc::builder().set_rtp_mode(true).set_reordering_size_audio(0).build(now());
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let address = socket.local_addr().expect("an address");
        rtc.add_local_candidate(Candidate::host(address, "udp").expect("an address"));
        let mut api = rtc.sdp_api();
        let audio = api.add_media(MediaKind::Audio, direction, None, None, None);
        let video = api.add_media(MediaKind::Video, direction, None, None, None);
        let (offer, pending) = api.apply().expect("something changed");
        let (sdp, sends) = (offer.to_sdp_string(), direction == Direction::SendOnly);
        Self { rtc, socket, pending, sdp, audio, video, sends }
    }

    pub fn start(mut self, answer: &str) -> Running {
        let answer = SdpAnswer::from_sdp_string(answer).expect("a good answer");
        self.rtc.sdp_api().accept_answer(self.pending, answer).expect("fits the offer");
        let seen = Arc::new(Seen::default());
        let mut engine = Engine {
            rtc: self.rtc,
            socket: self.socket,
            audio: self.audio,
            video: self.video,
            sends: self.sends,
            seen: seen.clone(),
            datagrams: 0,
            ticks: 0,
            video_packets: 0,
            keyframe_due: true,
        };
        let thread = std::thread::spawn(move || engine.run());
        Running { seen, thread: Some(thread) }
    }
}

impl Running {
    pub async fn until(&self, what: &str, reached: impl Fn(&Seen) -> bool) {
        let deadline = now() + PATIENCE;
        while !reached(&self.seen) {
            assert!(now() < deadline, "{what}");
            tokio::time::sleep(TICK).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.seen.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Engine {
    rtc: Rtc,
    socket: UdpSocket,
    audio: Mid,
    video: Mid,
    sends: bool,
    seen: Arc<Seen>,
    datagrams: u64,
    ticks: u64,
    video_packets: u64,
    keyframe_due: bool,
}

impl Engine {
    fn run(&mut self) {
        let mut next_tick = now();
        while !self.seen.stop.load(Ordering::Relaxed) {
            if self.seen.connected.load(Ordering::Relaxed) && self.sends && now() >= next_tick {
                next_tick = now() + TICK;
                self.tick();
            }
            let due = self.drain().min(next_tick.max(now() + Duration::from_millis(1)));
            self.receive(due);
        }
    }

    fn drain(&mut self) -> Instant {
        loop {
            match self.rtc.poll_output().expect("a healthy client") {
                Output::Timeout(at) => return at,
                Output::Transmit(out) => {
                    if !self.loses(&out.contents) {
                        let _ = self.socket.send_to(&out.contents, out.destination);
                    }
                }
                Output::Event(event) => self.handle(event),
            }
        }
    }

    fn receive(&mut self, until: Instant) {
        let wait = until.saturating_duration_since(now()).clamp(Duration::from_millis(1), TICK);
        self.socket.set_read_timeout(Some(wait)).expect("a time-out can be set");
        let mut buffer = [0; 2000];
        let local: SocketAddr = self.socket.local_addr().expect("an address");
        if let Ok((length, from)) = self.socket.recv_from(&mut buffer)
            && !self.loses(&buffer[..length])
            && let Ok(received) = Receive::new(Protocol::Udp, from, local, &buffer[..length])
        {
            self.rtc.handle_input(Input::Receive(now(), received)).expect("the server sends no rubbish");
        }
        self.rtc.handle_input(Input::Timeout(now())).expect("time is good input");
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "a library's events")]
    fn handle(&mut self, event: str0m::Event) {
        match event {
            str0m::Event::Connected => self.seen.connected.store(true, Ordering::Relaxed),
            str0m::Event::RtpPacket(_) => _ = self.seen.packets.fetch_add(1, Ordering::Relaxed),
            str0m::Event::KeyframeRequest(_) => self.keyframe_due = true,
            _ => {}
        }
    }

    /// RTP only: neither RTCP nor what sets the connection up.
    fn loses(&mut self, bytes: &[u8]) -> bool {
        let media = matches!(bytes, [128..=191, second, ..] if !(192..=223).contains(second));
        self.datagrams += u64::from(media);
        media && self.datagrams.is_multiple_of(LOSE_ONE_IN)
    }

    /// 20 ms of sound, and every other time a picture.
    fn tick(&mut self) {
        self.write(self.audio, Codec::Opus, self.ticks, self.ticks * 960, true, vec![7; 40]);
        if self.ticks.is_multiple_of(2) {
            let frame = self.ticks / 2;
            let keyframe = std::mem::take(&mut self.keyframe_due);
            for i in 0..PACKETS_PER_FRAME {
                let [high, low] = ((frame as u16 & 0x7fff) | 0x8000).to_be_bytes();
                // RFC 7741: a descriptor with picture id, then the payload's first byte with the keyframe bit inverted.
                let start = if i == 0 { 0x90 } else { 0x80 };
                let mut payload = vec![start, 0xe0, high, low, frame as u8, 0, u8::from(!keyframe)];
                payload.resize(900, 1);
                self.video_packets += 1;
                let (number, last) = (self.video_packets, i + 1 == PACKETS_PER_FRAME);
                self.write(self.video, Codec::Vp8, number, frame * 3600, last, payload);
            }
        }
        self.ticks += 1;
    }

    fn write(&mut self, mid: Mid, codec: Codec, number: u64, time: u64, marker: bool, payload: Vec<u8>) {
        let pt = self.rtc.codec_config().find(|p| p.spec().codec == codec).expect("negotiated").pt();
        let write = RtpWrite::new(pt, (1000 + number).into(), time as u32, now(), payload);
        let levels = ExtensionValues { audio_level: Some(-20), voice_activity: Some(true), ..Default::default() };
        let write = write.marker(marker).nackable(codec != Codec::Opus);
        let write = if codec == Codec::Opus { write.ext_vals(levels) } else { write };
        let mut api = self.rtc.direct_api();
        api.stream_tx_by_mid(mid, None).expect("a sending section").write_rtp(write);
        let _ = self.drain();
    }
}

//! Samples that can be told apart, and whether all of them came.

use super::process::{PATIENCE, now};
use rtc::media::Sample;
use rtc::rtp;
use rtc::rtp::codec::vp8::Vp8Packet;
use rtc::rtp::packetizer::Depacketizer;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout_at};
use webrtc::media_stream::Track;
use webrtc::media_stream::track_local::static_sample::TrackLocalStaticSample;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::rtp_transceiver::RtpSender;

/// Every sample lasts this long, sound and picture alike.
const TICK: Duration = Duration::from_millis(20);

type Samples = Vec<Vec<u8>>;

/// A publisher's two tracks and what was written to them.
pub(crate) struct Sent {
    video: Outgoing,
    audio: Outgoing,
}

struct Outgoing {
    track: Arc<TrackLocalStaticSample>,
    ssrc: u32,
    payload_type: u8,
    samples: Samples,
}

impl Sent {
    pub(crate) async fn new(
        video: (Arc<TrackLocalStaticSample>, Arc<dyn RtpSender>),
        audio: (Arc<TrackLocalStaticSample>, Arc<dyn RtpSender>),
    ) -> Self {
        Self { video: Outgoing::new(video).await, audio: Outgoing::new(audio).await }
    }

    /// Writes `count` samples of each kind, in real time.
    pub(crate) async fn send(&mut self, count: usize) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for _ in 0..count {
            ticks.tick().await;
            let number = self.video.samples.len();
            self.video.write(picture(number)).await;
            self.audio.write(sound(number)).await;
        }
    }

    pub(crate) fn video(&self) -> &[Vec<u8>] {
        &self.video.samples
    }

    pub(crate) fn audio(&self) -> &[Vec<u8>] {
        &self.audio.samples
    }
}

impl Outgoing {
    async fn new((track, sender): (Arc<TrackLocalStaticSample>, Arc<dyn RtpSender>)) -> Self {
        let parameters = sender.get_parameters().await.expect("parameters");
        let payload_type = parameters.rtp_parameters.codecs.first().expect("a codec was negotiated").payload_type;
        let ssrc = *track.ssrcs().await.first().expect("an SSRC");
        Self { track, ssrc, payload_type, samples: Vec::new() }
    }

    async fn write(&mut self, bytes: Vec<u8>) {
        let sample = Sample { data: bytes.clone().into(), duration: TICK, ..Sample::new(now()) };
        self.track.write_sample(self.ssrc, self.payload_type, &sample, &[]).await.expect("writes");
        self.samples.push(bytes);
    }
}

/// A VP8 frame as far as a server looks into it: the header of RFC 6386 section 9.1; some 1 to 5 packets.
fn picture(number: usize) -> Vec<u8> {
    let key = number.is_multiple_of(50);
    let mut bytes = if key { vec![0x10, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0] } else { vec![0x11, 0, 0] };
    fill(&mut bytes, number, 700 + number * 37 % 5_000);
    bytes
}

fn sound(number: usize) -> Vec<u8> {
    // TOC of RFC 6716 section 3.1: CELT, full band, 20 ms, one frame.
    let mut bytes = vec![0xf8];
    fill(&mut bytes, number, 60 + number * 7 % 90);
    bytes
}

fn fill(bytes: &mut Vec<u8>, number: usize, len: usize) {
    bytes.extend((number as u64).to_be_bytes());
    bytes.extend((0..len).map(|i| (i * 31 + number * 17) as u8));
}

/// What a player received.
pub(crate) struct Heard {
    packets: mpsc::UnboundedReceiver<(RtpCodecKind, rtp::Packet)>,
    video: Incoming,
    audio: Incoming,
}

#[derive(Default)]
struct Incoming {
    /// By unwrapped sequence number.
    packets: BTreeMap<i64, rtp::Packet>,
    last: i64,
    ssrc: Option<u32>,
}

impl Heard {
    pub(crate) fn new(mut tracks: mpsc::UnboundedReceiver<Arc<dyn TrackRemote>>) -> Self {
        let (sender, packets) = mpsc::unbounded_channel();
        // At once: the crate keeps few packets for who does not ask.
        tokio::spawn(async move {
            while let Some(track) = tracks.recv().await {
                tokio::spawn(follow(track, sender.clone()));
            }
        });
        Self { packets, video: Incoming::default(), audio: Incoming::default() }
    }

    /// Waits until every sample is there, each once, in order and byte for byte.
    pub(crate) async fn expect_all(&mut self, sent: &Sent) {
        self.until(|video, audio| video == sent.video() && audio == sent.audio()).await;
    }

    /// Waits for the samples from these on.
    pub(crate) async fn expect_since(&mut self, sent: &Sent, first: usize) {
        let (want_video, want_audio) = (&sent.video()[first..], &sent.audio()[first..]);
        self.until(|video, audio| video.ends_with(want_video) && audio.ends_with(want_audio)).await;
    }

    async fn until(&mut self, enough: impl Fn(&Samples, &Samples) -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let (video, audio) = (self.video.pictures(), self.audio.sounds());
            if enough(&video, &audio) {
                return;
            }
            if timeout_at(deadline, self.receive()).await.is_err() {
                panic!("not everything came; frames {:?}, sounds {:?}", numbers(&video), numbers(&audio));
            }
        }
    }

    /// Takes what is there, or waits for something.
    async fn receive(&mut self) {
        let (kind, packet) = self.packets.recv().await.expect("the client lives");
        self.take(kind, packet);
        while let Ok((kind, packet)) = self.packets.try_recv() {
            self.take(kind, packet);
        }
    }

    fn take(&mut self, kind: RtpCodecKind, packet: rtp::Packet) {
        if kind == RtpCodecKind::Video {
            self.video.take(packet);
        } else {
            self.audio.take(packet);
        }
    }
}

async fn follow(track: Arc<dyn TrackRemote>, sender: mpsc::UnboundedSender<(RtpCodecKind, rtp::Packet)>) {
    let kind = track.kind().await;
    while let Some(event) = track.poll().await {
        if let TrackRemoteEvent::OnRtpPacket(packet) = event {
            let _ = sender.send((kind, packet));
        }
    }
}

impl Incoming {
    fn take(&mut self, packet: rtp::Packet) {
        // Padding that probes for bandwidth carries nothing.
        if packet.payload.is_empty() {
            return;
        }
        let ssrc = *self.ssrc.get_or_insert(packet.header.ssrc);
        assert_eq!(ssrc, packet.header.ssrc, "one stream all the time");
        let seq = packet.header.sequence_number;
        self.last += i64::from(seq.wrapping_sub(self.last as u16) as i16);
        self.packets.entry(self.last).or_insert(packet);
    }

    fn sounds(&self) -> Samples {
        self.packets.values().map(|p| p.payload.to_vec()).collect()
    }

    /// Whole frames: from a packet that starts one to its marker, no number missing between.
    fn pictures(&self) -> Samples {
        let (mut frames, mut frame, mut next) = (Samples::new(), None::<Vec<u8>>, None);
        for (seq, packet) in &self.packets {
            let mut descriptor = Vp8Packet::default();
            let payload = descriptor.depacketize(&packet.payload).expect("VP8");
            if descriptor.s == 1 && descriptor.pid == 0 {
                frame = Some(Vec::new());
            } else if next != Some(*seq) {
                frame = None;
            }
            next = Some(seq + 1);
            if let Some(bytes) = &mut frame {
                bytes.extend_from_slice(&payload);
                if packet.header.marker {
                    frames.extend(frame.take());
                }
            }
        }
        frames
    }
}

/// The numbers that samples carry.
fn numbers(samples: &[Vec<u8>]) -> Vec<u64> {
    let of = |bytes: &Vec<u8>| {
        let header = match bytes.first() {
            Some(0x10) => 10,
            Some(0x11) => 3,
            _ => 1,
        };
        bytes.get(header..header + 8).and_then(|b| b.try_into().ok()).map_or(u64::MAX, u64::from_be_bytes)
    };
    samples.iter().map(of).collect()
}

//! Sound of a WebRTC publisher for RTMP players: one AAC frame after the other, whatever comes or stays away.
//!
//! Players lock their picture to the sound's clock, so that the sound may not stop: where packets are lost the decoder
//! makes something up, where they stay away (mute, DTX, a dead microphone) there is silence.

use super::codec::{AacEncoder, PcmDecoder, Refused};
use super::line::{Fit, Line, samples, seconds, span};
use super::{OPUS_BLOCK, Stats};
use bytes::Bytes;
use carillon_proto::frame::{Frame, FrameCodec};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How far a packet may be off its place and is still taken for the next one. Opus times are exact multiples of the
/// packets' length, so that half a packet of 20 ms tells a lost one from a clock that is followed slowly.
const TOLERANCE: Duration = Duration::from_millis(10);

/// So long the decoder makes something up in place of lost packets; after that there is silence.
const CONCEAL_MAX: Duration = Duration::from_millis(120);

/// The same while the sender has said that it says nothing (DTX): the decoder's comfort noise goes on until the sender's
/// next sign of life, due every 400 ms. A packet of this size says so (RFC 6716 section 2.1.9).
const NOISE_MAX: Duration = Duration::from_secs(1);
const DTX_PACKET_MAX: usize = 2;

/// What a decoder gives first after a silence that it was not told of: the end of what it had invented before (its
/// overlap of 2.5 ms), left out, and as many samples to become loud in.
const RESUME: usize = 120;

/// How much later than the latest of late a packet may come before its place is filled.
const PATIENCE: Duration = Duration::from_millis(60);

/// The same for a sender that is known to send nothing: one packet.
const SILENCE_PATIENCE: Duration = Duration::from_millis(20);

/// What each packet takes off the remembered lateness, as a share of what it came earlier: some ten seconds to forget.
const FORGET: f64 = 0.002;

/// The lateness that is waited for at most. The frames were held for a second at most before they came here.
const BEHIND_MAX: f64 = 1.5;

/// A longer hole is jumped over: nobody was there to fill it in time.
const FILL_MAX: Duration = Duration::from_secs(2);

/// Decodes Opus packets and encodes what they hold as AAC frames without a gap.
pub struct OpusToAac {
    decoder: Box<dyn PcmDecoder>,
    encoder: Box<dyn AacEncoder>,
    line: Line,
    out: VecDeque<Frame>,
    /// How long after its time a packet comes at the latest, in seconds.
    behind: f64,
    /// Samples made up in a row, and whether the last packet announced them.
    made_up: usize,
    quiet: bool,
    /// Nothing is sent, it was told.
    silence: bool,
    piece: Vec<f32>,
    block: Vec<f32>,
    frame: Vec<u8>,
    stats: Stats,
}

impl OpusToAac {
    /// With the codecs of this crate. `channels`: 1 or 2, see `opus_channels`.
    #[cfg(feature = "aac-encode")]
    pub fn new(channels: usize) -> Result<Self, Refused> {
        Ok(Self::with(Box::new(super::OpusPure::new(channels)?), Box::new(super::FdkEncoder::new(channels)?)))
    }

    /// Without an AAC encoder there is nothing to make.
    #[cfg(not(feature = "aac-encode"))]
    pub fn new(_channels: usize) -> Result<Self, Refused> {
        Err(Refused::NoEncoder)
    }

    /// With any codecs of equal numbers of channels.
    pub fn with(decoder: Box<dyn PcmDecoder>, encoder: Box<dyn AacEncoder>) -> Self {
        let line = Line::new(encoder.channels(), encoder.block(), TOLERANCE);
        Self {
            decoder,
            encoder,
            line,
            out: VecDeque::new(),
            behind: 0.0,
            made_up: 0,
            quiet: false,
            silence: false,
            piece: Vec::new(),
            block: Vec::new(),
            frame: Vec::new(),
            stats: Stats::default(),
        }
    }

    /// The AudioSpecificConfig of all frames that come out.
    pub fn config(&self) -> &[u8] {
        self.encoder.config()
    }

    /// Begins with silence at `at`, before any packet: for a stream that has announced sound. Does nothing later on.
    pub fn start(&mut self, at: Instant) {
        if self.line.end().is_none() {
            self.line.restart(at);
        }
    }

    /// Takes the next packet of the track. Packets come in order, some not at all; `poll_output` is to be drained after.
    pub fn handle_frame(&mut self, now: Instant, frame: &Frame) {
        self.stats.frames_in += 1;
        self.silence = false;
        self.note_lateness(seconds(now, frame.at));
        match self.line.fit(frame.at) {
            Fit::First => self.line.restart(frame.at),
            Fit::Next => {}
            Fit::Hole(missing) if span(missing as u64) < FILL_MAX => self.make_up(missing, Some(&frame.payload)),
            Fit::Hole(_) => self.jump(frame.at),
            Fit::Passed => {
                self.stats.late += 1;
                return;
            }
            Fit::PutBack(at) => self.jump(at),
        }
        self.piece.clear();
        if self.decoder.decode(&frame.payload, &mut self.piece).is_err() {
            self.stats.broken += 1;
            return;
        }
        if self.made_up > self.invent_max() {
            fade_in(&mut self.piece, self.encoder.channels());
        }
        self.made_up = 0;
        self.quiet = frame.payload.len() <= DTX_PACKET_MAX;
        self.stats.slewed += u64::from(self.line.push(frame.at, &mut self.piece));
        self.encode_blocks();
    }

    /// Whether nothing is to be waited for: the sender is known to send nothing.
    pub fn expect_silence(&mut self, silence: bool) {
        self.silence = silence;
    }

    /// When the place of the next packet is filled, if that does not come.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.line.end().map(|end| end + self.patience())
    }

    /// Fills the places of packets that should have come by now.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|due| now.saturating_duration_since(due) > FILL_MAX) {
            self.jump(now.checked_sub(self.patience()).unwrap_or(now));
        }
        while self.poll_timeout().is_some_and(|due| due <= now) {
            self.make_up(OPUS_BLOCK, None);
        }
        self.encode_blocks();
    }

    /// The next AAC frame. Its `at` is that of the block it was made from less the encoder's delay: a player hears a sample
    /// that much after the frame it went in with.
    pub fn poll_output(&mut self) -> Option<Frame> {
        self.out.pop_front()
    }

    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// How long after its time a packet is given up.
    fn patience(&self) -> Duration {
        if self.silence { SILENCE_PATIENCE } else { Duration::from_secs_f64(self.behind) + PATIENCE }
    }

    fn note_lateness(&mut self, late: f64) {
        let late = late.clamp(0.0, BEHIND_MAX);
        self.behind = late.max(self.behind - (self.behind - late) * FORGET);
    }

    /// Puts `missing` samples in: the decoder's invention first, silence for what is beyond that.
    fn make_up(&mut self, missing: usize, next: Option<&[u8]>) {
        let left = self.invent_max().saturating_sub(self.made_up);
        let invented = missing.min(left);
        let silent = missing - invented;
        self.piece.clear();
        self.decoder.conceal(invented, next.filter(|_| silent == 0), &mut self.piece);
        if left > 0 && left <= missing {
            fade_out(&mut self.piece, self.encoder.channels());
        }
        self.piece.resize(self.piece.len() + silent * self.encoder.channels(), 0.0);
        self.line.fill(&self.piece);
        self.made_up = self.made_up.saturating_add(missing);
        self.stats.concealed += invented as u64;
        self.stats.silent += silent as u64;
    }

    /// How many samples in a row the decoder may make up.
    fn invent_max(&self) -> usize {
        samples(if self.quiet { NOISE_MAX } else { CONCEAL_MAX })
    }

    /// Sends off what waits and goes on at `at`.
    fn jump(&mut self, at: Instant) {
        self.stats.jumps += 1;
        self.line.pad();
        self.encode_blocks();
        self.line.restart(at);
    }

    fn encode_blocks(&mut self) {
        let delay = span(self.encoder.delay() as u64);
        while let Some(at) = self.line.pop(&mut self.block) {
            if self.encoder.encode(&self.block, &mut self.frame).is_err() {
                self.stats.broken += 1;
                continue;
            }
            self.stats.frames_out += 1;
            let payload = Bytes::copy_from_slice(&self.frame);
            let at = at.checked_sub(delay).unwrap_or(at);
            self.out.push_back(Frame { codec: FrameCodec::Aac, at, key: true, payload });
        }
    }
}

/// Leaves out the first `RESUME` samples and brings the next ones up to their loudness.
fn fade_in(pcm: &mut [f32], channels: usize) {
    for (n, frame) in pcm.chunks_exact_mut(channels).take(2 * RESUME).enumerate() {
        let gain = n.saturating_sub(RESUME) as f32 / RESUME as f32;
        frame.iter_mut().for_each(|s| *s *= gain);
    }
}

/// Ends a piece in silence.
fn fade_out(pcm: &mut [f32], channels: usize) {
    let frames = pcm.len() / channels;
    let fade = frames.min(OPUS_BLOCK);
    for (n, frame) in pcm.chunks_exact_mut(channels).skip(frames - fade).enumerate() {
        let gain = 1.0 - (n + 1) as f32 / fade as f32;
        frame.iter_mut().for_each(|s| *s *= gain);
    }
}

//! Sound of an RTMP publisher for WebRTC subscribers.

use super::codec::{PcmDecoder, PcmEncoder, Refused, remix};
use super::line::{Fit, Line, span};
use super::resample::Resampler;
use super::{AAC_BLOCK, AacFormat, PureEncoder, SAMPLE_RATE, Stats, SymphoniaDecoder};
use bytes::Bytes;
use carillon_proto::frame::{Frame, FrameCodec};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How far times may be off before samples are put in or left out at once. RTMP's clock has a grain of 1 ms, and phones
/// stamp with some unsteadiness: less would cut into sound that is whole.
const TOLERANCE: Duration = Duration::from_millis(60);

/// A longer hole is not made up: the packets' times jump over it, which a WebRTC receiver takes as silence.
const CONCEAL_MAX: Duration = Duration::from_millis(100);

/// Where in the publisher's sound the transcoder begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    /// In the middle: a frame is one half of what is heard and needs the one before, so the first is only decoded.
    Decodes,
    /// What is heard first rises from silence.
    Rises,
    Whole,
}

/// Decodes AAC frames and encodes what they hold as Opus packets of 20 ms.
pub struct AacToOpus {
    decoder: Box<dyn PcmDecoder>,
    encoder: Box<dyn PcmEncoder>,
    resampler: Option<Resampler>,
    line: Line,
    entry: Entry,
    out: VecDeque<Frame>,
    /// The sum of the squares of so many samples since the loudness was last taken.
    power: (f64, usize),
    /// Kept for their memory: decoded, mixed, at 48 kHz, one block, one packet.
    decoded: Vec<f32>,
    mixed: Vec<f32>,
    piece: Vec<f32>,
    block: Vec<f32>,
    packet: Vec<u8>,
    stats: Stats,
}

impl AacToOpus {
    /// With the codecs of this crate, as many channels out as in.
    pub fn new(format: AacFormat) -> Result<Self, Refused> {
        let encoder = PureEncoder::new(usize::from(format.channels.clamp(1, 2)))?;
        Ok(Self::with(Box::new(SymphoniaDecoder::new(format)?), Box::new(encoder)))
    }

    /// With any codecs; the encoder decides how many channels leave.
    pub fn with(decoder: Box<dyn PcmDecoder>, encoder: Box<dyn PcmEncoder>) -> Self {
        let resampler = Resampler::new(decoder.sample_rate(), encoder.channels());
        let line = Line::new(encoder.channels(), encoder.block(), TOLERANCE);
        Self {
            decoder,
            encoder,
            resampler,
            line,
            entry: Entry::Whole,
            out: VecDeque::new(),
            power: (0.0, 0),
            decoded: Vec::new(),
            mixed: Vec::new(),
            piece: Vec::new(),
            block: Vec::new(),
            packet: Vec::new(),
            stats: Stats::default(),
        }
    }

    /// For sound of which frames have passed already: it is heard from the second frame on, without a click.
    #[must_use]
    pub fn midway(self) -> Self {
        Self { entry: Entry::Decodes, ..self }
    }

    /// Takes the next frame of the track. Frames come in order; `poll_output` is to be drained after each.
    pub fn handle_frame(&mut self, frame: &Frame) {
        self.stats.frames_in += 1;
        if self.entry == Entry::Decodes {
            self.entry = Entry::Rises;
            self.decoded.clear();
            // A frame that is broken leaves nothing to the next one, which is heard all the same.
            self.stats.broken += u64::from(self.decoder.decode(&frame.payload, &mut self.decoded).is_err());
            return;
        }
        match self.line.fit(frame.at) {
            Fit::First => self.line.restart(frame.at),
            Fit::Next => {}
            Fit::Hole(missing) if span(missing as u64) < CONCEAL_MAX => self.conceal(missing),
            Fit::Hole(_) => self.jump(frame.at),
            Fit::Passed => {
                self.stats.late += 1;
                return;
            }
            Fit::PutBack(at) => self.jump(at),
        }
        self.decoded.clear();
        if self.decoder.decode(&frame.payload, &mut self.decoded).is_err() {
            self.stats.broken += 1;
            self.decoder.conceal(AAC_BLOCK, None, &mut self.decoded);
        }
        self.shape_piece();
        if std::mem::replace(&mut self.entry, Entry::Whole) == Entry::Rises {
            rise(&mut self.piece);
        }
        self.power.0 += self.piece.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>();
        self.power.1 += self.piece.len();
        self.stats.slewed += u64::from(self.line.push(frame.at, &mut self.piece));
        self.encode_blocks();
    }

    /// The next Opus packet. Its `at` is what is heard first in it, the encoder's delay taken off.
    pub fn poll_output(&mut self) -> Option<Frame> {
        self.out.pop_front()
    }

    /// How loud the sound was since this was last asked: decibels below full scale, 0 to 127 (RFC 6464 section 3).
    pub fn take_level(&mut self) -> u8 {
        let (sum, samples) = std::mem::take(&mut self.power);
        let mean = sum / samples.max(1) as f64;
        (-10.0 * mean.log10()).clamp(0.0, 127.0) as u8
    }

    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Makes up `missing` samples at 48 kHz.
    fn conceal(&mut self, missing: usize) {
        self.stats.concealed += missing as u64;
        let at_source = (missing as u64 * u64::from(self.decoder.sample_rate()) / u64::from(SAMPLE_RATE)) as usize;
        self.decoded.clear();
        self.decoder.conceal(at_source, None, &mut self.decoded);
        self.shape_piece();
        self.line.fill(&self.piece);
    }

    /// Sends off what waits and goes on at `at`.
    fn jump(&mut self, at: Instant) {
        self.stats.jumps += 1;
        self.line.pad();
        self.encode_blocks();
        self.line.restart(at);
    }

    /// From `decoded` to `piece`: the encoder's channels, 48 kHz.
    fn shape_piece(&mut self) {
        self.mixed.clear();
        remix(&self.decoded, self.decoder.channels(), self.encoder.channels(), &mut self.mixed);
        self.piece.clear();
        match &mut self.resampler {
            Some(resampler) => resampler.process(&self.mixed, &mut self.piece),
            None => self.piece.append(&mut self.mixed),
        }
    }

    fn encode_blocks(&mut self) {
        let delay = span(self.encoder.delay() as u64);
        while let Some(at) = self.line.pop(&mut self.block) {
            if self.encoder.encode(&self.block, &mut self.packet).is_err() {
                self.stats.broken += 1;
                continue;
            }
            self.stats.frames_out += 1;
            let payload = Bytes::copy_from_slice(&self.packet);
            let at = at.checked_sub(delay).unwrap_or(at);
            self.out.push_back(Frame { codec: FrameCodec::Opus, at, key: true, payload });
        }
    }
}

fn rise(pcm: &mut [f32]) {
    let step = 1.0 / pcm.len().max(1) as f32;
    pcm.iter_mut().enumerate().for_each(|(n, sample)| *sample *= step * n as f32);
}

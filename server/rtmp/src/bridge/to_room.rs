//! What an RTMP publisher sends, as frames for a room: pictures as they come, sound as Opus, both on our clock.

use super::parameter_sets::ParameterSets;
use super::shown::Shown;
use super::stale::Stale;
use crate::media::{Flow, Media};
use crate::timeline::Timeline;
use crate::transcode::{AacFormat, AacToOpus, Refused};
use bytes::Bytes;
use carillon_proto::codec::aac::{AudioSpecificConfig, OBJECT_LC};
use carillon_proto::codec::h264::{AvcConfig, NAL_IDR};
use carillon_proto::flv::{AudioPacket, AudioTag, FourCc, FrameType, TagCodec, VideoPacket, VideoTag};
use carillon_proto::frame::{Frame, FrameCodec};
use carillon_proto::payload::h264::{push_unit, unit_type};
use carillon_proto::wire::Malformed;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Access unit delimiter, end of sequence, end of stream, filler: nothing for a room.
const NAL_DELIMITERS: std::ops::RangeInclusive<u8> = 9..=12;

/// A composition time is a few frames; more is a lie.
const COMPOSITION_MAX_MS: i32 = 2_000;

/// How often the loudness is told.
const LEVEL_EVERY: Duration = Duration::from_millis(100);

/// A transcoder ends so long after the last who wanted its sound: who reloads a page finds it running.
const UNWANTED_FOR: Duration = Duration::from_secs(5);

/// No sound, as RFC 6464 writes it.
const SILENT: u8 = 127;

/// Why a flow does not reach the room. Told once, until the publisher sends something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// Browsers are not offered this codec, or have none of it.
    Codec(TagCodec),
    /// AAC of another kind than LC (or HE, which is heard by its LC core).
    AacObject(u8),
    /// AAC in frames of another length than 1,024 samples.
    AacFrame(u16),
    Sound(Refused),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomOutput {
    /// A track begins, or goes on in another codec or another order. Before its first frame.
    Open {
        flow: Flow,
        codec: FrameCodec,
        /// The pictures are known not to be decoded in the order in which they are shown.
        reordered: bool,
    },
    Frame(Frame),
    /// How loud the sound is, as RFC 6464 writes it: 0 (full scale) to 127 (silence), in decibels below full scale.
    Level(u8),
    Problem(Flow, Problem),
}

type MakeTranscoder = fn(AacFormat) -> Result<AacToOpus, Refused>;

/// One publisher's stream.
pub struct ToRoom {
    timeline: Timeline,
    video: Video,
    audio: Audio,
    make: MakeTranscoder,
    out: VecDeque<RoomOutput>,
    level_told: Option<Instant>,
    /// Tags that could not be read.
    pub broken: u64,
}

#[derive(Default)]
struct Video {
    opened: Option<(FrameCodec, bool)>,
    avc: Option<Avc>,
    shown: Shown,
    told: Option<Problem>,
}

struct Avc {
    config: AvcConfig,
    sets: ParameterSets,
    /// It took the place of another: what comes before a keyframe builds on pictures that nobody has.
    awaits_key: bool,
}

#[derive(Default)]
struct Audio {
    opened: bool,
    aac: Option<Aac>,
    want: Want,
    stale: Stale,
    told: Option<Problem>,
}

/// Whether anybody hears the sound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Want {
    #[default]
    Nobody,
    Somebody,
    /// The last left then.
    Until(Instant),
}

struct Aac {
    format: AacFormat,
    transcoder: Option<AacToOpus>,
    /// Frames came while there was none.
    passed: bool,
}

impl Want {
    fn holds(self, now: Instant) -> bool {
        match self {
            Self::Nobody => false,
            Self::Somebody => true,
            Self::Until(left) => now.saturating_duration_since(left) < UNWANTED_FOR,
        }
    }
}

impl Default for ToRoom {
    fn default() -> Self {
        Self::with(AacToOpus::new)
    }
}

impl ToRoom {
    pub(super) fn with(make: MakeTranscoder) -> Self {
        Self {
            timeline: Timeline::default(),
            video: Video::default(),
            audio: Audio::default(),
            make,
            out: VecDeque::new(),
            level_told: None,
            broken: 0,
        }
    }

    /// Takes the next message of the stream, as the hub hands it out. `poll_output` is to be drained after.
    pub fn handle_media(&mut self, now: Instant, media: &Media) {
        let read = match media.flow {
            Flow::Video => self.handle_video(now, media),
            Flow::Audio => self.handle_audio(now, media),
            Flow::Data => Ok(()),
        };
        self.broken += u64::from(read.is_err());
    }

    /// Whether anybody in the room receives the sound. AAC is transcoded while somebody does, and a little longer;
    /// nobody does until this is first told.
    pub fn want_sound(&mut self, now: Instant, wanted: bool) {
        self.audio.want = match (wanted, self.audio.want) {
            (true, _) => Want::Somebody,
            (false, Want::Somebody) => Want::Until(now),
            (false, before) => before,
        };
    }

    pub fn is_transcoding(&self) -> bool {
        self.audio.aac.as_ref().is_some_and(|aac| aac.transcoder.is_some())
    }

    pub fn poll_output(&mut self) -> Option<RoomOutput> {
        self.out.pop_front()
    }

    fn handle_video(&mut self, now: Instant, media: &Media) -> Result<(), Malformed> {
        let tag = VideoTag::read(&media.payload)?;
        if tag.track != 0 || tag.frame == FrameType::Command {
            return Ok(());
        }
        match (tag.codec, tag.packet) {
            (TagCodec::FourCc(FourCc::AVC), VideoPacket::SequenceStart(data)) => self.configure_avc(data),
            (TagCodec::FourCc(FourCc::AVC), VideoPacket::Frame { composition_ms, data }) => {
                let at = self.place_picture(now, media.at, composition_ms);
                self.take_avc(at, composition_ms, data)
            }
            (TagCodec::FourCc(FourCc::VP8), VideoPacket::Frame { data, .. }) => {
                self.open_video(FrameCodec::Vp8, false);
                let (at, key) = (self.place_picture(now, media.at, 0), tag.frame == FrameType::Key);
                let payload = media.payload.slice_ref(data);
                self.out.push_back(RoomOutput::Frame(Frame { codec: FrameCodec::Vp8, at, key, payload }));
                Ok(())
            }
            (TagCodec::FourCc(FourCc::VP8 | FourCc::AVC), _) => Ok(()),
            (codec, _) => {
                self.video.avc = None;
                tell(&mut self.video.told, Problem::Codec(codec), Flow::Video, &mut self.out);
                Ok(())
            }
        }
    }

    /// When a picture is to be seen.
    fn place_picture(&mut self, now: Instant, ms: u32, composition_ms: i32) -> Instant {
        let composition_ms = composition_ms.clamp(-COMPOSITION_MAX_MS, COMPOSITION_MAX_MS);
        let at = compose(self.timeline.place(now, ms), composition_ms);
        self.video.shown.place(ms.wrapping_add_signed(composition_ms), self.timeline.jumps, at)
    }

    fn configure_avc(&mut self, data: &[u8]) -> Result<(), Malformed> {
        let config = AvcConfig::read(data)?;
        let sets = ParameterSets::of(&config);
        // A decoder may understand more than we do: such are passed on all the same.
        self.broken += u64::from(sets.sps().is_none());
        let reordered = sets.sps().and_then(|sps| sps.reorder_frames).is_some_and(|frames| frames > 0);
        self.open_video(FrameCodec::H264, reordered);
        let awaits_key = self.video.avc.is_some();
        self.video.avc = Some(Avc { config, sets, awaits_key });
        Ok(())
    }

    /// One access unit: lengths of 4 bytes, parameter sets in front of an IDR, no delimiters.
    fn take_avc(&mut self, at: Instant, composition_ms: i32, data: &[u8]) -> Result<(), Malformed> {
        let Some(avc) = &mut self.video.avc else { return Ok(()) };
        let (mut units, mut key) = (Vec::with_capacity(data.len() + 64), false);
        for unit in avc.config.units(data) {
            let unit = unit?;
            if NAL_DELIMITERS.contains(&unit_type(unit)) || avc.sets.take(unit) {
                continue;
            }
            if unit_type(unit) == NAL_IDR && !key {
                key = true;
                avc.sets.push_to(&mut units);
            }
            push_unit(&mut units, unit);
        }
        avc.awaits_key &= !key;
        if units.is_empty() || avc.awaits_key {
            return Ok(());
        }
        // Encoders that leave the SPS silent show by their first composition time that pictures change places.
        let known = self.video.opened.is_some_and(|(_, reordered)| reordered);
        self.open_video(FrameCodec::H264, known || (composition_ms != 0 && self.video.opened.is_none()));
        let payload = Bytes::from(units);
        self.out.push_back(RoomOutput::Frame(Frame { codec: FrameCodec::H264, at, key, payload }));
        Ok(())
    }

    fn open_video(&mut self, codec: FrameCodec, reordered: bool) {
        self.video.told = None;
        if self.video.opened != Some((codec, reordered)) {
            self.video.opened = Some((codec, reordered));
            self.out.push_back(RoomOutput::Open { flow: Flow::Video, codec, reordered });
        }
    }

    fn handle_audio(&mut self, now: Instant, media: &Media) -> Result<(), Malformed> {
        let tag = AudioTag::read(&media.payload)?;
        if tag.track != 0 {
            return Ok(());
        }
        match (tag.codec, tag.packet) {
            (TagCodec::FourCc(FourCc::AAC), AudioPacket::SequenceStart(data)) => self.configure_aac(data),
            (TagCodec::FourCc(FourCc::AAC), AudioPacket::Frame(data)) => {
                let Some(at) = self.place_sound(now, media.at) else { return Ok(()) };
                let payload = media.payload.slice_ref(data);
                self.take_aac(now, &Frame { codec: FrameCodec::Aac, at, key: true, payload });
                Ok(())
            }
            (TagCodec::FourCc(FourCc::OPUS), AudioPacket::Frame(data)) => {
                let Some(at) = self.place_sound(now, media.at) else { return Ok(()) };
                let payload = media.payload.slice_ref(data);
                self.audio.aac = None;
                self.open_audio();
                self.out.push_back(RoomOutput::Frame(Frame { codec: FrameCodec::Opus, at, key: true, payload }));
                Ok(())
            }
            (TagCodec::FourCc(FourCc::AAC | FourCc::OPUS), _) => Ok(()),
            (codec, _) => {
                self.audio.aac = None;
                tell(&mut self.audio.told, Problem::Codec(codec), Flow::Audio, &mut self.out);
                Ok(())
            }
        }
    }

    /// When a piece of sound is to be heard. `None`: too late for that.
    fn place_sound(&mut self, now: Instant, ms: u32) -> Option<Instant> {
        let at = self.timeline.place(now, ms);
        self.audio.stale.takes(now, at).then_some(at)
    }

    fn configure_aac(&mut self, data: &[u8]) -> Result<(), Malformed> {
        let config = AudioSpecificConfig::read(data)?;
        let fits = format(&config).and_then(|format| format.check().map(|()| format).map_err(Problem::Sound));
        match fits {
            Ok(format) if self.audio.aac.as_ref().is_some_and(|aac| aac.format == format) => Ok(()),
            Ok(format) => {
                self.audio.aac = Some(Aac { format, transcoder: None, passed: false });
                self.open_audio();
                Ok(())
            }
            Err(problem) => {
                self.audio.aac = None;
                tell(&mut self.audio.told, problem, Flow::Audio, &mut self.out);
                Err(Malformed::Value)
            }
        }
    }

    fn take_aac(&mut self, now: Instant, frame: &Frame) {
        if !self.audio.want.holds(now) {
            return self.pass_aac();
        }
        let Some(aac) = &mut self.audio.aac else { return };
        let transcoder = match aac.transcoder.take().map_or_else(|| (self.make)(aac.format), Ok) {
            Ok(made) => aac.transcoder.insert(if std::mem::take(&mut aac.passed) { made.midway() } else { made }),
            Err(refused) => {
                self.audio.aac = None;
                return tell(&mut self.audio.told, Problem::Sound(refused), Flow::Audio, &mut self.out);
            }
        };
        transcoder.handle_frame(frame);
        self.out.extend(std::iter::from_fn(|| transcoder.poll_output()).map(RoomOutput::Frame));
        if self.level_told.is_none_or(|told| now.saturating_duration_since(told) >= LEVEL_EVERY) {
            self.level_told = Some(now);
            self.out.push_back(RoomOutput::Level(transcoder.take_level()));
        }
    }

    /// Nobody hears this frame.
    fn pass_aac(&mut self) {
        let Some(aac) = &mut self.audio.aac else { return };
        aac.passed = true;
        if aac.transcoder.take().is_some() {
            self.out.push_back(RoomOutput::Level(SILENT));
        }
    }

    fn open_audio(&mut self) {
        self.audio.told = None;
        if !self.audio.opened {
            self.audio.opened = true;
            self.out.push_back(RoomOutput::Open { flow: Flow::Audio, codec: FrameCodec::Opus, reordered: false });
        }
    }
}

fn compose(at: Instant, composition_ms: i32) -> Instant {
    let span = Duration::from_millis(composition_ms.unsigned_abs().into());
    if composition_ms >= 0 { at + span } else { at.checked_sub(span).unwrap_or(at) }
}

fn format(config: &AudioSpecificConfig) -> Result<AacFormat, Problem> {
    match (config.object_type, config.frame_samples) {
        (OBJECT_LC, 1024) => Ok(AacFormat { sample_rate: config.sample_rate, channels: config.channels }),
        (OBJECT_LC, samples) => Err(Problem::AacFrame(samples)),
        (object, _) => Err(Problem::AacObject(object)),
    }
}

fn tell(told: &mut Option<Problem>, problem: Problem, flow: Flow, out: &mut VecDeque<RoomOutput>) {
    if *told != Some(problem) {
        *told = Some(problem);
        out.push_back(RoomOutput::Problem(flow, problem));
    }
}

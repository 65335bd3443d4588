//! A WebRTC publisher for RTMP players: pictures and sound of two tracks as the tags of one stream.
//!
//! Sound never stops: where none comes there is silence, also from a publisher without a microphone, because players that
//! wait for sound that was announced, or lock their clock to it, show nothing meanwhile. The first picture leaves when it
//! comes, though, and its sound follows.

use super::ages::Ages;
use super::parameter_sets::ParameterSets;
use crate::interleave::Interleaver;
use crate::media::Flow;
use crate::transcode::{OPUS_BLOCK, OpusToAac, Refused, SAMPLE_RATE, Stats, opus_channels};
use bytes::Bytes;
use carillon_proto::flv::{AudioTag, FourCc, FrameType, Metadata, TagCodec, VideoTag};
use carillon_proto::frame::{Frame, FrameCodec};
use carillon_proto::payload::h264::{push_unit, unit_type, units};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Channels of the sound until a packet of two comes: calls are mono.
const CHANNELS: usize = 1;

/// By how many samples what is heard first of a packet is older than a browser says. It has no moment of capture for sound:
/// a packet's first sample is reported for captured when the packet leaves, which is when its last one was. And what an
/// encoder looks ahead (312 samples for speech) is heard that much later than it went in. Pictures are reported rightly.
const SOUND_OLDER: u64 = OPUS_BLOCK as u64 + 312;

/// Access unit delimiter, end of sequence, end of stream, filler: some players stumble over them in a tag.
const NAL_DELIMITERS: std::ops::RangeInclusive<u8> = 9..=12;

/// How long sound waits for the first picture, so that a stream begins with both: players take what they see at the
/// beginning for all there will be.
const BEGIN_WITHIN: Duration = Duration::from_millis(1_500);

/// The same where pictures are known to come, but in another codec as yet: the publisher has to offer again.
const BEGIN_WITH_PICTURES_WITHIN: Duration = Duration::from_secs(6);

/// One message for the hub's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    pub flow: Flow,
    /// Milliseconds on the stream's clock: never less than those of the tag before.
    pub at: u32,
    /// The body of an FLV tag; of `Flow::Data`, of a data message.
    pub payload: Bytes,
}

/// One publisher's stream.
pub struct ToPlayers {
    sound: OpusToAac,
    channels: usize,
    sound_announced: bool,
    /// When the first frame came, and whether anything has left.
    first: Option<Instant>,
    begun: bool,
    /// There is a camera.
    pictures_come: bool,
    interleaver: Interleaver,
    sets: ParameterSets,
    /// What was said last of the pictures' configuration.
    announced: Option<Vec<u8>>,
    out: VecDeque<Tag>,
    ages: Ages,
    /// Pictures of a codec that plain RTMP does not have, or before any configuration.
    pub left_out: u64,
}

impl ToPlayers {
    pub fn new() -> Result<Self, Refused> {
        Ok(Self::with(OpusToAac::new(CHANNELS)?))
    }

    pub(super) fn with(sound: OpusToAac) -> Self {
        let mut interleaver = Interleaver::default();
        interleaver.expect(true, false);
        Self {
            sound,
            channels: CHANNELS,
            sound_announced: false,
            first: None,
            begun: false,
            pictures_come: false,
            interleaver,
            sets: ParameterSets::default(),
            announced: None,
            out: VecDeque::new(),
            ages: Ages::default(),
            left_out: 0,
        }
    }

    /// Takes the next frame of either track. `poll_output` is to be drained after.
    pub fn handle_frame(&mut self, now: Instant, frame: Frame) {
        self.first.get_or_insert(now);
        match frame.codec {
            FrameCodec::Opus => {
                if self.channels == 1 && opus_channels(&frame.payload) == 2 {
                    self.widen(now);
                }
                let at = frame.at.checked_sub(Duration::from_secs(SOUND_OLDER) / SAMPLE_RATE).unwrap_or(frame.at);
                self.sound.handle_frame(now, &Frame { at, ..frame });
            }
            FrameCodec::H264 => {
                self.sound.start(frame.at);
                self.interleaver.expect(true, true);
                self.interleaver.push(now, frame);
            }
            FrameCodec::Vp8 | FrameCodec::Vp9 | FrameCodec::Av1 | FrameCodec::H265 | FrameCodec::Aac => {
                self.left_out += 1;
            }
        }
        self.pass_on(now);
    }

    /// A track fell silent, or is back: nothing waits for a camera that is off, nor for a microphone.
    pub fn handle_silent(&mut self, now: Instant, flow: Flow, silent: bool) {
        match flow {
            Flow::Video => {
                self.pictures_come = !silent;
                self.interleaver.expect(true, !silent);
            }
            Flow::Audio => self.sound.expect_silence(silent),
            Flow::Data => {}
        }
        self.pass_on(now);
    }

    /// The publisher has a camera, whatever its pictures are encoded with at the moment.
    pub fn expect_pictures(&mut self) {
        self.pictures_come = true;
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.sound.handle_timeout(now);
        self.pass_on(now);
    }

    /// When `handle_timeout` is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.sound.poll_timeout(), self.interleaver.poll_timeout()].into_iter().flatten().min()
    }

    pub fn poll_output(&mut self) -> Option<Tag> {
        self.out.pop_front()
    }

    /// Of the sound.
    pub fn stats(&self) -> Stats {
        self.sound.stats()
    }

    /// Of the pictures that have left since this was last asked.
    pub fn take_ages(&mut self) -> Ages {
        std::mem::take(&mut self.ages)
    }

    /// Sound goes on in stereo, and stays so: encoders change with what they hear, and players begin anew each time.
    fn widen(&mut self, now: Instant) {
        let Ok(wide) = OpusToAac::new(2) else { return };
        self.collect(now);
        (self.sound, self.channels, self.sound_announced) = (wide, 2, false);
    }

    fn collect(&mut self, now: Instant) {
        while let Some(frame) = self.sound.poll_output() {
            self.interleaver.push(now, frame);
        }
    }

    fn pass_on(&mut self, now: Instant) {
        self.collect(now);
        while let Some((at, frame)) = self.interleaver.poll(now) {
            if !self.begins(now, &frame) {
                self.interleaver.restart_clock();
                continue;
            }
            if frame.codec.is_audio() {
                self.write_sound(at, &frame);
            } else {
                self.ages.note(now, frame.at);
                self.write_picture(at, &frame);
            }
        }
    }

    /// Whether the stream has begun, or does with this frame.
    fn begins(&mut self, now: Instant, frame: &Frame) -> bool {
        let patience = if self.pictures_come { BEGIN_WITH_PICTURES_WITHIN } else { BEGIN_WITHIN };
        let waited = self.first.is_some_and(|first| now.saturating_duration_since(first) >= patience);
        self.begun |= waited || (frame.key && !frame.codec.is_audio());
        self.begun
    }

    fn write_sound(&mut self, at: u32, frame: &Frame) {
        if !self.sound_announced {
            self.write_metadata(at);
            self.announce_sound(at);
        }
        let tag = AudioTag::frame(FourCc::AAC, &frame.payload);
        self.out.push_back(Tag { flow: Flow::Audio, at, payload: written(|out| tag.write(out)) });
    }

    fn announce_sound(&mut self, at: u32) {
        self.sound_announced = true;
        let tag = AudioTag::sequence_start(FourCc::AAC, self.sound.config());
        self.out.push_back(Tag { flow: Flow::Audio, at, payload: written(|out| tag.write(out)) });
    }

    /// Parameter sets go ahead in a configuration of their own, and again where they change: some players start anew on
    /// those they find among the pictures.
    fn write_picture(&mut self, at: u32, frame: &Frame) {
        let mut data = Vec::with_capacity(frame.payload.len());
        for unit in units(&frame.payload).map_while(Result::ok) {
            if !self.sets.take(unit) && !NAL_DELIMITERS.contains(&unit_type(unit)) {
                push_unit(&mut data, unit);
            }
        }
        if frame.key {
            self.announce_pictures(at);
        }
        if self.announced.is_none() || data.is_empty() {
            self.left_out += 1;
            return;
        }
        let kind = if frame.key { FrameType::Key } else { FrameType::Inter };
        let tag = VideoTag::frame(kind, FourCc::AVC, 0, &data);
        self.out.push_back(Tag { flow: Flow::Video, at, payload: written(|out| tag.write(out)) });
    }

    fn announce_pictures(&mut self, at: u32) {
        let config = self.sets.to_config(4);
        if config.is_none() || config == self.announced {
            return;
        }
        self.announced = config;
        self.write_metadata(at);
        if let Some(config) = &self.announced {
            let tag = VideoTag::sequence_start(FourCc::AVC, config);
            self.out.push_back(Tag { flow: Flow::Video, at, payload: written(|out| tag.write(out)) });
        }
        // The first picture is ahead of its sound; a player is to know from the beginning that there is some.
        if !self.sound_announced {
            self.announce_sound(at);
        }
    }

    fn write_metadata(&mut self, at: u32) {
        let sps = self.sets.sps();
        let metadata = Metadata {
            width: sps.map(|sps| sps.width.into()),
            height: sps.map(|sps| sps.height.into()),
            video_codec: sps.map(|_| TagCodec::FourCc(FourCc::AVC)),
            audio_sample_rate: Some(SAMPLE_RATE.into()),
            audio_channels: Some(self.channels as f64),
            audio_codec: Some(TagCodec::FourCc(FourCc::AAC)),
            ..Metadata::default()
        };
        let payload = metadata.to_data().to_bytes().into();
        self.out.push_back(Tag { flow: Flow::Data, at, payload });
    }
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut out = Vec::new();
    write(&mut out);
    out.into()
}

//! Frames of two tracks on one RTMP clock: milliseconds that never step back, whichever track they belong to.
//!
//! Players and relays take a step back across tracks for an error, or drop what comes late. So a frame waits until the
//! other track has shown that it has nothing earlier.

use carillon_proto::frame::Frame;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What sound waits for a picture at most: players hear every wait, and pictures may stay away.
const SOUND_WAITS_MAX: Duration = Duration::from_millis(140);

/// What a picture waits for sound at most. Sound comes all the time, made up where it is missing, as late as the publisher's path
/// makes it (1.5 s at most) and as its blocks are long. A browser's comes 27 ms after it was spoken, and is transcoded into
/// blocks of 21 ms with a delay of 43 ms, so that a picture waits some 90 ms where all is well: as long as a player would
/// keep it for its sound. Were it let go sooner, the sound behind it would have to leave its own times.
const PICTURE_WAITS_MAX: Duration = Duration::from_secs(2);

/// Frames that wait. More are let go at once, in order: two seconds of 60 pictures.
const WAITING_MAX: usize = 128;

/// Where the clock begins: sound's first frames belong before the first picture, by as much as an encoder delays.
const FIRST_MS: u32 = 100;

#[derive(Debug)]
struct Waiting {
    since: Instant,
    frame: Frame,
}

/// The two tracks of a stream, each with frames in order.
#[derive(Debug, Default)]
pub struct Interleaver {
    audio: VecDeque<Waiting>,
    video: VecDeque<Waiting>,
    /// Whether frames of the track are to be waited for at all.
    expects: [bool; 2],
    /// The instant of `FIRST_MS`.
    zero: Option<Instant>,
    /// The same where it is a picture's.
    led_at: Option<Instant>,
    last_ms: u32,
    /// Of sound, and of pictures: no two of a track have one time.
    last_of: [Option<u32>; 2],
    /// Frames that came after later ones had left, and took their time.
    pub clamped: u64,
}

impl Interleaver {
    /// Whether sound and picture come. The other track is held up for nothing that does not (mute has sound, camera off
    /// has no picture).
    pub fn expect(&mut self, audio: bool, video: bool) {
        self.expects = [audio, video];
    }

    pub fn push(&mut self, now: Instant, frame: Frame) {
        let queue = if frame.codec.is_audio() { &mut self.audio } else { &mut self.video };
        queue.push_back(Waiting { since: now, frame });
    }

    /// Begins the clock anew with the next frame: nothing has left yet that anybody saw.
    pub fn restart_clock(&mut self) {
        (self.zero, self.led_at, self.last_ms, self.last_of) = (None, None, 0, [None; 2]);
    }

    /// The clock begins with the first picture that stands alone, if there is one and nothing has left: it waits for
    /// nothing, and what is to be heard before it is left out.
    fn lead(&mut self) -> Option<(u32, Frame)> {
        self.video.front().filter(|waiting| self.zero.is_none() && waiting.frame.key)?;
        let frame = self.video.pop_front()?.frame;
        self.led_at = Some(frame.at);
        Some((self.stamp(frame.at, 1), frame))
    }

    /// The next frame that may leave at `now`, with its time. Milliseconds wrap after 49 days, as the wire's do.
    pub fn poll(&mut self, now: Instant) -> Option<(u32, Frame)> {
        if let Some(first) = self.lead() {
            return Some(first);
        }
        while self.audio.front().is_some_and(|waiting| self.led_at.is_some_and(|led| waiting.frame.at < led)) {
            self.audio.pop_front();
        }
        let audio_first = self.audio_first()?;
        let full = self.audio.len() + self.video.len() > WAITING_MAX;
        let (queue, other, other_expected, longest) = if audio_first {
            (&mut self.audio, &self.video, self.expects[1], SOUND_WAITS_MAX)
        } else {
            (&mut self.video, &self.audio, self.expects[0], PICTURE_WAITS_MAX)
        };
        let waits = other.is_empty() && other_expected && !full;
        if waits && queue.front().is_some_and(|w| now < w.since + longest) {
            return None;
        }
        let frame = queue.pop_front()?.frame;
        Some((self.stamp(frame.at, usize::from(!audio_first)), frame))
    }

    /// When a frame leaves without the other track.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let (queue, longest) =
            if self.audio_first()? { (&self.audio, SOUND_WAITS_MAX) } else { (&self.video, PICTURE_WAITS_MAX) };
        queue.front().map(|w| w.since + longest)
    }

    /// Whether the earliest frame is sound. `None`: nothing waits.
    fn audio_first(&self) -> Option<bool> {
        match (self.audio.front(), self.video.front()) {
            (Some(a), Some(v)) => Some(a.frame.at <= v.frame.at),
            (Some(_), None) => Some(true),
            (None, Some(_)) => Some(false),
            (None, None) => None,
        }
    }

    fn stamp(&mut self, at: Instant, track: usize) -> u32 {
        let zero = *self.zero.get_or_insert(at);
        let signed = match at.checked_duration_since(zero) {
            Some(after) => after.as_millis() as i64,
            None => -(zero.saturating_duration_since(at).as_millis() as i64),
        };
        let ms = ((i64::from(FIRST_MS) + signed) & 0xffff_ffff) as u32;
        let next_of_track = self.last_of[track].map_or(self.last_ms, |last| last.wrapping_add(1));
        let least = later(self.last_ms, next_of_track);
        let stamped = later(ms, least);
        self.clamped += u64::from(stamped != ms);
        self.last_ms = stamped;
        self.last_of[track] = Some(stamped);
        stamped
    }
}

/// Over a wrap too.
fn later(a: u32, b: u32) -> u32 {
    if a.wrapping_sub(b).cast_signed() < 0 { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ms, start};
    use bytes::Bytes;
    use carillon_proto::frame::FrameCodec;

    fn frame(codec: FrameCodec, at: Instant) -> Frame {
        Frame { codec, at, key: true, payload: Bytes::new() }
    }

    fn drain(tracks: &mut Interleaver, now: Instant) -> Vec<(u32, bool)> {
        std::iter::from_fn(|| tracks.poll(now)).map(|(ms, frame)| (ms, frame.codec.is_audio())).collect()
    }

    #[test]
    fn the_first_picture_that_stands_alone_waits_for_no_sound() {
        let (t, mut tracks) = (start(), Interleaver::default());
        tracks.expect(true, true);
        tracks.push(t, frame(FrameCodec::Aac, t - ms(90)));
        tracks.push(t, frame(FrameCodec::H264, t));
        tracks.push(t, Frame { key: false, ..frame(FrameCodec::H264, t + ms(33)) });
        assert_eq!(drain(&mut tracks, t), [(100, false)]);
        for n in 0..4 {
            tracks.push(t + ms(21 * n), frame(FrameCodec::Aac, t - ms(42) + ms(21 * n)));
        }
        assert_eq!(drain(&mut tracks, t + ms(63)), [(100, true), (121, true)], "what was to be heard before is gone");
        tracks.push(t + ms(90), frame(FrameCodec::Aac, t + ms(42)));
        assert_eq!(drain(&mut tracks, t + ms(90)), [(133, false)]);
    }

    #[test]
    fn picture_waits_for_the_sound_that_belongs_before_it() {
        let (t, mut tracks) = (start(), Interleaver::default());
        tracks.expect(true, true);
        tracks.push(t, Frame { key: false, ..frame(FrameCodec::H264, t) });
        tracks.push(t + ms(33), frame(FrameCodec::H264, t + ms(33)));
        assert_eq!(drain(&mut tracks, t + ms(60)), []);
        tracks.push(t + ms(65), frame(FrameCodec::Aac, t - ms(20)));
        tracks.push(t + ms(86), frame(FrameCodec::Aac, t + ms(1)));
        assert_eq!(drain(&mut tracks, t + ms(86)), [(100, true), (120, false), (121, true)]);
        assert_eq!(tracks.poll_timeout(), Some(t + ms(33) + PICTURE_WAITS_MAX));
        assert_eq!(drain(&mut tracks, t + PICTURE_WAITS_MAX), [], "sound that is late keeps its times");
        assert_eq!(drain(&mut tracks, t + ms(33) + PICTURE_WAITS_MAX), [(153, false)], "that is enough");
    }

    #[test]
    fn nothing_waits_for_a_camera_that_is_off() {
        let (t, mut tracks) = (start(), Interleaver::default());
        tracks.expect(true, false);
        tracks.push(t, frame(FrameCodec::Aac, t));
        assert_eq!(drain(&mut tracks, t), [(100, true)]);
        tracks.expect(true, true);
        tracks.push(t + ms(21), frame(FrameCodec::Aac, t + ms(21)));
        assert_eq!(drain(&mut tracks, t + ms(21)), []);
    }

    #[test]
    fn time_never_steps_back() {
        let (t, mut tracks) = (start(), Interleaver::default());
        tracks.expect(true, true);
        tracks.push(t, Frame { key: false, ..frame(FrameCodec::H264, t) });
        let late = t + PICTURE_WAITS_MAX;
        assert_eq!(drain(&mut tracks, late), [(100, false)]);
        tracks.push(late, frame(FrameCodec::Aac, t - ms(300)));
        tracks.push(late, frame(FrameCodec::H264, t + ms(40)));
        assert_eq!(drain(&mut tracks, late), [(100, true)], "the picture waits for more sound");
        assert_eq!(drain(&mut tracks, late + PICTURE_WAITS_MAX), [(140, false)]);
        assert_eq!(tracks.clamped, 1);
    }

    #[test]
    fn a_track_that_outruns_the_other_is_let_go() {
        let (t, mut tracks) = (start(), Interleaver::default());
        tracks.expect(true, true);
        for n in 0..300 {
            tracks.push(t, frame(FrameCodec::H264, t + ms(33) * n));
        }
        assert_eq!(drain(&mut tracks, t).len(), 300 - WAITING_MAX);
    }
}

//! Picture and sound together (libwebrtc `stream_synchronization.cc`, `rtp_streams_synchronizer2.cc`).

use super::neteq::NetEq;
use super::video::Video;
use crate::media::Ms;

const EVERY: Ms = 1_000.0;
/// kFilterLength, kMinDeltaMs, kMaxChangeMs.
const SMOOTHED_OVER: f64 = 4.0;
const DELTA_MIN: Ms = 30.0;
const CHANGE_MAX: Ms = 80.0;
const DELAY_MAX: Ms = 10_000.0;
/// The sound device's own.
const DEVICE_MS: Ms = 10.0;

#[derive(Debug)]
pub struct Sync {
    due: Ms,
    average: Ms,
    audio_extra: Ms,
    video_extra: Ms,
}

impl Sync {
    pub fn new(now: Ms) -> Self {
        Self { due: now + EVERY, average: 0.0, audio_extra: 0.0, video_extra: 0.0 }
    }

    /// `relative`: how much later than sound pictures come, by the packets that came last, overtaken or not.
    pub fn tick(&mut self, now: Ms, relative: Option<Ms>, audio: &mut NetEq, video: &mut Video) {
        if now < self.due {
            return;
        }
        self.due += EVERY;
        let Some(relative) = relative else { return };
        let (sound_delay, picture_delay) = (audio.held() + DEVICE_MS, video.timing.target());
        let difference = picture_delay - sound_delay + relative;
        self.average = ((SMOOTHED_OVER - 1.0) * self.average + difference) / SMOOTHED_OVER;
        if self.average.abs() < DELTA_MIN {
            return;
        }
        let change = (self.average / 2.0).clamp(-CHANGE_MAX, CHANGE_MAX);
        self.average = 0.0;
        // Who was held back before is let go first.
        if change > 0.0 && self.video_extra > 0.0 || change < 0.0 && self.audio_extra <= 0.0 {
            self.video_extra = (self.later_video(picture_delay) - change).clamp(0.0, DELAY_MAX);
            self.audio_extra = 0.0;
        } else {
            self.audio_extra = (self.later_audio(sound_delay) + change).clamp(0.0, DELAY_MAX);
            self.video_extra = 0.0;
        }
        audio.delay.minimum = self.audio_extra;
        video.timing.sync_min = self.video_extra;
    }

    fn later_video(&self, current: Ms) -> Ms {
        if self.video_extra > 0.0 { self.video_extra } else { current }
    }

    fn later_audio(&self, current: Ms) -> Ms {
        if self.audio_extra > 0.0 { self.audio_extra } else { current }
    }
}

//! Who is heard and who speaks, from the levels that come with each audio packet (RFC 6464).

use crate::ParticipantId;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Louder than this is 100.
const LOUD_MINUS_DBOV: f64 = 10.0;
/// Softer than this is 0: room noise behind a good microphone.
const SILENT_MINUS_DBOV: f64 = 60.0;
/// A speaker who pauses keeps the floor for this long: longer than between two words, shorter than between two turns.
const HOLD: Duration = Duration::from_millis(900);
/// Another takes the floor from one who still speaks only when this much louder (points of 100).
const MARGIN: u8 = 15;
/// At least this loud to be a speaker at all (points of 100).
const SPEAKING: u8 = 15;
/// How much of the louder past stays in one interval's figure.
const DECAY: f64 = 0.4;

/// The voices of one room.
#[derive(Debug, Default)]
pub(crate) struct Speakers {
    voices: BTreeMap<ParticipantId, Voice>,
    speaker: Option<ParticipantId>,
    /// The last event told of somebody.
    told: bool,
}

#[derive(Debug, Default)]
struct Voice {
    /// Sum of the interval's linear volumes and their count.
    sum: f64,
    count: u32,
    volume: f64,
    /// Last interval in which it was loud enough to speak, and how loud it was.
    spoke: Option<(Instant, f64)>,
}

/// What `Event::Volumes` tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Volumes {
    pub(crate) volumes: Vec<(ParticipantId, u8)>,
    pub(crate) speaker: Option<ParticipantId>,
}

impl Speakers {
    /// `minus_dbov`: 0 loudest … 127 silence.
    pub(crate) fn handle_level(&mut self, participant: ParticipantId, minus_dbov: u8) {
        let voice = self.voices.entry(participant).or_default();
        voice.sum += f64::from(volume(minus_dbov));
        voice.count += 1;
    }

    pub(crate) fn remove(&mut self, participant: ParticipantId) {
        self.voices.remove(&participant);
        if self.speaker == Some(participant) {
            self.speaker = None;
        }
    }

    /// Closes one interval: what to tell, `None` while silence was told already.
    pub(crate) fn tick(&mut self, now: Instant) -> Option<Volumes> {
        for voice in self.voices.values_mut() {
            voice.close_interval(now);
        }
        self.choose(now);
        let loud = |v: &Voice| v.volume.round() as u8;
        let volumes: Vec<_> = self.voices.iter().map(|(p, v)| (*p, loud(v))).filter(|(_, v)| *v > 0).collect();
        self.voices.retain(|_, v| v.volume >= 0.5);
        let tell = self.told || !volumes.is_empty();
        self.told = !volumes.is_empty();
        tell.then_some(Volumes { volumes, speaker: self.speaker })
    }

    /// True while another tick can tell something.
    pub(crate) fn is_active(&self) -> bool {
        self.told || self.speaker.is_some() || !self.voices.is_empty()
    }

    fn choose(&mut self, now: Instant) {
        let loudest = self.voices.iter().max_by(|a, b| a.1.volume.total_cmp(&b.1.volume));
        let loudest = loudest.map(|(p, v)| (*p, v.volume)).filter(|(_, v)| *v >= f64::from(SPEAKING));
        let spoke = self.speaker.and_then(|p| self.voices.get(&p)).and_then(|v| v.spoke);
        let held = spoke.filter(|(at, _)| now.saturating_duration_since(*at) < HOLD);
        self.speaker = match (loudest, held) {
            (Some((p, _)), None) => Some(p),
            (Some((p, volume)), Some((_, own))) if volume >= own + f64::from(MARGIN) => Some(p),
            (Some(_) | None, held) => self.speaker.filter(|_| held.is_some()),
        };
    }
}

impl Voice {
    fn close_interval(&mut self, now: Instant) {
        let mean = if self.count == 0 { 0.0 } else { self.sum / f64::from(self.count) };
        self.volume = mean.max(self.volume * DECAY);
        if self.volume < 0.5 {
            self.volume = 0.0;
        }
        if mean >= f64::from(SPEAKING) {
            self.spoke = Some((now, mean));
        }
        (self.sum, self.count) = (0.0, 0);
    }
}

/// 0…100, even in decibels: 10 dB below overload and louder is 100, 60 and softer is 0.
fn volume(minus_dbov: u8) -> u8 {
    let share = (SILENT_MINUS_DBOV - f64::from(minus_dbov)) / (SILENT_MINUS_DBOV - LOUD_MINUS_DBOV);
    (share.clamp(0.0, 1.0) * 100.0).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    const A: ParticipantId = ParticipantId(1);
    const B: ParticipantId = ParticipantId(2);

    /// One interval of 300 ms with the given levels; yields the speaker.
    fn interval(s: &mut Speakers, at: Instant, levels: &[(ParticipantId, u8)]) -> Option<ParticipantId> {
        for (p, level) in levels {
            (0..15).for_each(|_| s.handle_level(*p, *level));
        }
        s.tick(at);
        s.speaker
    }

    #[test]
    fn levels_become_volumes() {
        for (level, want) in [(0, 100), (10, 100), (20, 80), (35, 50), (59, 2), (60, 0), (90, 0), (127, 0)] {
            assert_eq!(volume(level), want, "{level}");
        }
    }

    #[test]
    fn the_floor_is_kept_over_a_pause_and_taken_by_the_clearly_louder() {
        let (mut s, t) = (Speakers::default(), start());
        let at = |n: u64| t + Duration::from_millis(300 * n);
        // interval, A's level, B's level -> speaker
        let script = [
            (1, 127, 127, None),
            (2, 30, 127, Some(A)),
            (3, 30, 28, Some(A)), // little louder is not enough
            (4, 127, 127, Some(A)),
            (5, 30, 15, Some(B)),  // clearly louder is
            (6, 30, 127, Some(B)), // B pauses
            (7, 30, 127, Some(B)),
            (8, 30, 127, Some(A)), // and is done
        ];
        for (n, a, b, want) in script {
            assert_eq!(interval(&mut s, at(n), &[(A, a), (B, b)]), want, "interval {n}");
        }
    }

    #[test]
    fn silence_is_told_once() {
        let (mut s, t) = (Speakers::default(), start());
        assert_eq!(s.tick(t), None);
        s.handle_level(A, 35);
        let told = s.tick(t).expect("somebody is heard");
        assert_eq!(told, Volumes { volumes: vec![(A, 50)], speaker: Some(A) });
        let mut events = Vec::new();
        for n in 1..20 {
            events.extend(s.tick(t + Duration::from_millis(300 * n)));
        }
        assert_eq!(events.last().map(|e| (e.volumes.len(), e.speaker)), Some((0, None)));
        assert!(events.iter().filter(|e| e.volumes.is_empty()).count() == 1 && !s.is_active());
    }

    #[test]
    fn one_who_leaves_is_no_speaker() {
        let (mut s, t) = (Speakers::default(), start());
        interval(&mut s, t, &[(A, 20)]);
        s.remove(A);
        assert_eq!(s.tick(t), Some(Volumes { volumes: vec![], speaker: None }));
    }
}

//! From what was shown and heard to figures.

use crate::media::Ms;
use crate::player::{Heard, Shown};
use std::collections::BTreeMap;
use std::fmt;

/// A screen of 60 Hz: of two pictures within one of its frames the later is seen.
const SCREEN_MS: Ms = 1_000.0 / 60.0;
/// ms in a second.
const STRETCHED_MAX: f64 = 30.0;
/// A gap longer than this is a freeze.
const FREEZE_MS: Ms = 250.0;

/// What is measured of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Figure {
    Fps,
    /// Share of the time inside gaps over 250 ms, percent.
    Freeze,
    LongestMs,
    LatencyMs,
    LatencyP95Ms,
    /// From concealment and stretch: see `stoi`.
    Stoi,
    /// Percent of the time.
    Concealed,
    SoundMs,
    /// Sound played faster or slower, ms in a second.
    Stretched,
    /// What the encoder made.
    VideoKbps,
    /// The estimate that the sender goes by, at the end.
    TargetKbps,
    /// Bytes on the link for each byte of media, RED left out.
    UplinkTimes,
    DownlinkTimes,
    /// Behind the rate limit, 95th percentile.
    QueueP95Ms,
    FirstFrameMs,
    Nacks,
    Plis,
    /// From the lift of a rate limit until the rate is back.
    BackMs,
    /// Of the greater of two rates by the lesser.
    Share,
    /// Connections that the server took for lost or over.
    Drops,
}

impl Figure {
    pub const ALL: [Self; 20] = [
        Self::Fps,
        Self::Freeze,
        Self::LongestMs,
        Self::LatencyMs,
        Self::LatencyP95Ms,
        Self::Stoi,
        Self::Concealed,
        Self::SoundMs,
        Self::Stretched,
        Self::VideoKbps,
        Self::TargetKbps,
        Self::UplinkTimes,
        Self::DownlinkTimes,
        Self::QueueP95Ms,
        Self::FirstFrameMs,
        Self::Nacks,
        Self::Plis,
        Self::BackMs,
        Self::Share,
        Self::Drops,
    ];

    /// Whether less of it is better.
    pub fn grows_worse(self) -> bool {
        !matches!(self, Self::Fps | Self::Stoi | Self::VideoKbps | Self::TargetKbps)
    }

    /// Its column's head, and digits after the point.
    pub fn head(self) -> (&'static str, usize) {
        match self {
            Self::Fps => ("fps", 1),
            Self::Freeze => ("freeze%", 1),
            Self::LongestMs => ("longest", 0),
            Self::LatencyMs => ("late", 0),
            Self::LatencyP95Ms => ("late95", 0),
            Self::Stoi => ("stoi", 2),
            Self::Concealed => ("conc%", 1),
            Self::SoundMs => ("sound", 0),
            Self::Stretched => ("stretch", 1),
            Self::VideoKbps => ("kbps", 0),
            Self::TargetKbps => ("target", 0),
            Self::UplinkTimes => ("up x", 2),
            Self::DownlinkTimes => ("down x", 2),
            Self::QueueP95Ms => ("queue95", 0),
            Self::FirstFrameMs => ("first", 0),
            Self::Nacks => ("nacks", 0),
            Self::Plis => ("plis", 0),
            Self::BackMs => ("back", 0),
            Self::Share => ("share", 1),
            Self::Drops => ("drops", 0),
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.head().0)
    }
}

pub type Figures = BTreeMap<Figure, f64>;

/// STOI of speech with that share of it made up, and so many ms of each second stretched or left out.
///
/// A line through what real Chromium showed, concealment against STOI of espeak's sentences: 0 % 0.97, 5 % 0.94, 10 % 0.89,
/// 11 % 0.89, 28 % 0.75, 31 % 0.72, 50 % 0.58, 58 % 0.46, 68 % 0.39, 80 % 0.32 (30 points in all, none further than 0.09 off).
///
/// Of stretched sound, ms in a second against STOI, beyond what concealment took, in real Chromium: 1 0.99, 7 0.94, 14 0.95,
/// 18 0.91, 20 0.89, 28 0.86, 29 0.88, 33 0.85, 43 0.83 (none further than 0.05 off). More was
/// not measured worse: it comes in spells, and the windows between are whole.
pub fn stoi(concealed_share: f64, stretched: f64) -> f64 {
    0.97 - 0.8 * concealed_share - 0.0035 * stretched.min(STRETCHED_MAX)
}

/// Of the pictures of one stream within a time.
pub fn judge_picture(shown: &[Shown], from: Ms, to: Ms, figures: &mut Figures) {
    let mut seen: Vec<(Ms, Ms)> = Vec::new();
    for picture in shown {
        let at = (picture.at / SCREEN_MS).ceil() * SCREEN_MS;
        match seen.last_mut() {
            Some(last) if last.0 >= at => *last = (last.0, picture.captured),
            Some(_) | None => seen.push((at, picture.captured)),
        }
    }
    seen.retain(|(at, _)| (from..to).contains(at));
    let edges = std::iter::once(from).chain(seen.iter().map(|s| s.0)).chain([to]).collect::<Vec<_>>();
    let gaps: Vec<Ms> = edges.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let frozen: Ms = gaps.iter().filter(|gap| **gap > FREEZE_MS).fold(0.0, |sum, gap| sum + gap);
    let mut late: Vec<f64> = seen.iter().map(|(at, captured)| at - captured).collect();
    figures.insert(Figure::Fps, seen.len() as f64 * 1_000.0 / (to - from));
    figures.insert(Figure::Freeze, 100.0 * frozen / (to - from));
    figures.insert(Figure::LongestMs, gaps.into_iter().fold(0.0, f64::max));
    figures.insert(Figure::LatencyMs, quantile(&mut late, 0.5));
    figures.insert(Figure::LatencyP95Ms, quantile(&mut late, 0.95));
}

pub fn judge_sound(before: Heard, after: Heard, figures: &mut Figures) {
    let share = (after.concealed - before.concealed) as f64 / (after.ticks - before.ticks).max(1) as f64;
    figures.insert(Figure::Concealed, 100.0 * share);
    let seconds = (after.ticks - before.ticks).max(1) as f64 / 100.0;
    let stretched = (after.stretched - before.stretched) / seconds;
    figures.insert(Figure::Stretched, stretched);
    figures.insert(Figure::Stoi, stoi(share, stretched));
    figures.insert(Figure::SoundMs, (after.age - before.age) / (after.aged - before.aged).max(1) as f64);
}

/// Infinite where there is nothing.
pub fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(((values.len() as f64 - 1.0).max(0.0) * share).round() as usize).copied().unwrap_or(f64::INFINITY)
}

/// Figure by figure, over several runs.
pub fn median(runs: &[Figures]) -> Figures {
    let of = |figure: Figure| {
        let mut values: Vec<f64> = runs.iter().filter_map(|run| run.get(&figure).copied()).collect();
        (!values.is_empty()).then(|| (figure, quantile(&mut values, 0.5)))
    };
    Figure::ALL.into_iter().filter_map(of).collect()
}

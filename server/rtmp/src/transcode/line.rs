//! The line of samples between a decoder and an encoder: pieces go in as they are decoded, blocks come out as they are
//! encoded, and every sample has its instant.

use super::SAMPLE_RATE;
use std::time::{Duration, Instant};

/// How far the times of what comes may be off the line, on average, before the line follows, and how near is near enough.
const SLEW_FROM: f64 = 0.005;
const SLEW_TO: f64 = 0.001;

/// Share of a new measurement in that average: some 0.3 s of frames, so that a timestamp's rounding moves nothing.
const SLEW_WEIGHT: f64 = 1.0 / 16.0;

/// Samples by which a piece is stretched at most, one for each `SLEW_FROM` of the way: of 1,024, less than is heard as a
/// change of height.
const SLEW_SAMPLES_MAX: usize = 4;

/// What is off by more than this on average is put right at once: lips would be wrong for many seconds otherwise, as long as
/// following takes. A map that settles leaves the sound so far behind the pictures.
const ASTRAY: f64 = 0.02;

/// So many pieces in a row whose time has passed mean that the sender's clock was put back: the line goes on from them.
const PASSED_MAX: u32 = 50;

/// Where a piece belongs on the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// The line has no beginning yet.
    First,
    Next,
    /// So many samples per channel are missing before it.
    Hole(usize),
    /// Its time has been filled already: to be left out.
    Passed,
    /// The same for so long that the sender's clock was put back: the line is to go on with it, at this instant.
    PutBack(Instant),
}

/// Interleaved samples at 48 kHz, end to end.
pub(super) struct Line {
    channels: usize,
    /// Samples per channel that leave at once.
    block: usize,
    /// How far a piece may be off and is still taken for the next one, in seconds.
    tolerance: f64,
    /// Not yet left.
    waiting: Vec<f32>,
    /// The instant of sample number 0.
    start: Option<Instant>,
    /// Samples per channel since `start`: laid down, and left.
    written: u64,
    taken: u64,
    /// How far what comes is behind its place (above zero) or ahead, on average, in seconds.
    drift: f64,
    slewing: bool,
    /// It is being put right, however little is left to do.
    mending: bool,
    /// Pieces in a row that came too late.
    passed: u32,
}

impl Line {
    pub(super) fn new(channels: usize, block: usize, tolerance: Duration) -> Self {
        Self {
            channels,
            block,
            tolerance: tolerance.as_secs_f64(),
            waiting: Vec::new(),
            start: None,
            written: 0,
            taken: 0,
            drift: 0.0,
            slewing: false,
            mending: false,
            passed: 0,
        }
    }

    /// The instant at which the next piece is to begin.
    pub(super) fn end(&self) -> Option<Instant> {
        self.start.map(|start| start + span(self.written))
    }

    /// To be asked once for each piece that comes.
    pub(super) fn fit(&mut self, at: Instant) -> Fit {
        let Some(end) = self.end() else { return Fit::First };
        let off = seconds(at, end);
        if off < -self.tolerance && self.passed < PASSED_MAX {
            (self.passed, self.mending) = (self.passed + 1, true);
            return Fit::Passed;
        }
        self.passed = 0;
        self.mending |= self.drift.abs() > ASTRAY;
        let tolerance = if self.mending { SLEW_FROM } else { self.tolerance };
        if off > tolerance {
            Fit::Hole((off * f64::from(SAMPLE_RATE)) as usize)
        } else if off < -self.tolerance {
            Fit::PutBack(end)
        } else {
            Fit::Next
        }
    }

    /// Begins anew at `at`. Whoever wants the samples still waiting takes them first (`pad`, `pop`).
    pub(super) fn restart(&mut self, at: Instant) {
        self.waiting.clear();
        (self.start, self.written, self.taken) = (Some(at), 0, 0);
        (self.drift, self.slewing, self.mending) = (0.0, false, false);
    }

    /// Lays down a piece that belongs at `at`: some samples longer or shorter where the line must follow another clock, and
    /// without those whose time has passed where it is being put right. Returns whether it changed the piece.
    pub(super) fn push(&mut self, at: Instant, pcm: &mut Vec<f32>) -> bool {
        let off = self.end().map_or(0.0, |end| seconds(at, end));
        if self.mending {
            return self.mend(off, pcm);
        }
        self.drift += (off - self.drift) * SLEW_WEIGHT;
        self.slewing = self.drift.abs() > if self.slewing { SLEW_TO } else { SLEW_FROM };
        if self.slewing {
            let by = ((self.drift.abs() / SLEW_FROM) as usize).clamp(1, SLEW_SAMPLES_MAX);
            stretch(pcm, self.channels, by, self.drift > 0.0);
        }
        self.fill(pcm);
        self.slewing
    }

    /// Lays down what is left of a piece, and is right again where that is anything.
    fn mend(&mut self, off: f64, pcm: &mut Vec<f32>) -> bool {
        let frames = pcm.len() / self.channels;
        let passed = if off < -SLEW_FROM { (-off * f64::from(SAMPLE_RATE)) as usize } else { 0 };
        pcm.drain(..passed.min(frames) * self.channels);
        if passed < frames {
            (self.drift, self.slewing, self.mending) = (0.0, false, false);
        }
        self.fill(pcm);
        passed > 0
    }

    /// Lays down what has no time of its own.
    pub(super) fn fill(&mut self, pcm: &[f32]) {
        self.waiting.extend_from_slice(pcm);
        self.written += (pcm.len() / self.channels) as u64;
    }

    /// Completes the last block with silence.
    pub(super) fn pad(&mut self) {
        let over = self.waiting.len() % (self.block * self.channels);
        if over != 0 {
            let missing = self.block * self.channels - over;
            self.fill(&vec![0.0; missing]);
        }
    }

    /// The next whole block into `block`, and the instant of its first sample.
    pub(super) fn pop(&mut self, block: &mut Vec<f32>) -> Option<Instant> {
        let len = self.block * self.channels;
        let start = self.start.filter(|_| self.waiting.len() >= len)?;
        block.clear();
        block.extend(self.waiting.drain(..len));
        let at = start + span(self.taken);
        self.taken += self.block as u64;
        Some(at)
    }
}

/// How long `samples` at 48 kHz last. A nanosecond's fraction is cut, and never adds up.
pub(super) fn span(samples: u64) -> Duration {
    Duration::from_nanos(samples * 62_500 / 3)
}

/// Samples per channel within `time`.
pub(super) fn samples(time: Duration) -> usize {
    (time.as_secs_f64() * f64::from(SAMPLE_RATE)) as usize
}

/// `a - b`.
pub(super) fn seconds(a: Instant, b: Instant) -> f64 {
    match a.checked_duration_since(b) {
        Some(ahead) => ahead.as_secs_f64(),
        None => -b.saturating_duration_since(a).as_secs_f64(),
    }
}

/// Makes a piece some samples longer or shorter, spread evenly over all of it: thousandths of its speed, which nobody hears.
fn stretch(pcm: &mut Vec<f32>, channels: usize, by: usize, longer: bool) {
    let frames = pcm.len() / channels;
    if frames < by + 2 {
        return;
    }
    let wanted = if longer { frames + by } else { frames - by };
    let step = (frames - 1) as f64 / (wanted - 1) as f64;
    let mut out = Vec::with_capacity(wanted * channels);
    for i in 0..wanted {
        let place = i as f64 * step;
        let left = (place as usize).min(frames - 2);
        let part = (place - left as f64) as f32;
        for channel in 0..channels {
            let (a, b) = (pcm[left * channels + channel], pcm[(left + 1) * channels + channel]);
            out.push(a + (b - a) * part);
        }
    }
    *pcm = out;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    const TOLERANCE: Duration = Duration::from_millis(60);

    #[test]
    fn instants_of_blocks_never_drift_from_the_count() {
        let origin = start();
        let mut line = Line::new(1, 1024, TOLERANCE);
        line.restart(origin);
        let mut block = Vec::new();
        for n in 0..100_000u64 {
            line.fill(&[0.0; 1024]);
            let at = line.pop(&mut block).expect("a block");
            assert_eq!(at - origin, Duration::from_nanos(n * 1024 * 62_500 / 3));
        }
    }

    #[test]
    fn a_faster_clock_is_followed_within_ten_milliseconds() {
        for ppm in [-200.0, 200.0] {
            let origin = start();
            let mut line = Line::new(1, 960, TOLERANCE);
            line.restart(origin);
            let mut worst: f64 = 0.0;
            for n in 0..20_000u32 {
                let at = origin + Duration::from_secs_f64(f64::from(n) * 0.02 * (1.0 + ppm / 1e6));
                assert_eq!(line.fit(at), Fit::Next, "no piece is lost or made up");
                line.push(at, &mut vec![0.1; 960]);
                worst = worst.max((seconds(line.end().expect("begun"), at) - 0.02).abs());
                while line.pop(&mut Vec::new()).is_some() {}
            }
            assert!(worst < 0.010, "{ppm} ppm: {worst} s off");
        }
    }

    #[test]
    fn a_clock_that_was_put_back_is_followed_after_so_many_pieces_in_a_row() {
        let (start, mut line) = (start(), Line::new(1, 960, TOLERANCE));
        assert_eq!(line.fit(start), Fit::First);
        line.restart(start);
        line.fill(&[0.0; 48_000]);
        let end = start + Duration::from_secs(1);
        assert_eq!(line.fit(start), Fit::Passed);
        assert_eq!(line.fit(end), Fit::Next, "the count begins anew");
        for _ in 0..PASSED_MAX {
            assert_eq!(line.fit(start), Fit::Passed);
        }
        assert_eq!(line.fit(start), Fit::PutBack(end));
    }

    #[test]
    fn a_stretched_piece_keeps_its_ends() {
        let mut pcm: Vec<f32> = (0..960).map(|i| i as f32).collect();
        stretch(&mut pcm, 1, 1, true);
        assert_eq!((pcm.len(), pcm[0], pcm[960]), (961, 0.0, 959.0));
        stretch(&mut pcm, 1, 1, false);
        assert_eq!((pcm.len(), pcm[0], pcm[959]), (960, 0.0, 959.0));
    }

    #[test]
    fn what_is_off_by_less_than_the_tolerance_is_put_right_within_a_second() {
        for off_ms in [-55.0, -25.0, 25.0, 55.0] {
            let (origin, mut line) = (start() + Duration::from_secs(1), Line::new(1, 960, TOLERANCE));
            line.restart(origin);
            let first = origin.checked_sub(Duration::from_secs(1)).expect("later than the clock's zero");
            let first = first + Duration::from_secs_f64(1.0 + off_ms / 1_000.0);
            for n in 0..47 {
                let at = first + span(n * 1_024);
                match line.fit(at) {
                    Fit::Hole(missing) => line.fill(&vec![0.0; missing]),
                    Fit::First | Fit::Next => {}
                    Fit::Passed | Fit::PutBack(_) => panic!("{off_ms} ms are within the tolerance"),
                }
                line.push(at, &mut vec![0.0; 1_024]);
            }
            let left = seconds(line.end().expect("begun"), first + span(47 * 1_024));
            assert!(left.abs() < SLEW_FROM, "{off_ms} ms: {left} s are left");
        }
    }
}

//! Any AAC sample rate to 48 kHz: one filter bank of windowed sinc, chosen by the ratio of the two rates.

use super::SAMPLE_RATE;
use std::f64::consts::PI;

/// Filter length in samples of the lower of the two rates: flat to about 0.42 of it, 70 dB down beyond half of it.
const TAPS: usize = 48;

/// Shape of the Kaiser window that goes with it.
const BETA: f64 = 7.0;

/// Resamples interleaved sound. Adds `TAPS / 2` samples of the lower rate as delay: half a millisecond at 44.1 kHz.
pub(super) struct Resampler {
    channels: usize,
    /// The rates' ratio in lowest terms: `up` output samples for `down` input samples.
    up: usize,
    down: usize,
    /// Length of one phase of the bank, in input samples.
    taps: usize,
    /// `up` filters of `taps` coefficients each.
    bank: Vec<f32>,
    /// Input not yet passed by, interleaved; starts with the last `taps - 1` samples of what came before.
    pending: Vec<f32>,
    /// Where the next output sample lies between two input samples, in units of 1 / `up`.
    phase: usize,
}

impl Resampler {
    /// `rate` in Hz, above zero. `None` where nothing is to be done.
    pub(super) fn new(rate: u32, channels: usize) -> Option<Self> {
        if rate == SAMPLE_RATE {
            return None;
        }
        let common = gcd(rate, SAMPLE_RATE);
        let (up, down) = ((SAMPLE_RATE / common) as usize, (rate / common) as usize);
        let taps = TAPS * down.div_ceil(up);
        let bank = bank(up, down, taps);
        Some(Self { channels, up, down, taps, bank, pending: vec![0.0; (taps - 1) * channels], phase: 0 })
    }

    /// Appends what `input` becomes at 48 kHz to `out`; keeps the rest for the next call.
    pub(super) fn process(&mut self, input: &[f32], out: &mut Vec<f32>) {
        self.pending.extend_from_slice(input);
        let frames = self.pending.len() / self.channels;
        let mut at = 0;
        while at + self.taps <= frames {
            let filter = &self.bank[self.phase * self.taps..][..self.taps];
            for channel in 0..self.channels {
                let samples = self.pending[at * self.channels + channel..].iter().step_by(self.channels);
                out.push(filter.iter().zip(samples).map(|(c, s)| c * s).sum());
            }
            self.phase += self.down;
            at += self.phase / self.up;
            self.phase %= self.up;
        }
        self.pending.drain(..at.min(frames) * self.channels);
    }
}

/// The prototype filter, taken apart: phase `p` holds every `up`-th coefficient, the latest input first in time.
fn bank(up: usize, down: usize, taps: usize) -> Vec<f32> {
    let cutoff = 0.92 / up.max(down) as f64;
    let middle = (taps * up) as f64 / 2.0;
    let mut bank = Vec::with_capacity(up * taps);
    for phase in 0..up {
        let mut filter: Vec<f64> = (0..taps)
            .map(|tap| {
                let distance = ((taps - 1 - tap) * up + phase) as f64 - middle;
                sinc(distance * cutoff) * kaiser(distance / middle)
            })
            .collect();
        let sum: f64 = filter.iter().sum();
        filter.iter_mut().for_each(|c| *c /= sum);
        bank.extend(filter.iter().map(|&c| c as f32));
    }
    bank
}

fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-9 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

/// The Kaiser window over -1 to 1.
fn kaiser(x: f64) -> f64 {
    bessel(BETA * (1.0 - x * x).max(0.0).sqrt()) / bessel(BETA)
}

/// The modified Bessel function of the first kind and order zero, by its series.
fn bessel(x: f64) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 1..32 {
        term *= (x / 2.0 / f64::from(k)).powi(2);
        sum += term;
    }
    sum
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::super::tone;
    use super::*;

    #[test]
    fn every_aac_rate_keeps_its_tones() {
        for rate in [7_350, 8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 64_000, 88_200, 96_000] {
            let mut resampler = Resampler::new(rate, 1).expect("another rate");
            let mut out = Vec::new();
            for piece in tone::sine(f64::from(rate), 1_000.0, rate as usize).chunks(1024) {
                resampler.process(piece, &mut out);
            }
            assert!(out.len().abs_diff(SAMPLE_RATE as usize) <= 48 * 7, "{rate}: {}", out.len());
            let steady = &out[4_800..43_200];
            let power = tone::power(steady, 1_000.0);
            assert!((power - 1.0).abs() < 0.02, "{rate}: the tone has {power} of its power");
            let residue = tone::residue(steady, 1_000.0);
            assert!(residue < 1e-4, "{rate}: {residue} of the power is something else");
        }
    }

    #[test]
    fn two_channels_stay_apart() {
        let mut resampler = Resampler::new(44_100, 2).expect("another rate");
        let (left, right) = (tone::sine(44_100.0, 700.0, 44_100), tone::sine(44_100.0, 1_900.0, 44_100));
        let input: Vec<f32> = left.iter().zip(&right).flat_map(|(&l, &r)| [l, r]).collect();
        let mut out = Vec::new();
        resampler.process(&input, &mut out);
        let left: Vec<f32> = out[9_600..].iter().step_by(2).copied().collect();
        let right: Vec<f32> = out[9_601..].iter().step_by(2).copied().collect();
        assert!(tone::power(&left, 700.0) > 0.97 && tone::power(&left, 1_900.0) < 1e-4);
        assert!(tone::power(&right, 1_900.0) > 0.97 && tone::power(&right, 700.0) < 1e-4);
    }
}

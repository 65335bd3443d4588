//! Test signals and what is left of them.

use super::SAMPLE_RATE;
use std::f64::consts::PI;

/// `samples` of a sine of amplitude one.
pub(super) fn sine(rate: f64, hertz: f64, samples: usize) -> Vec<f32> {
    (0..samples).map(|i| (2.0 * PI * hertz * i as f64 / rate).sin() as f32).collect()
}

/// How much of a full sine's power stands at `hertz`, in sound at 48 kHz.
pub(super) fn power(pcm: &[f32], hertz: f64) -> f64 {
    let (mut re, mut im) = (0.0, 0.0);
    for (i, &sample) in pcm.iter().enumerate() {
        let angle = 2.0 * PI * hertz * i as f64 / f64::from(SAMPLE_RATE);
        re += f64::from(sample) * angle.cos();
        im += f64::from(sample) * angle.sin();
    }
    4.0 * (re * re + im * im) / (pcm.len() as f64).powi(2)
}

/// The share of the power that does not stand at `hertz`.
pub(super) fn residue(pcm: &[f32], hertz: f64) -> f64 {
    let all = pcm.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / pcm.len() as f64;
    (all - power(pcm, hertz) / 2.0).max(0.0) / all.max(1e-12)
}

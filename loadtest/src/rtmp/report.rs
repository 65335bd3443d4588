//! What came out of a load.

use super::player::Watch;
use super::process::Usage;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// Over the window, all players together.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Report {
    pub publishers: usize,
    pub players: usize,
    /// Connections that failed or ended early, and why the first did.
    pub failed: usize,
    pub failure: Option<String>,
    /// Of one core.
    pub cpu_ratio: f64,
    pub players_per_core: f64,
    /// Growth of resident memory while the players came, and while the publishers came.
    pub kib_per_player: f64,
    pub kib_per_publisher: f64,
    pub mbps_per_player: f64,
    /// Sent by all publishers together.
    pub mbps_published: f64,
    pub frames_per_second: f64,
    pub stalls: u64,
    pub back_steps: u64,
    /// Players that never saw a keyframe.
    pub blind: usize,
    pub first_key_ms: Quantiles,
    /// How far behind live the first keyframe was.
    pub first_key_age_ms: Quantiles,
    pub latency_ms: Quantiles,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Quantiles {
    pub p50: f64,
    pub p95: f64,
    pub p99: f64,
}

/// What the server used before the publishers, before the players, and at the window's ends.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usages {
    pub(crate) alone: Usage,
    pub(crate) published: Usage,
    pub(crate) start: Usage,
    pub(crate) end: Usage,
}

impl Report {
    pub(crate) fn of(watches: &[Watch], publishers: usize, usages: Usages, window: Duration) -> Self {
        let players = watches.len();
        let each = |total: f64| if players == 0 { 0.0 } else { total / players as f64 };
        let sum = |of: fn(&Watch) -> u64| watches.iter().map(of).sum::<u64>();
        let growth = |from: Usage, to: Usage| to.resident_bytes.saturating_sub(from.resident_bytes) as f64 / 1024.0;
        let cpu_ratio = (usages.end.cpu.saturating_sub(usages.start.cpu)).as_secs_f64() / window.as_secs_f64();
        let keys = || watches.iter().filter_map(|watch| watch.first_key);
        let milliseconds = |micros: u64| micros as f64 / 1000.0;
        Self {
            publishers,
            players,
            cpu_ratio,
            players_per_core: if cpu_ratio > 0.0 { players as f64 / cpu_ratio } else { 0.0 },
            kib_per_player: each(growth(usages.published, usages.end)),
            kib_per_publisher: growth(usages.alone, usages.published) / publishers.max(1) as f64,
            mbps_per_player: each(sum(|w| w.bytes) as f64) * 8e-6 / window.as_secs_f64(),
            frames_per_second: each(sum(|w| w.frames) as f64) / window.as_secs_f64(),
            stalls: sum(|w| w.stalls),
            back_steps: sum(|w| w.back_steps),
            blind: players - keys().count(),
            first_key_ms: Quantiles::of(keys().map(|(wait, _)| milliseconds(wait))),
            first_key_age_ms: Quantiles::of(keys().map(|(_, age)| milliseconds(age))),
            latency_ms: Quantiles::of(watches.iter().flat_map(|w| &w.latencies).map(|us| milliseconds((*us).into()))),
            ..Self::default()
        }
    }
}

impl Report {
    /// Processor time for each megabit: of what the players got, or, without players, of what was published.
    pub(crate) fn cost(&self) -> f64 {
        let mbps = if self.players > 0 { self.mbps_per_player * self.players as f64 } else { self.mbps_published };
        if mbps > 0.0 { self.cpu_ratio / mbps } else { 0.0 }
    }

    /// True if the machine had no time for the server or for this program: what was late came in lumps, which are
    /// cheaper to send than what is in time.
    pub(crate) fn is_starved(&self) -> bool {
        self.stalls > 0 || self.blind > 0 && self.frames_per_second > 0.0 || self.latency_ms.p50 > 20.0
    }
}

impl Quantiles {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let at = |quantile: f64| values.get(((values.len() as f64 * quantile) as usize).min(values.len().max(1) - 1));
        let at = |quantile: f64| at(quantile).copied().unwrap_or(0.0);
        Self { p50: at(0.5), p95: at(0.95), p99: at(0.99) }
    }
}

impl fmt::Display for Quantiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1}/{:.1}/{:.1}", self.p50, self.p95, self.p99)
    }
}

impl Report {
    /// The columns of `Display`.
    pub const HEADINGS: &str = "publishers players failed   cpu%  players/core  KiB/player KiB/publisher  Mbit/s   fps \
        stalls back blind  first key ms      its age ms        latency ms (p50/p95/p99)";
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>10} {:>7} {:>6} {:>6.1} {:>13.0} {:>11.1} {:>13.1} {:>7.2} {:>5.1} {:>6} {:>4} {:>5}  {:<17} {:<17} {}",
            self.publishers,
            self.players,
            self.failed,
            self.cpu_ratio * 100.0,
            self.players_per_core,
            self.kib_per_player,
            self.kib_per_publisher,
            self.mbps_per_player,
            self.frames_per_second,
            self.stalls,
            self.back_steps,
            self.blind,
            self.first_key_ms.to_string(),
            self.first_key_age_ms.to_string(),
            self.latency_ms,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_what_there_is() {
        let quantiles = Quantiles::of((1..=100).map(f64::from));
        assert_eq!((quantiles.p50, quantiles.p95, quantiles.p99), (51.0, 96.0, 100.0));
        assert_eq!(Quantiles::of([].into_iter()).p99, 0.0);
        assert_eq!(Quantiles::of([7.0].into_iter()).p50, 7.0);
    }
}

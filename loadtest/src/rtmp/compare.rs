//! Several servers under the same load, and what each costs beside the others.

use super::report::Report;
use std::fmt;
use std::io;
use std::path::Path;

/// Whose loop is the floor, and whose server the yardstick.
const FLOOR: &str = "bare";
const YARDSTICK: &str = "nginx-rtmp";

/// Reports under their servers' names.
#[derive(Debug, Default)]
pub struct Comparison {
    rows: Vec<(String, Report)>,
}

impl Comparison {
    pub fn add(&mut self, name: &str, report: Report) {
        self.rows.push((name.to_owned(), report));
    }

    /// Reads `name=file` of each, the file as the command `rtmp` writes it with `--json`.
    pub fn read(files: &[String]) -> io::Result<Self> {
        let mut comparison = Self::default();
        for file in files {
            let bad = || io::Error::new(io::ErrorKind::InvalidInput, format!("{file}: not name=file"));
            let (name, path) = file.split_once('=').ok_or_else(bad)?;
            comparison.add(name, serde_json::from_slice(&std::fs::read(Path::new(path))?)?);
        }
        Ok(comparison)
    }

    /// Of all rounds of this server under the load of `like`, the one that cost least: what else a machine does, and what
    /// it does to caches, only ever adds. Those without their time are cheap for that.
    fn best(&self, server: &str, like: &Report) -> Option<&Report> {
        let load = |report: &Report| (report.players, if report.players > 0 { 0 } else { report.publishers });
        let rounds = self.rows.iter().filter(|(name, report)| name == server && load(report) == load(like));
        rounds
            .map(|(_, report)| report)
            .min_by(|a, b| a.is_starved().cmp(&b.is_starved()).then(a.cost().total_cmp(&b.cost())))
    }

    /// What is promised of a server under one load, beside what it came to.
    fn promises(&self, name: &str, report: &Report) -> Vec<Promise> {
        let (floor, other) = (self.best(FLOOR, report), self.best(YARDSTICK, report));
        let ratio = |value: f64, of: f64| (value > 0.0 && of > 0.0).then(|| value / of);
        let mut all = Vec::new();
        let each = if report.players > 0 { "players" } else { "publishers" };
        if let Some(value) = other.and_then(|other| ratio(other.cost(), report.cost())) {
            all.push(Promise::new(name, format!("{each} a core / those of {YARDSTICK}"), value, Bound::Least(1.0)));
        }
        if let Some(value) = floor.and_then(|floor| ratio(report.cost(), floor.cost())) {
            all.push(Promise::new(name, format!("processor time / that of the {FLOOR} loop"), value, Bound::Most(1.3)));
        }
        if report.players > 0 {
            all.push(Promise::new(name, "KiB a player".to_owned(), report.kib_per_player, Bound::Most(20.0)));
        }
        all
    }

    /// Servers and loads that something is promised of, each with its best round.
    fn judged(&self) -> impl Iterator<Item = (&str, &Report)> {
        let judged = self.rows.iter().filter(|(name, _)| name != FLOOR && name != YARDSTICK);
        judged
            .filter(|(name, report)| self.best(name, report).is_some_and(|best| std::ptr::eq(best, report)))
            .map(|(name, report)| (name.as_str(), report))
    }
}

#[derive(Debug)]
enum Bound {
    Least(f64),
    Most(f64),
}

#[derive(Debug)]
struct Promise {
    what: String,
    value: f64,
    bound: Bound,
}

impl Promise {
    fn new(server: &str, what: String, value: f64, bound: Bound) -> Self {
        Self { what: format!("{server}: {what}"), value, bound }
    }
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, bound, met) = match self.bound {
            Bound::Least(least) => (">=", least, self.value >= least),
            Bound::Most(most) => ("<=", most, self.value <= most),
        };
        let verdict = if met { "met" } else { "missed" };
        write!(f, "{:<55} {:>6.2}  {sign} {bound:<5.1} {verdict}", self.what, self.value)
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<12} {}", "server", Report::HEADINGS)?;
        for (name, report) in &self.rows {
            writeln!(f, "{name:<12} {report}")?;
        }
        writeln!(f)?;
        for (name, report) in self.judged() {
            for promise in self.promises(name, report) {
                let note = if report.is_starved() { " (starved: compare on a machine with less to do)" } else { "" };
                writeln!(f, "{promise}{note}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtmp::report::Quantiles;

    #[test]
    fn servers_are_measured_by_floor_and_yardstick() {
        let report = |publishers, players, cpu_ratio| Report {
            publishers,
            players,
            cpu_ratio,
            mbps_per_player: 1.5,
            mbps_published: 300.0,
            ..Report::default()
        };
        let starved = Quantiles { p50: 40.0, ..Quantiles::default() };
        let mut comparison = Comparison::default();
        comparison.add("bare", report(0, 400, 0.10));
        comparison.add("nginx-rtmp", report(1, 400, 0.20));
        comparison.add("nginx-rtmp", report(200, 0, 0.40));
        for round in [report(1, 400, 0.15), report(1, 400, 0.12), report(200, 0, 0.50)] {
            comparison.add("carillon", round);
        }
        comparison.add("carillon", Report { latency_ms: starved, ..report(1, 400, 0.05) });
        comparison.add("flv", Report { kib_per_player: 21.0, ..report(1, 400, 0.14) });
        let text = comparison.to_string();
        let says = |what: &str, value: &str, verdict: &str| {
            let line = text.lines().find(|line| line.starts_with(what)).unwrap_or_else(|| panic!("no {what}: {text}"));
            assert!(line.contains(value) && line.ends_with(verdict), "{line}");
        };
        says("carillon: players a core / those of nginx-rtmp", "1.67", " met");
        says("carillon: processor time / that of the bare loop", "1.20", " met");
        says("carillon: publishers a core / those of nginx-rtmp", "0.80", "missed");
        says("flv: processor time / that of the bare loop", "1.40", "missed");
        says("flv: KiB a player", "21.00", "missed");
        assert!(!text.contains("starved"), "of all rounds the best that had the machine's time is looked at");
    }
}

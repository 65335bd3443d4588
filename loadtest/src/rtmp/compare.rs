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

    /// The first report of this server with as many players (or publishers) as `like` has.
    fn beside(&self, server: &str, like: &Report) -> Option<&Report> {
        let is_alike = |report: &Report| (report.players, report.players > 0 || report.publishers == like.publishers);
        let row = self.rows.iter().find(|(name, report)| name == server && is_alike(report) == (like.players, true));
        row.map(|(_, report)| report)
    }

    fn ratios(&self, name: &str, report: &Report) -> Vec<String> {
        let ratio = |value: f64, of: f64| if of > 0.0 { format!("{:.2}", value / of) } else { "?".to_owned() };
        let mut said = Vec::new();
        if let Some(floor) = self.beside(FLOOR, report).filter(|_| name != FLOOR) {
            said.push(format!(
                "processor time of the {FLOOR} loop for the same bytes x {}",
                ratio(report.cost(), floor.cost())
            ));
        }
        if let Some(other) = self.beside(YARDSTICK, report).filter(|_| name != YARDSTICK) {
            said.push(format!("load per core of {YARDSTICK} x {}", ratio(other.cost(), report.cost())));
            if report.players > 0 {
                let memory = ratio(report.kib_per_player, other.kib_per_player);
                said.push(format!("memory per player x {memory}"));
                said.push(format!("latency p99 x {}", ratio(report.latency_ms.p99, other.latency_ms.p99)));
            } else {
                let memory = ratio(report.kib_per_publisher, other.kib_per_publisher);
                said.push(format!("memory per publisher x {memory}"));
            }
        }
        said
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<12} {}", "server", Report::HEADINGS)?;
        for (name, report) in &self.rows {
            writeln!(f, "{name:<12} {report}")?;
        }
        writeln!(f)?;
        for (name, report) in self.rows.iter().filter(|(name, _)| name != FLOOR) {
            let ratios = self.ratios(name, report);
            if !ratios.is_empty() {
                let load = format!("{} publishers, {} players", report.publishers, report.players);
                let note = if report.is_starved() { " (starved: compare on a machine with less to do)" } else { "" };
                writeln!(f, "{name} ({load}): {}{note}", ratios.join(", "))?;
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
        let mut comparison = Comparison::default();
        comparison.add("bare", report(0, 400, 0.10));
        comparison.add("nginx-rtmp", report(1, 400, 0.20));
        comparison.add("nginx-rtmp", report(200, 0, 0.40));
        comparison.add("carillon", report(1, 400, 0.12));
        comparison.add("carillon", report(200, 0, 0.20));
        comparison.add(
            "carillon",
            Report { latency_ms: Quantiles { p50: 40.0, ..Quantiles::default() }, ..report(1, 50, 0.1) },
        );
        let text = comparison.to_string();
        assert!(!text.contains("starved"), "there is nothing to compare that one with");
        assert!(
            text.contains(
                "nginx-rtmp (1 publishers, 400 players): processor time of the bare loop for the same bytes x 2.00"
            ),
            "{text}"
        );
        let fan_out = "processor time of the bare loop for the same bytes x 1.20, load per core of nginx-rtmp x 1.67";
        assert!(text.contains(fan_out), "{text}");
        assert!(text.contains("carillon (200 publishers, 0 players): load per core of nginx-rtmp x 2.00"), "{text}");
    }
}

//! The table: every cell over several seeds, printed beside its targets.

use crate::cells::{Bound, Cell, cells};
use crate::judge::{Figure, Figures, median};
use crate::run::run;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// In `make test`; `WEATHER_SEEDS`, `WEATHER_SECONDS` and `WEATHER_CELLS` (names, comma between) say otherwise.
const SEEDS: u64 = 3;
const SECONDS: f64 = 20.0;

#[test]
fn calls_live_through_bad_weather() {
    let seeds = setting("WEATHER_SEEDS").and_then(|s| s.parse().ok()).unwrap_or(SEEDS);
    let seconds: f64 = setting("WEATHER_SECONDS").and_then(|s| s.parse().ok()).unwrap_or(SECONDS);
    let wanted = setting("WEATHER_CELLS");
    let named = |cell: &Cell| wanted.as_ref().is_none_or(|names| names.split(',').any(|name| cell.name == name));
    let cells: Vec<Cell> = cells().into_iter().filter(named).collect();
    let runs = run_all(&cells, seeds, seconds * 1_000.0);
    let medians: Vec<Figures> = runs.iter().map(|runs| median(runs)).collect();
    // Past the capture of the test harness: the table is read on every run.
    writeln!(std::io::stdout(), "{}", text(&cells, &medians)).expect("prints");
    if let Some(path) = setting("WEATHER_JSON") {
        std::fs::write(path, json(&cells, &medians, &runs)).expect("writes the report");
    }
    let broken: Vec<String> =
        cells.iter().zip(&medians).flat_map(|(cell, median)| missed(&cell.name, &cell.held, median)).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

/// By cell and seed, on all cores.
fn run_all(cells: &[Cell], seeds: u64, measure_ms: f64) -> Vec<Vec<Figures>> {
    let jobs: Vec<(usize, u64)> = (0..cells.len()).flat_map(|cell| (1..=seeds).map(move |seed| (cell, seed))).collect();
    let (next, done) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let work = || {
        while let Some(&(cell, seed)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let figures = run(&cells[cell], seed, measure_ms);
            done.lock().expect("no panic while held").insert((cell, seed), figures);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| _ = scope.spawn(work)));
    let mut all = vec![Vec::new(); cells.len()];
    for ((cell, _), figures) in done.into_inner().expect("no panic while held") {
        all[cell].push(figures);
    }
    all
}

fn missed(name: &str, bounds: &[Bound], figures: &Figures) -> Vec<String> {
    // What was not measured breaks every bound.
    let broken = |bound: &Bound| {
        let (Bound::Least(figure, at) | Bound::Most(figure, at)) = *bound;
        let value = figures.get(&figure).copied().filter(|value| match bound {
            Bound::Least(..) => *value >= at,
            Bound::Most(..) => *value <= at,
        });
        let sign = if matches!(bound, Bound::Least(..)) { '<' } else { '>' };
        let told = figures.get(&figure).copied().unwrap_or(f64::NAN);
        value.is_none().then(|| format!("{figure} {told:.2} {sign} {at}"))
    };
    bounds.iter().filter_map(broken).map(|said| format!("{name}: {said}")).collect()
}

fn text(cells: &[Cell], medians: &[Figures]) -> String {
    let mut out = format!("{:18}", "cell");
    for figure in Figure::ALL {
        write!(out, "{:>8}", figure.head().0).expect("a string");
    }
    for (cell, figures) in cells.iter().zip(medians) {
        write!(out, "\n{:18}", cell.name).expect("a string");
        for figure in Figure::ALL {
            let digits = figure.head().1;
            let value = figures.get(&figure).map_or_else(String::new, |value| format!("{value:.digits$}"));
            write!(out, "{value:>8}").expect("a string");
        }
        let missed = missed("", &cell.target, figures);
        let told =
            if missed.is_empty() { "  ok".into() } else { format!("  MISSED{}", missed.join(",").replace(": ", " ")) };
        out.push_str(&told);
    }
    out
}

fn json(cells: &[Cell], medians: &[Figures], runs: &[Vec<Figures>]) -> String {
    let object = |figures: &Figures| {
        let fields = figures.iter().map(|(figure, value)| {
            let value = if value.is_finite() { value.to_string() } else { "null".into() };
            format!("\"{figure:?}\": {value}")
        });
        format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
    };
    let rows = cells.iter().zip(medians).zip(runs).map(|((cell, median), runs)| {
        let missed = missed("", &cell.target, median).iter().map(|m| format!("\"{}\"", &m[2..])).collect::<Vec<_>>();
        let runs = runs.iter().map(object).collect::<Vec<_>>().join(",\n   ");
        format!(
            " \"{}\": {{\"median\": {},\n  \"missed\": [{}],\n  \"runs\": [{runs}]}}",
            cell.name,
            object(median),
            missed.join(", ")
        )
    });
    format!("{{\n{}\n}}\n", rows.collect::<Vec<_>>().join(",\n"))
}

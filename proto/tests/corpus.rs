//! Replays the committed corpora, and mutations of them, through every fuzz target. Deterministic.
#![allow(clippy::unwrap_used)]

mod seeds;

use carillon_proto::fuzz::TARGETS;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Enough to visit each byte of each seed a few times; all targets together take a second or two.
const MUTATIONS: usize = 20_000;

/// Longest input that mutation builds up to.
const BYTES_MAX: usize = 4_096;

#[test]
fn every_target_survives_its_corpus() {
    for target in TARGETS {
        let corpus = corpus(target.name);
        assert!(corpus.len() >= 4, "{} has {} seeds", target.name, corpus.len());
        for (name, bytes) in &corpus {
            let _print = PrintOnPanic { target: target.name, seed: name, bytes };
            (target.run)(bytes);
        }
    }
}

#[test]
fn every_target_survives_mutations() {
    for target in TARGETS {
        let seeds: Vec<_> = corpus(target.name).into_values().collect();
        let mut random = XorShift(0x9e37_79b9_7f4a_7c15);
        for _ in 0..MUTATIONS {
            let bytes = mutate(&mut random, &seeds);
            let _print = PrintOnPanic { target: target.name, seed: "a mutation", bytes: &bytes };
            (target.run)(&bytes);
        }
    }
}

/// With `CARILLON_WRITE_CORPUS` set the seeds are written; else what is committed must be what they make.
#[test]
fn generated_seeds_are_committed() {
    let write = std::env::var_os("CARILLON_WRITE_CORPUS").is_some();
    for (target, name, bytes) in seeds::all() {
        let file = folder(target).join(name);
        if write {
            std::fs::create_dir_all(folder(target)).unwrap();
            std::fs::write(&file, &bytes).unwrap();
        }
        let committed = std::fs::read(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        assert!(committed == bytes, "{} is stale: run this test with CARILLON_WRITE_CORPUS=1", file.display());
    }
}

/// A target that misses one of its three places would never be fuzzed.
#[test]
fn every_target_has_its_binary_and_its_corpus() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    for target in TARGETS {
        let name = target.name;
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} has no [[bin]]");
        assert!(root.join(format!("fuzz_targets/{name}.rs")).exists(), "{name} has no binary");
    }
    for entry in std::fs::read_dir(root.join("corpus")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(TARGETS.iter().any(|t| t.name == name), "corpus {name} belongs to no target");
    }
}

fn folder(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target)
}

/// By name, so that the order is the same everywhere.
fn corpus(target: &str) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder(target)).unwrap_or_else(|e| panic!("corpus of {target}: {e}"));
    entries
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap())
        })
        .collect()
}

struct XorShift(u64);

impl XorShift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() >> 11) as usize % n.max(1)
    }
}

/// A seed with one to four changes of the kinds that break parsers: bits, bytes at the ends of their range, cuts,
/// repeats, and the tail of another seed.
fn mutate(random: &mut XorShift, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        match random.below(7) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
            1 if !bytes.is_empty() => bytes[at] = random.next() as u8,
            2 if !bytes.is_empty() => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
            3 => bytes.truncate(at),
            4 => bytes.insert(at, random.next() as u8),
            5 => {
                let repeat = bytes[at..].to_vec();
                bytes.extend(repeat);
            }
            _ => {
                let other = &seeds[random.below(seeds.len())];
                bytes.truncate(at);
                bytes.extend(&other[random.below(other.len() + 1)..]);
            }
        }
    }
    bytes.truncate(BYTES_MAX);
    bytes
}

/// What a failing test needs to be replayed.
struct PrintOnPanic<'a> {
    target: &'a str,
    seed: &'a str,
    bytes: &'a [u8],
}

impl Drop for PrintOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("target {} broke on {}: {:02x?}", self.target, self.seed, self.bytes);
        }
    }
}

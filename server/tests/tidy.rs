//! The walls of ARCHITECTURE.md that no compiler guards.

use std::fs;
use std::path::{Path, PathBuf};

/// Crates that open sockets, files or threads, or read clocks and entropy by themselves.
const IO_CRATES: &[&str] = &[
    "tokio",
    "tokio-tungstenite",
    "async-std",
    "smol",
    "mio",
    "socket2",
    "libc",
    "nix",
    "rustix",
    "rusqlite",
    "axum",
    "hyper",
    "hyper-util",
    "tower",
    "reqwest",
    "quinn",
    "rand",
    "getrandom",
    "fastrand",
    "if-addrs",
    "chrono",
    "crossbeam-channel",
    "rayon",
];

/// What an engine must be given instead of taking it.
const TAKEN: &[&str] = &[
    "Instant::now",
    "SystemTime::now",
    "UdpSocket",
    "TcpStream",
    "TcpListener",
    "std::net::lookup",
    "thread::spawn",
    "thread::sleep",
    "thread_rng",
    "rand::random",
    "std::fs",
    "std::env",
    "std::process",
    "OnceLock<Mutex",
    "println!",
];

const ENGINES: &[&str] = &["server/chat", "server/call", "server/sfu", "server/rtmp", "proto"];

/// Lines of one source file. Longer ones hold two things.
const LINES_MAX: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// All Rust files below `folder`, in order.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("readable").path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        if path.is_dir() && name != "target" {
            found.extend(sources(&path));
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The names in the tables of dependencies, those for tests aside.
fn dependencies(manifest: &str) -> Vec<String> {
    let table: toml::Table = manifest.parse().expect("a manifest");
    let of = |table: &toml::Table, key| table.get(key).and_then(toml::Value::as_table).cloned().unwrap_or_default();
    let mut names: Vec<String> = Vec::new();
    let targets = of(&table, "target");
    for place in targets.values().filter_map(toml::Value::as_table).chain([&table]) {
        for key in ["dependencies", "build-dependencies"] {
            names.extend(of(place, key).keys().cloned());
        }
    }
    names
}

/// The code before a file's unit tests, without comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]"));
    lines.enumerate().map(|(n, line)| (n + 1, line.split("//").next().unwrap_or_default()))
}

#[test]
fn engines_name_no_io_crate() {
    for engine in ENGINES {
        let names = dependencies(&read(&root().join(engine).join("Cargo.toml")));
        assert!(!names.is_empty(), "{engine} has dependencies");
        for name in names {
            assert!(!IO_CRATES.contains(&name.as_str()), "{engine} depends on {name}");
        }
    }
}

#[test]
fn engines_know_no_other_engine() {
    for engine in ENGINES {
        for name in dependencies(&read(&root().join(engine).join("Cargo.toml"))) {
            let ours = name.strip_prefix("carillon-");
            assert!(ours.is_none_or(|name| ["proto", "config"].contains(&name)), "{engine} depends on {name}");
        }
    }
}

#[test]
fn engines_take_no_clock_socket_thread_or_randomness() {
    let mut taken = Vec::new();
    for engine in ENGINES {
        for path in sources(&root().join(engine).join("src")) {
            let text = read(&path);
            // A file whose declaration is under `cfg(test)` is no part of the engine.
            if path.ends_with("tests.rs") || path.ends_with("testing.rs") || path.iter().any(|part| part == "tests") {
                continue;
            }
            for (n, line) in code(&text) {
                let word = TAKEN.iter().find(|word| line.contains(**word));
                taken.extend(word.map(|word| format!("{}:{n}: {word}", path.display())));
            }
        }
    }
    assert!(taken.is_empty(), "engines are given these:\n{}", taken.join("\n"));
}

#[test]
fn only_the_send_path_is_unsafe() {
    for folder in ["server", "proto", "config"] {
        for path in sources(&root().join(folder)) {
            let allows = read(&path).lines().any(|line| line.trim() == "#![allow(unsafe_code)]");
            assert!(!allows || path.ends_with("server/src/udp.rs"), "{}", path.display());
        }
    }
}

#[test]
fn no_source_file_is_longer_than_one_thing() {
    let mut long = Vec::new();
    for folder in ["server", "proto", "config", "web/core", "web/call", "web/demo"] {
        for path in sources(&root().join(folder)) {
            let lines = read(&path).lines().count();
            if lines > LINES_MAX {
                long.push(format!("{}: {lines} lines", path.display()));
            }
        }
    }
    assert!(long.is_empty(), "split these:\n{}", long.join("\n"));
}

#[test]
fn clippy_bans_clocks_in_the_workspace() {
    let table: toml::Table = read(&root().join("clippy.toml")).parse().expect("TOML");
    let banned = table["disallowed-methods"].to_string();
    for method in ["std::time::Instant::now", "std::time::SystemTime::now"] {
        assert!(banned.contains(method), "{method}");
    }
}

//! What a server spends: processor time and memory of a process and of those it started.

use std::fs;
use std::time::Duration;

/// The kernel's unit in /proc, `USER_HZ`: 100 on every Linux of today.
const TICKS_PER_SECOND: u64 = 100;
const PAGE_BYTES: u64 = 4096;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// User and system time since the start.
    pub(crate) cpu: Duration,
    pub(crate) resident_bytes: u64,
}

/// Of `pid` and its descendants. A process that is gone counts nothing.
pub(crate) fn usage(pid: u32) -> Usage {
    let family = family(pid);
    let ticks = family.iter().filter_map(|pid| stat(*pid)).map(|stat| stat.ticks).sum::<u64>();
    let pages = family.iter().filter_map(|pid| resident_pages(*pid)).sum::<u64>();
    Usage { cpu: Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND), resident_bytes: pages * PAGE_BYTES }
}

fn family(pid: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids: Vec<u32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    let parents: Vec<(u32, u32)> = pids.iter().filter_map(|pid| Some((*pid, stat(*pid)?.parent))).collect();
    let mut family = vec![pid];
    let mut at = 0;
    while let Some(parent) = family.get(at).copied() {
        family.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        at += 1;
    }
    family
}

struct Stat {
    parent: u32,
    ticks: u64,
}

/// proc(5): after the name, which may hold anything, in brackets.
fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    Some(Stat { parent: number(4)? as u32, ticks: number(14)? + number(15)? })
}

fn resident_pages(pid: u32) -> Option<u64> {
    fs::read_to_string(format!("/proc/{pid}/statm")).ok()?.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something() {
        let usage = usage(std::process::id());
        assert!(usage.resident_bytes > 100_000);
        assert_eq!(super::usage(u32::MAX), Usage::default());
    }
}

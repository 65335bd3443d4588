//! Where media goes: the pair that the client nominated, and the address that it goes on from when that one falls silent.
//!
//! A NAT that forgot its mapping gives a client a new port unseen. Chromium and Safari repeat USE-CANDIDATE in each check
//! of a lite server and so nominate the new address themselves; Firefox and others nominate once, and their consent
//! checks (RFC 7675) carry nothing of the kind. Without this such a client would be heard and never be answered.

use crate::Path;
use std::time::{Duration, Instant};

/// Silence on the way until another address of the client takes its place. Above the 2.5 s between Chromium's checks:
/// who repeats the nomination is never led away from it.
const FOLLOW_AFTER: Duration = Duration::from_secs(3);

#[derive(Debug)]
pub(super) struct Way {
    /// Stands in for the nominated path.
    followed: Option<Path>,
    /// When the way was heard last.
    heard: Instant,
}

impl Way {
    pub(super) fn new(now: Instant) -> Self {
        Self { followed: None, heard: now }
    }

    /// Something genuine came from `path`, whose check passed: a check, or a packet under the keys that is no repeat.
    pub(super) fn hear(&mut self, now: Instant, path: Path, nominated: Option<Path>) {
        let Some(nominated) = nominated else { return };
        if path == nominated {
            // The client's own word comes before a guess.
            self.followed = None;
        } else if self.followed != Some(path) {
            if now.saturating_duration_since(self.heard) < FOLLOW_AFTER {
                return;
            }
            self.followed = Some(path);
        }
        self.heard = now;
    }

    pub(super) fn out(&self, nominated: Option<Path>) -> Option<Path> {
        self.followed.filter(|_| nominated.is_some()).or(nominated)
    }

    pub(super) fn forget(&mut self, path: Path) {
        if self.followed == Some(path) {
            self.followed = None;
        }
    }
}

//! Asking for what is missing of a picture (libwebrtc `nack_requester.cc`).

use crate::media::Ms;
use carillon_proto::rtp::SeqExt;
use std::collections::{BTreeMap, BTreeSet};

/// kMaxNackPackets: more, and all is given up for a keyframe.
const MISSING_MAX: usize = 1_000;
/// kMaxPacketAge.
const AGE_MAX: u64 = 10_000;
/// kMaxNackRetries.
const RETRIES_MAX: u32 = 100;
/// kDefaultRtt.
pub const ROUND_TRIP: Ms = 100.0;

#[derive(Debug, Default)]
pub struct Requester {
    newest: Option<SeqExt>,
    missing: BTreeMap<SeqExt, (Option<Ms>, u32)>,
    /// Ahead of the newest, by RTX.
    recovered: BTreeSet<SeqExt>,
}

/// What one packet brought about.
#[derive(Debug, Default)]
pub struct Told {
    /// How often it was asked for.
    pub asked: u32,
    pub ask: Vec<SeqExt>,
    pub keyframe: bool,
}

impl Requester {
    pub fn newest(&self) -> Option<SeqExt> {
        self.newest
    }

    pub fn handle(&mut self, now: Ms, seq: SeqExt, recovered: bool, round_trip: Ms) -> Told {
        let Some(newest) = self.newest else {
            self.newest = Some(seq);
            return Told::default();
        };
        if seq <= newest {
            let asked = self.missing.remove(&seq).map_or(0, |missing| missing.1);
            return Told { asked, ..Told::default() };
        }
        if recovered {
            self.recovered.insert(seq);
            return Told::default();
        }
        let keyframe = self.add(newest, seq);
        self.newest = Some(seq);
        Told { asked: 0, ask: self.due(now, None, round_trip), keyframe }
    }

    /// Each 20 ms (`NackPeriodicProcessor`).
    pub fn tick(&mut self, now: Ms, round_trip: Ms) -> Vec<SeqExt> {
        self.due(now, Some(now), round_trip)
    }

    fn add(&mut self, newest: SeqExt, seq: SeqExt) -> bool {
        let oldest = SeqExt(seq.0.saturating_sub(AGE_MAX));
        self.missing = self.missing.split_off(&oldest);
        let fresh = (newest.0 + 1..seq.0).map(SeqExt).filter(|seq| !self.recovered.contains(seq));
        self.missing.extend(fresh.map(|seq| (seq, (None, 0))));
        self.recovered = self.recovered.split_off(&seq);
        let over = self.missing.len() > MISSING_MAX;
        if over {
            self.missing.clear();
        }
        over
    }

    fn due(&mut self, now: Ms, by_time: Option<Ms>, round_trip: Ms) -> Vec<SeqExt> {
        let mut ask = Vec::new();
        self.missing.retain(|seq, (asked, tries)| {
            let due = match *asked {
                None => true,
                Some(at) => by_time.is_some() && now - at >= round_trip,
            };
            if due {
                ask.push(*seq);
                *asked = Some(now);
                *tries += 1;
            }
            *tries < RETRIES_MAX
        });
        ask
    }
}

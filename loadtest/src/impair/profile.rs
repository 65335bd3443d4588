//! What a direction of a link does to packets, as a person writes it down.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest delay, jitter, queue or outage that can be asked for: 60 s of 10 Mbit/s stay in memory.
const LONGEST_MS: f64 = 60_000.0;

/// The weather of one direction. The default is a clear sky: nothing is lost, delayed or changed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// Share of packets that never arrive, percent (in the long run, where losses come in bursts).
    pub loss: f64,
    /// Mean length of a burst of losses, packets; 1 and less: each packet by itself.
    pub burst: f64,
    /// What every packet takes, ms.
    pub delay_ms: f64,
    /// What a packet takes besides, ms: evenly between 0 and this.
    pub jitter_ms: f64,
    /// Whether jitter may change the order.
    pub reorder: bool,
    /// Share of packets that arrive twice, percent; the second one draws a jitter of its own.
    pub dup: f64,
    /// The link's rate, kbit/s; 0: without bound.
    pub kbps: f64,
    /// Longest wait behind the rate, ms; who would wait longer is dropped.
    pub queue_ms: f64,
    /// Every so many ms the link is dead …
    pub outage_every_ms: f64,
    /// … for so many ms.
    pub outage_ms: f64,
    /// STUN and DTLS suffer the delay alone.
    pub rtp_only: bool,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            loss: 0.0,
            burst: 1.0,
            delay_ms: 0.0,
            jitter_ms: 0.0,
            reorder: true,
            dup: 0.0,
            kbps: 0.0,
            queue_ms: 200.0,
            outage_every_ms: 0.0,
            outage_ms: 0.0,
            rtp_only: false,
        }
    }
}

/// A number that no link can have.
#[derive(Debug, Clone, PartialEq)]
pub struct Unusable {
    field: &'static str,
    value: f64,
    allowed: &'static str,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}: allowed is {}", self.field, self.value, self.allowed)
    }
}

impl std::error::Error for Unusable {}

impl Profile {
    /// Fails with the first field that is out of its bounds.
    pub fn check(&self) -> Result<(), Unusable> {
        let percent = [("loss", self.loss), ("dup", self.dup)];
        let times = [
            ("delay_ms", self.delay_ms),
            ("jitter_ms", self.jitter_ms),
            ("queue_ms", self.queue_ms),
            ("outage_every_ms", self.outage_every_ms),
            ("outage_ms", self.outage_ms),
        ];
        let rest = [("burst", self.burst), ("kbps", self.kbps)];
        within(&percent, 100.0, "0 to 100 percent")?;
        within(&times, LONGEST_MS, "0 to 60000 ms")?;
        within(&rest, 1e7, "0 to 10000000")?;
        let endless = self.outage_ms > 0.0 && self.outage_ms > self.outage_every_ms;
        if endless {
            return Err(Unusable { field: "outage_ms", value: self.outage_ms, allowed: "at most outage_every_ms" });
        }
        Ok(())
    }
}

fn within(fields: &[(&'static str, f64)], most: f64, allowed: &'static str) -> Result<(), Unusable> {
    let out = fields.iter().find(|(_, value)| !(0.0..=most).contains(value));
    out.map_or(Ok(()), |&(field, value)| Err(Unusable { field, value, allowed }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_numbers_are_named() {
        for (profile, field) in [
            (Profile { loss: 101.0, ..Profile::default() }, "loss"),
            (Profile { jitter_ms: -1.0, ..Profile::default() }, "jitter_ms"),
            (Profile { delay_ms: f64::NAN, ..Profile::default() }, "delay_ms"),
            (Profile { outage_ms: 10.0, outage_every_ms: 5.0, ..Profile::default() }, "outage_ms"),
        ] {
            let said = profile.check().expect_err(field).to_string();
            assert!(said.starts_with(field), "{said}");
        }
        assert_eq!(Profile::default().check(), Ok(()));
    }

    #[test]
    fn misspelt_fields_are_refused() {
        assert!(serde_json::from_str::<Profile>(r#"{"los": 10}"#).is_err());
        let read: Profile = serde_json::from_str(r#"{"loss": 10}"#).expect("valid");
        assert_eq!(read, Profile { loss: 10.0, ..Profile::default() });
    }
}

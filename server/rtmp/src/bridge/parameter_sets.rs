//! The SPS and PPS that are in force in a stream of H.264.

use carillon_proto::codec::h264::{AvcConfig, NAL_PPS, NAL_SPS, PARAMETER_SET_BYTES_MAX, PARAMETER_SETS_MAX, Pps, Sps};
use carillon_proto::payload::h264::{push_unit, unit_type};

/// The id of sets that we cannot read. A decoder may: they are passed on, one of each kind.
const UNREAD: u8 = u8::MAX;

/// Whole NAL units, in the order in which their ids first came.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct ParameterSets {
    sps: Vec<(u8, Vec<u8>)>,
    pps: Vec<(u8, Vec<u8>)>,
}

impl ParameterSets {
    pub(crate) fn of(config: &AvcConfig) -> Self {
        let mut sets = Self::default();
        config.sps.iter().chain(&config.pps).for_each(|unit| {
            sets.take(unit);
        });
        sets
    }

    /// Remembers a parameter set in place of the one with its id. Returns whether the unit is a parameter set at all.
    pub(crate) fn take(&mut self, unit: &[u8]) -> bool {
        let (held, id) = match unit_type(unit) {
            NAL_SPS => (&mut self.sps, Sps::read(unit).map(|sps| sps.id)),
            NAL_PPS => (&mut self.pps, Pps::read(unit).map(|pps| pps.id)),
            _ => return false,
        };
        if unit.len() > PARAMETER_SET_BYTES_MAX {
            return true;
        }
        let id = id.unwrap_or(UNREAD);
        match held.iter().position(|(known, _)| *known == id) {
            Some(place) if held[place].1 == unit => {}
            Some(place) => held[place].1 = unit.to_vec(),
            None if held.len() < PARAMETER_SETS_MAX => held.push((id, unit.to_vec())),
            None => {}
        }
        true
    }

    /// The sets as they stand in front of an IDR, each behind its length.
    pub(crate) fn push_to(&self, access_unit: &mut Vec<u8>) {
        self.sps.iter().chain(&self.pps).for_each(|(_, unit)| push_unit(access_unit, unit));
    }

    /// What the first SPS says.
    pub(crate) fn sps(&self) -> Option<Sps> {
        Sps::read(&self.sps.first()?.1).ok()
    }

    /// As a decoder's configuration, for NAL units behind lengths of so many bytes. `None`: something is missing yet.
    pub(crate) fn to_config(&self, length_bytes: usize) -> Option<Vec<u8>> {
        if self.sps.is_empty() || self.pps.is_empty() {
            return None;
        }
        let units = |sets: &[(u8, Vec<u8>)]| sets.iter().map(|(_, unit)| unit.clone()).collect();
        let mut out = Vec::new();
        AvcConfig { length_bytes, sps: units(&self.sps), pps: units(&self.pps) }.write(&mut out)?;
        Some(out)
    }
}

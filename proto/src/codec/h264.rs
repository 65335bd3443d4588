//! H.264: which NAL units a packet's payload (RFC 6184) holds and whether a keyframe starts in it; the decoder's
//! configuration and its parameter sets.

mod config;
mod sps;

pub use config::{AvcConfig, PARAMETER_SET_BYTES_MAX, PARAMETER_SETS_MAX};
pub use sps::{Pps, SliceKind, Sps};

use crate::wire::u16_at;

/// `nal_unit_type` values of ITU-T H.264 table 7-1.
pub const NAL_IDR: u8 = 5;
pub const NAL_SPS: u8 = 7;
pub const NAL_PPS: u8 = 8;

const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// The types of the NAL units that *start* in this payload: single unit, aggregate (STAP-A, section 5.7.1) or first
/// fragment (FU-A, section 5.8). Interleaved mode (STAP-B, MTAP, FU-B) is never negotiated and yields nothing.
pub fn nal_types(payload: &[u8]) -> impl Iterator<Item = u8> + use<'_> {
    let kind = payload.first().map_or(0, |b| b & 0x1f);
    let single = match kind {
        1..=23 => Some(kind),
        FU_A => payload.get(1).filter(|header| **header & 0x80 != 0).map(|header| header & 0x1f),
        _ => None,
    };
    let aggregate = if kind == STAP_A { payload.get(1..).unwrap_or_default() } else { &[] };
    single.into_iter().chain(aggregated(aggregate).filter_map(|unit| unit.first().map(|b| b & 0x1f)))
}

/// True where an IDR picture starts, or the parameter sets before it: a decoder that has nothing may start here. Each
/// slice of an IDR picture counts, so the first one of a timestamp is the start.
pub fn starts_keyframe(payload: &[u8]) -> bool {
    nal_types(payload).any(|t| matches!(t, NAL_IDR | NAL_SPS))
}

/// The units of an aggregate, each behind its 16-bit size; a size past the end ends the walk.
fn aggregated(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let end = 2 + usize::from(u16_at(rest, 0).ok()?);
        let (unit, after) = rest.split_at_checked(end)?;
        rest = after;
        unit.get(2..)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keyframes_are_found_in_every_packet_form() {
        let cases: [(&[u8], bool); 9] = [
            (&[0x65, 0x88], true),                       // IDR slice
            (&[0x67, 0x42], true),                       // SPS
            (&[0x61, 0x88], false),                      // other slice
            (&[0x78, 0, 2, 0x68, 1, 0, 1, 0x65], true),  // STAP-A: PPS, IDR
            (&[0x78, 0, 2, 0x68, 1, 0, 9, 0x65], false), // ... whose second size lies
            (&[0x7c, 0x85, 1], true),                    // FU-A, first fragment of an IDR slice
            (&[0x7c, 0x05, 1], false),                   // ... a later one
            (&[0x7c], false),
            (&[], false),
        ];
        for (payload, want) in cases {
            assert_eq!(starts_keyframe(payload), want, "{payload:x?}");
        }
    }

    #[test]
    fn an_aggregate_names_all_its_units() {
        let payload = [0x78, 0, 1, 0x67, 0, 0, 0, 2, 0x68, 9];
        assert_eq!(nal_types(&payload).collect::<Vec<_>>(), [NAL_SPS, NAL_PPS]);
    }
}

//! H.264 in packetization mode 1 (RFC 6184): single NAL units, STAP-A, FU-A.

use super::{Emit, FRAME_BYTES_MAX};
use crate::codec::h264::{NAL_IDR, NAL_PPS, NAL_SPS};
use crate::wire::{Malformed, Parsed, u16_at, u32_at};

/// Access unit delimiter, end of sequence, end of stream, filler (H.264 table 7-1): they tell a reader of packets nothing.
const NAL_DELIMITERS: std::ops::RangeInclusive<u8> = 9..=12;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;
const FU_START: u8 = 0x80;
const FU_END: u8 = 0x40;
/// Forbidden bit and `nal_ref_idc`, which indicators share with the NAL header.
const REFERENCE_BITS: u8 = 0xe0;
/// Below it a fragment would carry next to nothing.
const PACKET_BYTES_MIN: usize = 16;
/// NAL units of one access unit: slices of a 4K picture by macroblock row are 144.
const UNITS_MAX: usize = 512;

/// The NAL units of an access unit, each behind a 4-byte length. A length past the end is the last thing told.
pub fn units(mut access_unit: &[u8]) -> impl Iterator<Item = Parsed<&[u8]>> {
    std::iter::from_fn(move || {
        if access_unit.is_empty() {
            return None;
        }
        let rest = std::mem::take(&mut access_unit);
        Some(u32_at(rest, 0).and_then(|bytes| {
            let end = 4_usize.checked_add(bytes as usize).ok_or(Malformed::Length)?;
            let (unit, after) = rest.split_at_checked(end).ok_or(Malformed::Truncated)?;
            access_unit = after;
            unit.get(4..).filter(|unit| !unit.is_empty()).ok_or(Malformed::Length)
        }))
    })
}

pub fn unit_type(unit: &[u8]) -> u8 {
    unit.first().map_or(0, |header| header & 0x1f)
}

/// Appends one NAL unit behind its length.
pub fn push_unit(out: &mut Vec<u8>, unit: &[u8]) {
    out.extend_from_slice(&u32::try_from(unit.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(unit);
}

/// Cuts an access unit into payloads of at most `bytes_max`. Parameter sets that stand together share one STAP-A where
/// they fit (section 5.7.1). Broken lengths: nothing is emitted.
pub fn packetize(access_unit: &[u8], bytes_max: usize, emit: &mut Emit<'_>) -> Parsed<()> {
    if bytes_max < PACKET_BYTES_MIN {
        return Err(Malformed::Length);
    }
    let units = units(access_unit).take(UNITS_MAX + 1).collect::<Parsed<Vec<_>>>()?;
    if units.len() > UNITS_MAX {
        return Err(Malformed::TooMany);
    }
    let mut scratch = Vec::with_capacity(bytes_max);
    let mut rest = &units[..];
    while !rest.is_empty() {
        let taken = aggregate(rest, bytes_max, &mut scratch);
        let (now, after) = rest.split_at(taken.max(1));
        match now {
            [unit] if unit.len() <= bytes_max => emit(unit, after.is_empty()),
            [unit] => fragment(unit, bytes_max, after.is_empty(), &mut scratch, emit),
            _ => emit(&scratch, after.is_empty()),
        }
        rest = after;
    }
    Ok(())
}

/// Appends the access unit whose payloads these are, in order and without a gap, to `out`. Delimiters and filler are
/// left out. Nothing is appended where a payload is malformed, a fragment is missing, or it would pass `FRAME_BYTES_MAX`.
pub fn assemble<'a>(payloads: impl IntoIterator<Item = &'a [u8]>, out: &mut Vec<u8>) -> Parsed<()> {
    let start = out.len();
    let done = Assembly { start, open: None, out }.assemble(payloads);
    if done.is_err() {
        out.truncate(start);
    }
    done
}

/// True where the payload is known to open an access unit by itself: parameter sets come first in one.
pub fn opens_access_unit(payload: &[u8]) -> bool {
    crate::codec::h264::nal_types(payload).next().is_some_and(|t| t == NAL_SPS || t == *NAL_DELIMITERS.start())
}

/// How many units from the first on make one STAP-A, which is in `scratch` then. Below two: none.
fn aggregate(units: &[&[u8]], bytes_max: usize, scratch: &mut Vec<u8>) -> usize {
    scratch.clear();
    scratch.push(STAP_A);
    let mut taken = 0;
    for unit in units.iter().filter(|unit| !unit.is_empty()) {
        let fits = scratch.len() + 2 + unit.len() <= bytes_max;
        let (true, true, Ok(len)) = (fits, is_parameters(unit), u16::try_from(unit.len())) else { break };
        // Section 5.7.1: forbidden bit of any, the largest `nal_ref_idc`.
        let header = unit[0];
        let reference = (scratch[0] & 0x60).max(header & 0x60);
        scratch[0] = STAP_A | (scratch[0] | header) & 0x80 | reference;
        scratch.extend_from_slice(&len.to_be_bytes());
        scratch.extend_from_slice(unit);
        taken += 1;
    }
    taken
}

fn is_parameters(unit: &[u8]) -> bool {
    matches!(unit_type(unit), NAL_SPS | NAL_PPS)
}

/// Section 5.8: the unit's header is told by indicator and FU header, so its byte itself is left out.
fn fragment(unit: &[u8], bytes_max: usize, last: bool, scratch: &mut Vec<u8>, emit: &mut Emit<'_>) {
    let Some((header, body)) = unit.split_first() else { return };
    let pieces = body.len().div_ceil(bytes_max - 2);
    // Pieces of one size: the last one of a frame is no shorter than the rest, which suits GSO and repair.
    let piece_bytes = body.len().div_ceil(pieces.max(1)).max(1);
    for (n, piece) in body.chunks(piece_bytes).enumerate() {
        let is_end = (n + 1) * piece_bytes >= body.len();
        let start = if n == 0 { FU_START } else { 0 };
        let end = if is_end { FU_END } else { 0 };
        scratch.clear();
        scratch.extend_from_slice(&[header & REFERENCE_BITS | FU_A, start | end | header & 0x1f]);
        scratch.extend_from_slice(piece);
        emit(scratch, last && is_end);
    }
}

struct Assembly<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
    /// Where the length of the fragmented unit stands, and its header.
    open: Option<(usize, u8)>,
}

impl Assembly<'_> {
    fn assemble<'a>(mut self, payloads: impl IntoIterator<Item = &'a [u8]>) -> Parsed<()> {
        for payload in payloads {
            match unit_type(payload) {
                FU_A => self.add_fragment(payload)?,
                _ if self.open.is_some() => return Err(Malformed::Value),
                1..=23 => self.add_unit(payload)?,
                STAP_A => self.add_aggregate(payload)?,
                // Interleaved forms are never negotiated.
                _ => return Err(Malformed::Value),
            }
        }
        if self.open.is_some() { Err(Malformed::Truncated) } else { Ok(()) }
    }

    fn add_unit(&mut self, unit: &[u8]) -> Parsed<()> {
        if NAL_DELIMITERS.contains(&unit_type(unit)) {
            return Ok(());
        }
        self.reserve(4 + unit.len())?;
        push_unit(self.out, unit);
        Ok(())
    }

    fn add_aggregate(&mut self, payload: &[u8]) -> Parsed<()> {
        let mut rest = payload.get(1..).filter(|rest| !rest.is_empty()).ok_or(Malformed::Truncated)?;
        while !rest.is_empty() {
            let end = 2 + usize::from(u16_at(rest, 0)?);
            let (unit, after) = rest.split_at_checked(end).ok_or(Malformed::Truncated)?;
            if !(1..=23).contains(&unit_type(&unit[2..])) {
                return Err(Malformed::Value);
            }
            self.add_unit(&unit[2..])?;
            rest = after;
        }
        Ok(())
    }

    fn add_fragment(&mut self, payload: &[u8]) -> Parsed<()> {
        let [indicator, header, piece @ ..] = payload else { return Err(Malformed::Truncated) };
        let unit_header = indicator & REFERENCE_BITS | header & 0x1f;
        if !(1..=23).contains(&(header & 0x1f)) {
            return Err(Malformed::Value);
        }
        self.reserve(5 + piece.len())?;
        let at = match (self.open, header & FU_START != 0) {
            (None, true) => {
                let at = self.out.len();
                self.out.extend_from_slice(&[0, 0, 0, 0, unit_header]);
                at
            }
            // A fragment between start and end belongs to the same unit.
            (Some((at, open)), false) if open & 0x1f == header & 0x1f => at,
            (None, false) | (Some(_), _) => return Err(Malformed::Value),
        };
        self.out.extend_from_slice(piece);
        self.open = Some((at, unit_header));
        if header & FU_END != 0 {
            self.close(at);
        }
        Ok(())
    }

    fn close(&mut self, at: usize) {
        self.open = None;
        let bytes = self.out.len() - at - 4;
        if NAL_DELIMITERS.contains(&unit_type(&self.out[at + 4..])) {
            self.out.truncate(at);
            return;
        }
        self.out[at..at + 4].copy_from_slice(&u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes());
    }

    fn reserve(&self, bytes: usize) -> Parsed<()> {
        let fits = self.out.len() - self.start + bytes <= FRAME_BYTES_MAX;
        if fits { Ok(()) } else { Err(Malformed::TooMany) }
    }
}

/// What an access unit holds, read in one walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Contents {
    pub has_sps: bool,
    pub has_pps: bool,
    pub has_idr: bool,
    /// There are slices, and no other picture is predicted from any of them (`nal_ref_idc` is 0).
    pub is_disposable: bool,
}

/// Errors where a length is broken.
pub fn contents(access_unit: &[u8]) -> Parsed<Contents> {
    let mut found = Contents::default();
    let (mut slices, mut referenced) = (0, 0);
    for unit in units(access_unit) {
        let unit = unit?;
        match unit_type(unit) {
            NAL_SPS => found.has_sps = true,
            NAL_PPS => found.has_pps = true,
            slice @ 1..=NAL_IDR => {
                found.has_idr |= slice == NAL_IDR;
                slices += 1;
                referenced += usize::from(unit[0] & 0x60 != 0);
            }
            _ => {}
        }
    }
    found.is_disposable = slices > 0 && referenced == 0;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(header: u8, bytes: usize) -> Vec<u8> {
        std::iter::once(header).chain((1..bytes).map(|n| n as u8)).collect()
    }

    fn access_unit(units: &[Vec<u8>]) -> Vec<u8> {
        let mut out = Vec::new();
        units.iter().for_each(|unit| push_unit(&mut out, unit));
        out
    }

    fn packets(access_unit: &[u8], bytes_max: usize) -> Vec<(Vec<u8>, bool)> {
        let mut all = Vec::new();
        packetize(access_unit, bytes_max, &mut |payload, last| all.push((payload.to_vec(), last)))
            .expect("well-formed");
        all
    }

    fn assembled(packets: &[(Vec<u8>, bool)]) -> Parsed<Vec<u8>> {
        let mut out = Vec::new();
        assemble(packets.iter().map(|(payload, _)| &payload[..]), &mut out).map(|()| out)
    }

    #[test]
    fn what_is_cut_comes_together_again_for_all_sizes() {
        for bytes_max in [16, 17, 64, 100] {
            for size in 1..400 {
                let whole = access_unit(&[unit(0x67, 9), unit(0x68, 4), unit(0x65, size), unit(0x65, size / 2 + 1)]);
                let packets = packets(&whole, bytes_max);
                assert!(packets.iter().all(|(payload, _)| payload.len() <= bytes_max), "{size} {bytes_max}");
                assert_eq!(packets.iter().position(|(_, last)| *last), Some(packets.len() - 1));
                assert_eq!(assembled(&packets), Ok(whole), "{size} {bytes_max}");
            }
        }
    }

    #[test]
    fn parameter_sets_share_a_packet_and_slices_do_not() {
        let whole = access_unit(&[unit(0x67, 9), unit(0x48, 4), unit(0x65, 20), unit(0x65, 20)]);
        let got: Vec<_> = packets(&whole, 100).into_iter().map(|(payload, _)| (payload[0], payload.len())).collect();
        assert_eq!(got, [(0x78, 1 + 2 + 9 + 2 + 4), (0x65, 20), (0x65, 20)]);
        let alone = packets(&access_unit(&[unit(0x67, 9), unit(0x65, 20)]), 100);
        assert_eq!(alone[0].0, unit(0x67, 9), "one is no aggregate");
        let large = packets(&access_unit(&[unit(0x67, 60), unit(0x68, 60), unit(0x65, 20)]), 100);
        assert_eq!(large.iter().map(|p| p.0[0]).collect::<Vec<_>>(), [0x67, 0x68, 0x65]);
    }

    #[test]
    fn broken_packets_make_no_frame() {
        let fu = |flags: u8, kind: u8| (vec![0x7c, flags | kind, 1, 2], false);
        let cases: [&[(Vec<u8>, bool)]; 10] = [
            &[fu(0, 5)],
            &[fu(0x80, 5)],
            &[fu(0x80, 5), fu(0x80, 5), fu(0x40, 5)],
            &[fu(0x80, 5), fu(0x40, 1)],
            &[fu(0x80, 5), (vec![0x65, 1], false), fu(0x40, 5)],
            &[(vec![0x78], false)],
            &[(vec![0x78, 0, 9, 0x67], false)],
            &[(vec![0x78, 0, 0, 0, 1, 0x67], false)],
            &[(vec![0x79, 0, 1, 0x67], false)],
            &[(vec![0x7c], false)],
        ];
        for case in cases {
            assert!(assembled(case).is_err(), "{case:x?}");
        }
        assert_eq!(assembled(&[fu(0xc0, 5)]), Ok(vec![0, 0, 0, 3, 0x65, 1, 2]), "start and end in one");
    }

    #[test]
    fn delimiters_are_left_out() {
        let aud = (vec![0x09, 0xf0], false);
        let filler = (vec![0x0c, 0xff, 0xff, 0x80], false);
        let stap = (vec![0x78, 0, 2, 0x09, 0xf0, 0, 2, 0x68, 1], false);
        let fragments = [(vec![0x1c, 0x8c, 0xff], false), (vec![0x1c, 0x4c, 0xff], false)];
        let packets = [&[aud, filler, stap], &fragments[..]].concat();
        assert_eq!(assembled(&packets), Ok(vec![0, 0, 0, 2, 0x68, 1]));
    }

    #[test]
    fn lengths_past_the_end_are_told() {
        for broken in [&[0, 0, 0, 2, 0x65][..], &[0, 0, 0], &[0, 0, 0, 0], &[0xff, 0xff, 0xff, 0xff, 0x65]] {
            assert!(packetize(broken, 100, &mut |_, _| panic!("nothing to emit")).is_err(), "{broken:?}");
            assert!(contents(broken).is_err());
        }
        let many = access_unit(&vec![vec![0x61]; UNITS_MAX + 1]);
        assert_eq!(packetize(&many, 100, &mut |_, _| ()), Err(Malformed::TooMany));
    }

    #[test]
    fn a_frame_that_grows_past_the_bound_is_dropped() {
        let piece = [&[0x7c, 0x05][..], &[7; 60_000]].concat();
        let first = [0x7c, 0x85, 1];
        let mut out = vec![9];
        let payloads = std::iter::once(&first[..]).chain(std::iter::repeat_n(&piece[..], 71));
        assert_eq!(assemble(payloads, &mut out), Err(Malformed::TooMany));
        assert_eq!(out, [9]);
    }

    #[test]
    fn contents_tell_keyframes_and_what_nobody_needs() {
        let key = contents(&access_unit(&[unit(0x67, 4), unit(0x68, 4), unit(0x65, 9)]));
        assert_eq!(key, Ok(Contents { has_sps: true, has_pps: true, has_idr: true, is_disposable: false }));
        for (headers, want) in [(&[0x01, 0x01][..], true), (&[0x01, 0x41], false), (&[0x06], false)] {
            let units: Vec<_> = headers.iter().map(|header| unit(*header, 5)).collect();
            assert_eq!(contents(&access_unit(&units)).map(|c| c.is_disposable), Ok(want), "{headers:x?}");
        }
    }
}

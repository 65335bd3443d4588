//! `AVCDecoderConfigurationRecord` (ISO/IEC 14496-15 section 5.3.3): what an FLV sequence header of AVC holds.

use crate::wire::{Malformed, Parsed, u8_at, u16_at};

/// Bytes of one parameter set. With scaling lists and all of its VUI an SPS stays below 600.
pub const PARAMETER_SET_BYTES_MAX: usize = 2048;

/// Parameter sets of one kind in one record. Encoders send one SPS and one or two PPS.
pub const PARAMETER_SETS_MAX: usize = 32;

/// The parameter sets of a stream, and how long the lengths before its NAL units are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AvcConfig {
    /// 1, 2 or 4.
    pub length_bytes: usize,
    /// NAL units, header byte included. May be empty where an encoder sends its sets in band only.
    pub sps: Vec<Vec<u8>>,
    pub pps: Vec<Vec<u8>>,
}

impl AvcConfig {
    /// Reads a record. What stands behind the sets (chroma format and depths, which the SPS tells, too) is not looked
    /// at: encoders leave it out or get it wrong.
    pub fn read(bytes: &[u8]) -> Parsed<Self> {
        if u8_at(bytes, 0)? != 1 {
            return Err(Malformed::Version);
        }
        let length_bytes = match u8_at(bytes, 4)? & 3 {
            0 => 1,
            1 => 2,
            2 => return Err(Malformed::Value),
            _ => 4,
        };
        let mut at = 6;
        let sps = read_sets(bytes, u8_at(bytes, 5)? & 0x1f, &mut at)?;
        let pps_count = u8_at(bytes, at)?;
        at += 1;
        let pps = read_sets(bytes, pps_count, &mut at)?;
        Ok(Self { length_bytes, sps, pps })
    }

    /// Appends the record, its profile, level and depths taken from the first SPS. None, and nothing appended, if there
    /// is no SPS, or the sets are more or longer than the record can hold.
    pub fn write(&self, out: &mut Vec<u8>) -> Option<()> {
        let first = self.sps.first()?;
        let [_, profile, constraints, level] = *first.first_chunk::<4>()?;
        let fits = |sets: &[Vec<u8>], count_max: usize| {
            sets.len() <= count_max && sets.iter().all(|set| set.len() <= usize::from(u16::MAX))
        };
        if !fits(&self.sps, 31) || !fits(&self.pps, 255) {
            return None;
        }
        out.extend([1, profile, constraints, level, 0xfc | (self.length_bytes as u8 - 1)]);
        out.push(0xe0 | self.sps.len() as u8);
        write_sets(&self.sps, out);
        out.push(self.pps.len() as u8);
        write_sets(&self.pps, out);
        // Section 5.3.3.1.2: profiles that can have other chroma formats and depths tell them.
        if [100, 110, 122, 144].contains(&profile)
            && let Ok(sps) = super::Sps::read(first)
        {
            out.extend([0xfc | sps.chroma_format, 0xf8 | (sps.bit_depth - 8), 0xf8 | (sps.chroma_bit_depth - 8), 0]);
        }
        Some(())
    }

    /// The NAL units of a tag's data. Empty ones, which some encoders send, are passed over; a length past the end is
    /// the last thing told.
    pub fn units<'a>(&self, data: &'a [u8]) -> impl Iterator<Item = Parsed<&'a [u8]>> + use<'a> {
        let length_bytes = self.length_bytes;
        let mut rest = data;
        std::iter::from_fn(move || {
            while !rest.is_empty() {
                match take_unit(&mut rest, length_bytes) {
                    Ok([]) => {}
                    Ok(unit) => return Some(Ok(unit)),
                    Err(error) => {
                        rest = &[];
                        return Some(Err(error));
                    }
                }
            }
            None
        })
    }
}

fn take_unit<'a>(rest: &mut &'a [u8], length_bytes: usize) -> Parsed<&'a [u8]> {
    let (length, after) = rest.split_at_checked(length_bytes).ok_or(Malformed::Truncated)?;
    let bytes = length.iter().fold(0, |bytes, byte| bytes << 8 | usize::from(*byte));
    let (unit, after) = after.split_at_checked(bytes).ok_or(Malformed::Length)?;
    *rest = after;
    Ok(unit)
}

fn read_sets(bytes: &[u8], count: u8, at: &mut usize) -> Parsed<Vec<Vec<u8>>> {
    if usize::from(count) > PARAMETER_SETS_MAX {
        return Err(Malformed::TooMany);
    }
    let mut sets = Vec::new();
    for _ in 0..count {
        let start = *at + 2;
        let set_bytes = usize::from(u16_at(bytes, *at)?);
        if set_bytes > PARAMETER_SET_BYTES_MAX {
            return Err(Malformed::Length);
        }
        *at = start + set_bytes;
        sets.push(bytes.get(start..*at).ok_or(Malformed::Truncated)?.to_vec());
    }
    Ok(sets)
}

fn write_sets(sets: &[Vec<u8>], out: &mut Vec<u8>) {
    for set in sets {
        out.extend((set.len() as u16).to_be_bytes());
        out.extend_from_slice(set);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What libx264 makes of 1280x720 in baseline and in high profile.
    const BASELINE: &[u8] = &[0x67, 0x42, 0xc0, 0x1f, 0xda, 0x01, 0x40, 0x16, 0xe8, 0x40];
    const PPS: &[u8] = &[0x68, 0xce, 0x3c, 0x80];

    fn config(sps: &[&[u8]]) -> AvcConfig {
        let sps = sps.iter().map(|set| set.to_vec()).collect();
        AvcConfig { length_bytes: 4, sps, pps: vec![PPS.to_vec()] }
    }

    fn written(config: &AvcConfig) -> Vec<u8> {
        let mut out = Vec::new();
        config.write(&mut out).expect("a config");
        out
    }

    #[test]
    fn a_record_comes_back() {
        let config = config(&[BASELINE, BASELINE]);
        let bytes = written(&config);
        assert_eq!(bytes[..6], [1, 0x42, 0xc0, 0x1f, 0xff, 0xe2]);
        assert_eq!(AvcConfig::read(&bytes), Ok(config));
        for end in 0..bytes.len() {
            assert_eq!(AvcConfig::read(&bytes[..end]), Err(Malformed::Truncated), "{end}");
        }
    }

    #[test]
    fn what_stands_behind_the_sets_is_optional() {
        let config = config(&[BASELINE]);
        let bytes = [written(&config), vec![0xfd, 0xf8, 0xf8, 0]].concat();
        assert_eq!(AvcConfig::read(&bytes), Ok(config));
    }

    #[test]
    fn a_record_without_sets_is_read_and_not_written() {
        let read = AvcConfig::read(&[1, 0x42, 0, 0x1f, 0xff, 0xe0, 0]).expect("in-band sets only");
        assert_eq!(read, AvcConfig { length_bytes: 4, sps: vec![], pps: vec![] });
        assert_eq!(read.write(&mut Vec::new()), None);
        assert_eq!(AvcConfig { sps: vec![vec![0x67]], ..read }.write(&mut Vec::new()), None, "an SPS of one byte");
    }

    #[test]
    fn lies_are_refused() {
        assert_eq!(AvcConfig::read(&[2, 0, 0, 0, 0xff, 0xe0, 0]), Err(Malformed::Version));
        assert_eq!(AvcConfig::read(&[1, 0, 0, 0, 0xfe, 0xe0, 0]), Err(Malformed::Value), "lengths of 3 bytes");
        assert_eq!(AvcConfig::read(&[1, 0, 0, 0, 0xff, 0xe1, 0xff, 0xff]), Err(Malformed::Length));
        assert_eq!(AvcConfig::read(&[1, 0, 0, 0, 0xff, 0xe0, 33]), Err(Malformed::TooMany));
    }

    #[test]
    fn units_are_split_at_lengths_of_each_size() {
        let cases: [(usize, &[u8]); 3] = [
            (1, &[2, 0x65, 1, 0, 1, 0x41]),
            (2, &[0, 2, 0x65, 1, 0, 0, 0, 1, 0x41]),
            (4, &[0, 0, 0, 2, 0x65, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0x41]),
        ];
        for (length_bytes, data) in cases {
            let config = AvcConfig { length_bytes, ..config(&[]) };
            let units: Vec<_> = config.units(data).collect();
            assert_eq!(units, [Ok(&[0x65, 1][..]), Ok(&[0x41][..])], "{length_bytes}");
            let cut: Vec<_> = config.units(&data[..data.len() - 1]).collect();
            assert_eq!(cut, [Ok(&[0x65, 1][..]), Err(Malformed::Length)], "{length_bytes}");
        }
        let config = config(&[]);
        assert_eq!(config.units(&[0xff; 5]).collect::<Vec<_>>(), [Err(Malformed::Length)]);
        assert_eq!(config.units(&[0, 0, 0]).collect::<Vec<_>>(), [Err(Malformed::Truncated)]);
        assert_eq!(config.units(&[]).count(), 0);
    }
}

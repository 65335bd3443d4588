//! Transport-wide congestion control feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).

use super::{FMT_TWCC, PT_TRANSPORT_FEEDBACK, begin_feedback, end, feedback_sources};
use crate::rtp::Ssrc;
use crate::wire::{Malformed, u8_at, u16_at, u24_at};

/// One step of the reference time.
const REFERENCE_US: i64 = 64_000;
/// One step of a delta.
const DELTA_US: i64 = 250;

/// Most packets that `write` reports on at once: with one delta each it stays under 1,200 bytes.
pub const MAX_PACKETS: usize = 500;

/// One feedback packet, its chunks and deltas checked against each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Twcc<'a> {
    pub sender: Ssrc,
    pub media: Ssrc,
    /// Transport-wide number of the first packet reported on.
    pub base_seq: u16,
    /// How many packets are reported on, lost ones included.
    pub packet_count: u16,
    /// Goes up by one with each feedback packet, wrapping: a gap means that feedback was lost.
    pub feedback_count: u8,
    /// 24 bits, signed, in steps of 64 ms on a clock of the receiver's choice.
    reference: i32,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

/// What became of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TwccStatus {
    pub seq: u16,
    /// Microseconds on the receiver's clock (wrapping each 12 days); `None` where it did not come.
    pub arrival_us: Option<i64>,
}

impl<'a> Twcc<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let (sender, media) = feedback_sources(body)?;
        let packet_count = u16_at(body, 10)?;
        let reference = (u24_at(body, 12)? << 8).cast_signed() >> 8;
        let feedback_count = u8_at(body, 15)?;
        let rest = body.get(16..).unwrap_or_default();
        let (chunk_bytes, delta_bytes) = measure(rest, packet_count)?;
        let (chunks, deltas) = rest.split_at_checked(chunk_bytes).ok_or(Malformed::Truncated)?;
        let deltas = deltas.get(..delta_bytes).ok_or(Malformed::Truncated)?;
        let base_seq = u16_at(body, 8)?;
        Ok(Self { sender, media, base_seq, packet_count, feedback_count, reference, chunks, deltas })
    }

    /// The reference time on the receiver's clock, in microseconds.
    pub fn reference_us(&self) -> i64 {
        i64::from(self.reference) * REFERENCE_US
    }

    /// `packet_count` statuses, by rising number.
    pub fn statuses(&self) -> impl Iterator<Item = TwccStatus> + use<'a> {
        let Self { base_seq, deltas, packet_count, .. } = *self;
        let mut clock_us = self.reference_us();
        let mut at = 0;
        let symbols = self.chunks.chunks_exact(2).flat_map(|c| chunk_symbols(u16_at(c, 0).unwrap_or_default()));
        symbols.take(usize::from(packet_count)).enumerate().map(move |(i, symbol)| {
            let delta = match symbol {
                Symbol::Lost => None,
                Symbol::Small => u8_at(deltas, at).ok().map(i64::from),
                Symbol::Large => u16_at(deltas, at).ok().map(|d| i64::from(d.cast_signed())),
            };
            at += symbol.delta_bytes();
            clock_us += delta.unwrap_or(0) * DELTA_US;
            TwccStatus { seq: base_seq.wrapping_add(i as u16), arrival_us: delta.map(|_| clock_us) }
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Symbol {
    Lost,
    Small,
    Large,
}

impl Symbol {
    /// Status symbols of section 3.1.1; 3 is reserved and read as lost.
    fn from_bits(bits: u16) -> Self {
        match bits & 3 {
            1 => Self::Small,
            2 => Self::Large,
            _ => Self::Lost,
        }
    }

    fn bits(self) -> u16 {
        match self {
            Self::Lost => 0,
            Self::Small => 1,
            Self::Large => 2,
        }
    }

    fn delta_bytes(self) -> usize {
        usize::from(self.bits())
    }
}

/// The symbols of one chunk: a run (section 3.1.3), 14 of one bit, or 7 of two bits (section 3.1.4).
fn chunk_symbols(chunk: u16) -> impl Iterator<Item = Symbol> {
    let (count, symbol): (u16, fn(u16, u16) -> Symbol) = match chunk >> 14 {
        0b10 => (14, |chunk, i| Symbol::from_bits(chunk >> (13 - i) & 1)),
        0b11 => (7, |chunk, i| Symbol::from_bits(chunk >> (12 - 2 * i))),
        _ => (chunk & 0x1fff, |chunk, _| Symbol::from_bits(chunk >> 13)),
    };
    (0..count).map(move |i| symbol(chunk, i))
}

/// How many bytes of chunks and of deltas `packet_count` statuses take. Bounded by the count's 16 bits.
fn measure(bytes: &[u8], packet_count: u16) -> Result<(usize, usize), Malformed> {
    let mut left = usize::from(packet_count);
    let (mut chunk_bytes, mut delta_bytes) = (0, 0);
    while left > 0 {
        let chunk = u16_at(bytes, chunk_bytes)?;
        chunk_bytes += 2;
        if chunk >> 15 == 0 {
            // A run takes as long as a single symbol, however long it is.
            let count = usize::from(chunk & 0x1fff).min(left);
            delta_bytes += count * Symbol::from_bits(chunk >> 13).delta_bytes();
            left -= count;
            continue;
        }
        for symbol in chunk_symbols(chunk).take(left) {
            delta_bytes += symbol.delta_bytes();
            left -= 1;
        }
    }
    Ok((chunk_bytes, delta_bytes))
}

/// Appends one feedback packet on `arrivals`: (unwrapped transport-wide number, arrival in microseconds on a clock of
/// the caller's choice), by rising number without repeats. Numbers between them are reported lost.
///
/// Yields how many arrivals it took: fewer than all where the packet is full or a delta leaves its 16 bits (8 s), so
/// call again with the rest and the next `feedback_count`. Nothing is written for an empty list.
pub fn write(out: &mut Vec<u8>, sender: Ssrc, media: Ssrc, feedback_count: u8, arrivals: &[(u64, i64)]) -> usize {
    let Some(&(base, first_us)) = arrivals.first() else { return 0 };
    let reference = first_us.div_euclid(REFERENCE_US);
    let mut symbols = Vec::with_capacity(MAX_PACKETS);
    let mut deltas = Vec::with_capacity(MAX_PACKETS);
    let taken = collect(arrivals, reference * REFERENCE_US, &mut symbols, &mut deltas);

    let start = begin_feedback(out, PT_TRANSPORT_FEEDBACK, FMT_TWCC, sender, media);
    out.extend_from_slice(&((base & 0xffff) as u16).to_be_bytes());
    out.extend_from_slice(&(symbols.len() as u16).to_be_bytes());
    let [_, _, _, _, _, a, b, c] = reference.to_be_bytes();
    out.extend_from_slice(&[a, b, c, feedback_count]);
    write_chunks(out, &symbols);
    out.extend_from_slice(&deltas);
    end(out, start);
    taken
}

/// Fills in symbols and deltas of as many arrivals as fit; the first always does (its delta is below 64 ms).
fn collect(arrivals: &[(u64, i64)], reference_us: i64, symbols: &mut Vec<Symbol>, deltas: &mut Vec<u8>) -> usize {
    let mut clock_us = reference_us;
    let mut next = arrivals.first().map_or(0, |a| a.0);
    for (taken, &(seq, arrival_us)) in arrivals.iter().enumerate() {
        let lost = usize::try_from(seq.saturating_sub(next)).unwrap_or(usize::MAX);
        // Rounded from the sum, so that errors do not add up.
        let steps = (arrival_us - clock_us).div_euclid(DELTA_US);
        let Ok(delta) = i16::try_from(steps) else { return taken };
        if lost.saturating_add(symbols.len()) >= MAX_PACKETS && taken > 0 {
            return taken;
        }
        symbols.extend(std::iter::repeat_n(Symbol::Lost, lost));
        match u8::try_from(delta) {
            Ok(small) => {
                symbols.push(Symbol::Small);
                deltas.push(small);
            }
            Err(_) => {
                symbols.push(Symbol::Large);
                deltas.extend_from_slice(&delta.to_be_bytes());
            }
        }
        clock_us += i64::from(delta) * DELTA_US;
        next = seq + 1;
    }
    arrivals.len()
}

/// The longest of a run, 14 one-bit or 7 two-bit symbols at each place. A vector's unused places stay zero.
fn write_chunks(out: &mut Vec<u8>, mut symbols: &[Symbol]) {
    while let Some(&first) = symbols.first() {
        let run = symbols.iter().take_while(|s| **s == first).count();
        let one_bit = symbols.iter().take(14).take_while(|s| **s != Symbol::Large).count();
        let (chunk, used) = if run >= 14.min(symbols.len()) || run > one_bit.max(7) {
            (first.bits() << 13 | run as u16, run)
        } else if one_bit == 14.min(symbols.len()) {
            (vector(0b10 << 14, &symbols[..one_bit], 1), one_bit)
        } else {
            let used = 7.min(symbols.len());
            (vector(0b11 << 14, &symbols[..used], 2), used)
        };
        out.extend_from_slice(&chunk.to_be_bytes());
        symbols = &symbols[used..];
    }
}

fn vector(kind: u16, symbols: &[Symbol], width: usize) -> u16 {
    symbols.iter().enumerate().fold(kind, |chunk, (i, s)| chunk | s.bits() << (14 - width * (i + 1)))
}

#[cfg(test)]
mod tests {
    use super::super::{Rtcp, packets};
    use super::*;

    fn read(bytes: &[u8]) -> Twcc<'_> {
        match packets(bytes).next() {
            Some(Ok(Rtcp::Twcc(twcc))) => twcc,
            other => panic!("{other:?}"),
        }
    }

    fn round_trip(arrivals: &[(u64, i64)]) -> Vec<(u64, i64)> {
        let mut got = Vec::new();
        let mut rest = arrivals;
        let mut count = 0;
        while !rest.is_empty() {
            let mut out = Vec::new();
            let taken = write(&mut out, Ssrc(1), Ssrc(2), count, rest);
            assert!(taken > 0 && out.len() <= 1_250, "{taken} in {} bytes", out.len());
            let twcc = read(&out);
            assert_eq!(twcc.feedback_count, count);
            let statuses = twcc.statuses().enumerate();
            got.extend(statuses.filter_map(|(i, s)| Some((rest[0].0 + i as u64, s.arrival_us?))));
            rest = &rest[taken..];
            count = count.wrapping_add(1);
        }
        got
    }

    fn assert_same(arrivals: &[(u64, i64)]) {
        let got = round_trip(arrivals);
        assert_eq!(got.len(), arrivals.len());
        for (want, got) in arrivals.iter().zip(&got) {
            assert_eq!(want.0, got.0);
            assert!((0..DELTA_US).contains(&(want.1 - got.1)), "{want:?} {got:?}");
        }
    }

    #[test]
    fn arrivals_survive_their_round_trip() {
        assert_same(&[(5, 0)]);
        assert_same(&[(65_535, 1_000_000), (65_536, 1_000_100), (65_540, 1_090_000), (65_541, 1_020_000)]);
        assert_same(&(0..200).map(|i| (i, i as i64 * 5_000)).collect::<Vec<_>>());
        assert_same(&(0..300).map(|i| (i * 2, i as i64 * 70_000)).collect::<Vec<_>>());
        assert_same(&(0..40).map(|i| (i * i, 7_000_000_000 - i as i64 * 900)).collect::<Vec<_>>());
    }

    #[test]
    fn what_does_not_fit_goes_into_the_next_packet() {
        let long: Vec<_> = (0..1_700).map(|i| (i, i as i64 * 1_000)).collect();
        assert_same(&long);
        assert_same(&[(1, 0), (2, 9_000_000), (90_000, 9_000_000)]);
    }

    #[test]
    fn a_run_of_equal_symbols_takes_one_chunk() {
        let mut out = Vec::new();
        let arrivals: Vec<_> = (0..400).map(|i| (i, i as i64 * 250)).collect();
        assert_eq!(write(&mut out, Ssrc(1), Ssrc(2), 0, &arrivals), 400);
        assert_eq!(out.len(), 4 + 16 + 2 + 400 + 2);
    }

    #[test]
    fn the_drafts_own_chunks_are_read() {
        // Run of 5 lost, then one-bit "received, lost, received …", then two-bit.
        let statuses: Vec<_> = [0x0005u16, 0b1010_0000_0000_0000, 0b1101_1000_0000_0000]
            .iter()
            .flat_map(|c| chunk_symbols(*c).collect::<Vec<_>>())
            .collect();
        assert_eq!(statuses[..5], [Symbol::Lost; 5]);
        assert_eq!(statuses[5..7], [Symbol::Small, Symbol::Lost]);
        assert_eq!(statuses[19..22], [Symbol::Small, Symbol::Large, Symbol::Lost]);
        assert_eq!(statuses.len(), 5 + 14 + 7);
    }

    #[test]
    fn missing_chunks_or_deltas_are_refused() {
        let mut out = Vec::new();
        write(&mut out, Ssrc(1), Ssrc(2), 0, &[(1, 0), (2, 0), (4, 0)]);
        let body = &out[4..];
        assert!(Twcc::parse(body).is_ok());
        for n in 0..21 {
            assert_eq!(Twcc::parse(&body[..n]), Err(Malformed::Truncated), "{n}");
        }
        let mut endless = body.to_vec();
        endless[10..12].copy_from_slice(&u16::MAX.to_be_bytes());
        assert_eq!(Twcc::parse(&endless), Err(Malformed::Truncated));
    }
}

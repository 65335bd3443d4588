//! RTP packets, read and rewritten where they lie (RFC 3550 section 5.1).

use crate::rtp_ext::{ExtId, Extensions};
use crate::wire::{Malformed, Parsed, u8_at, u16_at, u32_at};
use std::fmt;
use std::ops::Range;
use std::time::Duration;

/// The fixed part of the header, before CSRCs and extensions.
pub const FIXED_HEADER_BYTES: usize = 12;

const VERSION_2: u8 = 0x80;
const PADDING_BIT: u8 = 0x20;
const EXTENSION_BIT: u8 = 0x10;
const MARKER_BIT: u8 = 0x80;

/// One RTP stream's name within a transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ssrc(pub u32);

/// A payload type, 0…127.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pt(pub u8);

/// A sequence number as it stands on the wire. It has no order of its own: extend it first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seq(pub u16);

/// A sequence number with its rollovers: 48 bits in use, the low 16 are on the wire (RFC 3711 section 3.3.1's index).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeqExt(pub u64);

/// A media clock's reading in ticks of the codec's clock rate. It wraps, so it has no order of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RtpTime(pub u32);

impl fmt::Display for Ssrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for Pt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Seq {
    pub fn wrapping_add(self, n: u16) -> Self {
        Self(self.0.wrapping_add(n))
    }

    /// How far `self` lies after `other` on the shorter way round: negative where it lies before.
    pub fn since(self, other: Self) -> i16 {
        self.0.wrapping_sub(other.0).cast_signed()
    }
}

impl SeqExt {
    /// The first packet of a stream. One rollover is taken in advance, so that packets from before it have a number too.
    pub fn first(seq: Seq) -> Self {
        Self(0x1_0000 + u64::from(seq.0))
    }

    /// The number nearest to `self` whose low 16 bits are `seq`. `None` where that would lie before zero.
    pub fn nearest(self, seq: Seq) -> Option<Self> {
        self.0.checked_add_signed(i64::from(seq.since(self.seq()))).map(Self)
    }

    /// What goes on the wire.
    pub fn seq(self) -> Seq {
        Seq((self.0 & 0xffff) as u16)
    }

    /// The rollover counter (RFC 3711's ROC).
    pub fn roc(self) -> u32 {
        ((self.0 >> 16) & 0xffff_ffff) as u32
    }

    pub fn plus(self, n: u64) -> Self {
        Self(self.0.wrapping_add(n))
    }

    /// How far `self` lies after `other`: negative where it lies before.
    pub fn since(self, other: Self) -> i64 {
        self.0.wrapping_sub(other.0).cast_signed()
    }
}

impl RtpTime {
    pub fn wrapping_add(self, ticks: u32) -> Self {
        Self(self.0.wrapping_add(ticks))
    }

    pub fn wrapping_sub(self, ticks: u32) -> Self {
        Self(self.0.wrapping_sub(ticks))
    }

    /// Ticks from `other` to `self` on the shorter way round: negative where `self` lies before.
    pub fn since(self, other: Self) -> i32 {
        self.0.wrapping_sub(other.0).cast_signed()
    }

    /// The 64-bit reading nearest to `near` whose low 32 bits are this one.
    pub fn extend(self, near: i64) -> i64 {
        let low = Self((near & 0xffff_ffff) as u32);
        near.wrapping_add(i64::from(self.since(low)))
    }
}

/// `d` in ticks of a clock of `clock_hz`, rounded down, wrapping as the media clock does.
pub fn ticks(d: Duration, clock_hz: u32) -> u32 {
    (((d.as_nanos().wrapping_mul(u128::from(clock_hz))) / 1_000_000_000) & 0xffff_ffff) as u32
}

/// How long `ticks` of a clock of `clock_hz` last. A clock of 0 Hz yields zero.
pub fn ticks_to_duration(ticks: u32, clock_hz: u32) -> Duration {
    let nanos = (u64::from(ticks) * 1_000_000_000).checked_div(u64::from(clock_hz)).unwrap_or(0);
    Duration::from_nanos(nanos)
}

/// True where a datagram that shares a transport with RTP is RTCP: its second byte lies in 192…223 (RFC 5761 section 4).
pub fn is_rtcp(datagram: &[u8]) -> bool {
    datagram.get(1).is_some_and(|b| (192..=223).contains(b))
}

/// A parsed header. It borrows nothing: offsets point into the packet that it was read from.
///
/// Padding lies in the encrypted part of an SRTP packet, so `parse` leaves it alone and `payload` reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpHeader {
    pub marker: bool,
    pub pt: Pt,
    pub seq: Seq,
    pub time: RtpTime,
    pub ssrc: Ssrc,
    /// The P bit: the last payload byte counts padding bytes.
    pub has_padding: bool,
    /// 0…15 contributing sources.
    pub csrc_count: u8,
    /// Profile and place of the extension elements.
    pub extension: Option<ExtensionBlock>,
    /// Fixed part, CSRCs and extension block: where the payload starts.
    pub header_bytes: usize,
}

/// Where the extension elements lie in the packet (RFC 3550 section 5.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtensionBlock {
    /// 0xBEDE for one-byte elements, 0x100x for two-byte ones (RFC 8285 section 4).
    pub profile: u16,
    pub start: usize,
    pub end: usize,
}

impl RtpHeader {
    /// Reads the header of an RTP or SRTP packet. The header is complete and inside `packet` when this succeeds.
    pub fn parse(packet: &[u8]) -> Result<Self, Malformed> {
        let first = u8_at(packet, 0)?;
        if first >> 6 != 2 {
            return Err(Malformed::Version);
        }
        let second = u8_at(packet, 1)?;
        let csrc_count = first & 0x0f;
        let after_csrcs = FIXED_HEADER_BYTES + 4 * usize::from(csrc_count);
        let extension =
            if first & EXTENSION_BIT == 0 { None } else { Some(ExtensionBlock::parse(packet, after_csrcs)?) };
        let header_bytes = extension.map_or(after_csrcs, |e| e.end);
        if packet.len() < header_bytes {
            return Err(Malformed::Truncated);
        }
        Ok(Self {
            marker: second & MARKER_BIT != 0,
            pt: Pt(second & 0x7f),
            seq: Seq(u16_at(packet, 2)?),
            time: RtpTime(u32_at(packet, 4)?),
            ssrc: Ssrc(u32_at(packet, 8)?),
            has_padding: first & PADDING_BIT != 0,
            csrc_count,
            extension,
            header_bytes,
        })
    }

    /// Where the payload of the decrypted packet lies, without padding (RFC 3550 section 5.1: the count includes itself).
    pub fn payload_range(&self, packet: &[u8]) -> Result<Range<usize>, Malformed> {
        let mut end = packet.len();
        if end < self.header_bytes {
            return Err(Malformed::Truncated);
        }
        if self.has_padding {
            let count = usize::from(packet.last().copied().unwrap_or(0));
            if count == 0 || count > end - self.header_bytes {
                return Err(Malformed::Padding);
            }
            end -= count;
        }
        Ok(self.header_bytes..end)
    }

    /// The payload of the decrypted packet, without padding; empty for a packet that is all padding.
    pub fn payload<'a>(&self, packet: &'a [u8]) -> Result<&'a [u8], Malformed> {
        packet.get(self.payload_range(packet)?).ok_or(Malformed::Truncated)
    }

    /// Contributing sources, in the order of the packet.
    pub fn csrcs<'a>(&self, packet: &'a [u8]) -> impl Iterator<Item = Ssrc> + use<'a> {
        let end = FIXED_HEADER_BYTES + 4 * usize::from(self.csrc_count);
        let bytes = packet.get(FIXED_HEADER_BYTES..end).unwrap_or_default();
        bytes.chunks_exact(4).filter_map(|c| u32_at(c, 0).ok()).map(Ssrc)
    }

    /// The header extension elements; none where the packet has none or the profile is unknown.
    pub fn extensions<'a>(&self, packet: &'a [u8]) -> Extensions<'a> {
        self.extension.map_or_else(Extensions::default, |e| Extensions::new(e.profile, packet, e.start..e.end))
    }

    /// The first extension element of this id.
    pub fn extension<'a>(&self, packet: &'a [u8], id: ExtId) -> Option<&'a [u8]> {
        self.extensions(packet).find(|e| e.id == id).map(|e| e.data)
    }

    /// What a rewritten copy keeps.
    pub fn fields(&self) -> RtpFields {
        RtpFields { marker: self.marker, pt: self.pt, seq: self.seq, time: self.time, ssrc: self.ssrc }
    }
}

impl ExtensionBlock {
    fn parse(packet: &[u8], at: usize) -> Parsed<Self> {
        let profile = u16_at(packet, at)?;
        let words = usize::from(u16_at(packet, at + 2)?);
        let start = at + 4;
        Ok(Self { profile, start, end: start + 4 * words })
    }
}

/// The fields of a header that a sender chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpFields {
    pub marker: bool,
    pub pt: Pt,
    pub seq: Seq,
    pub time: RtpTime,
    pub ssrc: Ssrc,
}

impl RtpFields {
    /// Appends a header without CSRCs and extensions; `ExtWriter` adds those after it. Yields where the packet starts.
    pub fn write(&self, out: &mut Vec<u8>) -> usize {
        let start = out.len();
        out.extend_from_slice(&self.to_bytes());
        start
    }

    pub fn to_bytes(&self) -> [u8; FIXED_HEADER_BYTES] {
        let mut bytes = [0; FIXED_HEADER_BYTES];
        bytes[..8].copy_from_slice(&self.first_word().to_be_bytes());
        bytes[8..].copy_from_slice(&self.ssrc.0.to_be_bytes());
        bytes
    }

    /// All but the SSRC: the first eight bytes as a big-endian number.
    pub fn first_word(&self) -> u64 {
        let kind = (u8::from(self.marker) << 7) | (self.pt.0 & 0x7f);
        let head = u64::from(VERSION_2) << 56 | u64::from(kind) << 48;
        head | u64::from(self.seq.0) << 32 | u64::from(self.time.0)
    }

    /// Overwrites the fields of a packet in place; CSRCs, extensions, padding and payload stay. False where `packet` is
    /// shorter than a header.
    #[must_use]
    pub fn rewrite(&self, packet: &mut [u8]) -> bool {
        let Some(header) = packet.first_chunk_mut::<FIXED_HEADER_BYTES>() else { return false };
        let first = header[0];
        *header = self.to_bytes();
        header[0] = first;
        true
    }
}

/// Appends `count` (1…255) padding bytes to the packet that starts at `start` in `out`, and sets its P bit. Zero, or a
/// packet that is padded already, is left as it is.
pub fn pad(out: &mut Vec<u8>, start: usize, count: u8) {
    let Some(first) = out.get_mut(start) else { return };
    if count == 0 || *first & PADDING_BIT != 0 {
        return;
    }
    *first |= PADDING_BIT;
    out.resize(out.len() + usize::from(count) - 1, 0);
    out.push(count);
}

pub(crate) fn set_extension_bit(first: &mut u8) {
    *first |= EXTENSION_BIT;
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: [u8; 33] = [
        0xb1, 0xe0, 0x12, 0x34, 0, 0, 0, 9, 0, 0, 0, 7, // P, X, CC = 1, marker, PT 96
        0, 0, 0, 42, // CSRC
        0xbe, 0xde, 0, 1, 0x10, 0xaa, 0, 0, // one element of one byte
        1, 2, 3, 4, 5, 6, 0, 0, 3,
    ];

    #[test]
    fn header_with_csrc_extension_and_padding_is_read() {
        let h = RtpHeader::parse(&PACKET).expect("well-formed");
        assert!(h.marker && h.has_padding);
        assert_eq!((h.pt, h.seq, h.time, h.ssrc), (Pt(96), Seq(0x1234), RtpTime(9), Ssrc(7)));
        assert_eq!(h.csrcs(&PACKET).collect::<Vec<_>>(), [Ssrc(42)]);
        assert_eq!(h.extension(&PACKET, ExtId(1)), Some(&[0xaa][..]));
        assert_eq!(h.payload(&PACKET), Ok(&[1, 2, 3, 4, 5, 6][..]));
    }

    #[test]
    fn every_truncation_is_refused_or_keeps_its_header() {
        for n in 0..PACKET.len() {
            match RtpHeader::parse(&PACKET[..n]) {
                Ok(h) => assert!(n >= 24 && h.header_bytes == 24),
                Err(e) => assert!(n < 24 && e == Malformed::Truncated),
            }
        }
    }

    #[test]
    fn impossible_padding_is_refused() {
        for count in [0u8, 10, 255] {
            let mut p = PACKET;
            p[32] = count;
            let h = RtpHeader::parse(&p).expect("header is whole");
            assert_eq!(h.payload(&p), Err(Malformed::Padding), "{count}");
        }
        let mut p = PACKET;
        p[32] = 9;
        assert_eq!(RtpHeader::parse(&p).and_then(|h| h.payload(&p).map(<[u8]>::len)), Ok(0));
    }

    #[test]
    fn other_versions_are_refused() {
        for first in [0x00, 0x40, 0xc0] {
            let mut p = PACKET;
            p[0] = first;
            assert_eq!(RtpHeader::parse(&p), Err(Malformed::Version));
        }
    }

    #[test]
    fn rewriting_changes_the_chosen_fields_only() {
        let mut p = PACKET;
        let fields = RtpFields { marker: false, pt: Pt(45), seq: Seq(1), time: RtpTime(2), ssrc: Ssrc(3) };
        assert!(fields.rewrite(&mut p));
        let h = RtpHeader::parse(&p).expect("still well-formed");
        assert_eq!(h.fields(), fields);
        assert_eq!((h.csrc_count, h.has_padding, &p[12..]), (1, true, &PACKET[12..]));
        assert!(!fields.rewrite(&mut [0; 11]));
    }

    #[test]
    fn padding_written_is_padding_read() {
        let mut out = vec![9, 9];
        let fields = RtpFields { marker: true, pt: Pt(111), seq: Seq(1), time: RtpTime(2), ssrc: Ssrc(3) };
        let start = fields.write(&mut out);
        out.extend_from_slice(b"opus");
        pad(&mut out, start, 7);
        pad(&mut out, start, 7);
        let packet = &out[start..];
        assert_eq!(packet.len(), 12 + 4 + 7);
        assert_eq!(RtpHeader::parse(packet).and_then(|h| h.payload(packet)), Ok(&b"opus"[..]));
    }

    #[test]
    fn sequence_numbers_extend_to_the_nearest() {
        let cases = [
            (0x1_0005, 4, Some(0x1_0004)),
            (0x1_0005, 0xffff, Some(0xffff)),
            (0x1_ffff, 0, Some(0x2_0000)),
            (5, 0xffff, None),
            (0x1_0000, 0x8000, Some(0x8000)),
        ];
        for (near, seq, want) in cases {
            assert_eq!(SeqExt(near).nearest(Seq(seq)), want.map(SeqExt), "{near:x} {seq:x}");
        }
        assert_eq!(SeqExt::first(Seq(3)).nearest(Seq(0xfffe)), Some(SeqExt(0xfffe)));
        assert_eq!((SeqExt(0x7_0009).roc(), SeqExt(0x7_0009).seq()), (7, Seq(9)));
    }

    #[test]
    fn media_time_wraps() {
        assert_eq!(RtpTime(3).since(RtpTime(u32::MAX)), 4);
        assert_eq!(RtpTime(2).extend(0xffff_fffe), 0x1_0000_0002);
        assert_eq!(RtpTime(u32::MAX).extend(1), -1);
        assert_eq!(ticks(Duration::from_millis(20), 48_000), 960);
        assert_eq!(ticks_to_duration(2_970, 90_000), Duration::from_millis(33));
        assert_eq!(ticks_to_duration(1, 0), Duration::ZERO);
    }

    #[test]
    fn rtcp_is_told_from_rtp_by_its_second_byte() {
        assert!(is_rtcp(&[0x80, 200]) && is_rtcp(&[0x8f, 205]));
        assert!(!is_rtcp(&[0x80, 96]) && !is_rtcp(&[0x80, 0x80 | 96]) && !is_rtcp(&[0x80]));
    }
}

//! RTP header extensions: the two element forms of RFC 8285, and the values that Carillon reads and writes.

use crate::rtp::set_extension_bit;
use crate::wire::{u8_at, u16_at, u24_at, u64_at};
use std::fmt;
use std::ops::Range;
use std::time::Duration;

/// An element's id, as negotiated by `a=extmap`: 1…14 in the one-byte form, 1…255 in the two-byte form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExtId(pub u8);

/// The name of an m-section, or of a simulcast layer: 1…32 visible ASCII characters, kept without allocation.
macro_rules! short_text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name {
            text: [u8; 32],
            len: u8,
        }

        impl $name {
            /// Longest name in bytes.
            pub const MAX_BYTES: usize = 32;

            /// `None` where the name is empty, longer than 32 bytes, or not visible ASCII.
            pub fn new(name: &str) -> Option<Self> {
                Self::from_bytes(name.as_bytes())
            }

            /// As `new`, from an extension element.
            pub fn from_bytes(name: &[u8]) -> Option<Self> {
                let fits = !name.is_empty() && name.len() <= Self::MAX_BYTES && name.iter().all(u8::is_ascii_graphic);
                let mut text = [0; 32];
                text.get_mut(..name.len()).filter(|_| fits)?.copy_from_slice(name);
                Some(Self { text, len: name.len() as u8 })
            }

            pub fn as_bytes(&self) -> &[u8] {
                self.text.get(..usize::from(self.len)).unwrap_or_default()
            }

            pub fn as_str(&self) -> &str {
                str::from_utf8(self.as_bytes()).unwrap_or_default()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.as_str())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

short_text!(
    /// An m-section's name (RFC 9143).
    Mid
);
short_text!(
    /// A simulcast layer's name (RFC 8851).
    Rid
);

/// The extensions that Carillon knows by their URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ExtKind {
    Mid,
    Rid,
    /// On RTX packets: the `Rid` of the stream that they repair.
    RepairedRid,
    AudioLevel,
    AbsSendTime,
    TransportSeq,
    PlayoutDelay,
    VideoOrientation,
    TransmissionOffset,
    AbsCaptureTime,
    DependencyDescriptor,
}

impl ExtKind {
    pub const ALL: [Self; 11] = [
        Self::Mid,
        Self::Rid,
        Self::RepairedRid,
        Self::AudioLevel,
        Self::AbsSendTime,
        Self::TransportSeq,
        Self::PlayoutDelay,
        Self::VideoOrientation,
        Self::TransmissionOffset,
        Self::AbsCaptureTime,
        Self::DependencyDescriptor,
    ];

    /// The URI of `a=extmap`.
    pub fn uri(self) -> &'static str {
        match self {
            Self::Mid => "urn:ietf:params:rtp-hdrext:sdes:mid",
            Self::Rid => "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
            Self::RepairedRid => "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
            Self::AudioLevel => "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
            Self::AbsSendTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
            Self::TransportSeq => "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
            Self::PlayoutDelay => "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
            Self::VideoOrientation => "urn:3gpp:video-orientation",
            Self::TransmissionOffset => "urn:ietf:params:rtp-hdrext:toffset",
            Self::AbsCaptureTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
            Self::DependencyDescriptor => {
                "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
            }
        }
    }

    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.uri() == uri)
    }
}

/// Which id stands for which extension: what one transport negotiated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExtMap {
    ids: [Option<ExtId>; ExtKind::ALL.len()],
}

impl ExtMap {
    pub fn set(&mut self, kind: ExtKind, id: ExtId) {
        self.ids[kind as usize] = Some(id);
    }

    pub fn clear(&mut self, kind: ExtKind) {
        self.ids[kind as usize] = None;
    }

    pub fn id(&self, kind: ExtKind) -> Option<ExtId> {
        self.ids[kind as usize]
    }

    pub fn kind(&self, id: ExtId) -> Option<ExtKind> {
        ExtKind::ALL.into_iter().find(|k| self.id(*k) == Some(id))
    }
}

/// One element, and where its data lies in the packet (for rewriting in place).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element<'a> {
    pub id: ExtId,
    pub data: &'a [u8],
    pub range: Range<usize>,
}

/// The elements of one packet, in order. A broken element ends the walk (RFC 8285 section 4.1.2); what came before it counts.
#[derive(Debug, Clone, Default)]
pub struct Extensions<'a> {
    packet: &'a [u8],
    form: Option<ExtForm>,
    at: usize,
    end: usize,
}

/// How elements are written (RFC 8285 sections 4.2 and 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExtForm {
    /// Ids 1…14, 1…16 bytes of data.
    OneByte,
    /// Ids 1…255, 0…255 bytes of data. Only where `a=extmap-allow-mixed` or an id above 14 was negotiated.
    TwoByte,
}

impl<'a> Extensions<'a> {
    pub(crate) fn new(profile: u16, packet: &'a [u8], range: Range<usize>) -> Self {
        let form = match profile {
            0xbede => Some(ExtForm::OneByte),
            0x1000..=0x100f => Some(ExtForm::TwoByte),
            _ => None,
        };
        Self { packet, form, at: range.start, end: range.end.min(packet.len()) }
    }

    /// Id and length of the element at the cursor, which moves behind its header. `None` at the end.
    fn header(&mut self) -> Option<(ExtId, usize)> {
        loop {
            let byte = *self.packet.get(self.at..self.end)?.first()?;
            self.at += 1;
            if byte == 0 {
                continue;
            }
            return match self.form? {
                // RFC 8285 section 4.2: id 15 is reserved, nothing behind it may be read; id 0 is padding only
                // with length 0, but senders exist that set it, and skipping its data is what they mean.
                ExtForm::OneByte if byte >> 4 == 15 => None,
                ExtForm::OneByte => Some((ExtId(byte >> 4), usize::from(byte & 0x0f) + 1)),
                ExtForm::TwoByte => {
                    let len = *self.packet.get(self.at..self.end)?.first()?;
                    self.at += 1;
                    Some((ExtId(byte), usize::from(len)))
                }
            };
        }
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        loop {
            let step = self.header().filter(|(_, len)| self.at + len <= self.end);
            let Some((id, len)) = step else {
                self.at = self.end;
                return None;
            };
            let range = self.at..self.at + len;
            self.at = range.end;
            if id.0 != 0 {
                return Some(Element { id, data: self.packet.get(range.clone())?, range });
            }
        }
    }
}

/// Appends an extension block to a packet whose fixed header was just written.
///
/// `finish` sets the X bit and the length; a block without elements leaves no trace.
#[derive(Debug)]
pub struct ExtWriter<'a> {
    out: &'a mut Vec<u8>,
    packet_start: usize,
    block_start: usize,
    form: ExtForm,
}

impl<'a> ExtWriter<'a> {
    /// `packet_start`: where the packet starts in `out` (what `RtpFields::write` gave).
    pub fn new(out: &'a mut Vec<u8>, packet_start: usize, form: ExtForm) -> Self {
        let block_start = out.len();
        let profile: u16 = match form {
            ExtForm::OneByte => 0xbede,
            ExtForm::TwoByte => 0x1000,
        };
        out.extend_from_slice(&profile.to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        Self { out, packet_start, block_start, form }
    }

    /// Appends one element. False, with nothing written, where the form cannot carry it.
    pub fn add(&mut self, id: ExtId, data: &[u8]) -> bool {
        match (self.form, id.0, data.len()) {
            (ExtForm::OneByte, 1..=14, len @ 1..=16) => self.out.push((id.0 << 4) | (len - 1) as u8),
            (ExtForm::TwoByte, 1.., len @ 0..=255) => self.out.extend_from_slice(&[id.0, len as u8]),
            (ExtForm::OneByte | ExtForm::TwoByte, _, _) => return false,
        }
        self.out.extend_from_slice(data);
        true
    }

    /// Pads to 32 bits, fills in the length, sets the X bit.
    pub fn finish(self) {
        let data = self.out.len() - self.block_start - 4;
        if data == 0 {
            self.out.truncate(self.block_start);
            return;
        }
        let words = data.div_ceil(4);
        self.out.resize(self.block_start + 4 + 4 * words, 0);
        let length = u16::try_from(words).unwrap_or(u16::MAX).to_be_bytes();
        self.out[self.block_start + 2..self.block_start + 4].copy_from_slice(&length);
        if let Some(first) = self.out.get_mut(self.packet_start) {
            set_extension_bit(first);
        }
    }
}

/// Loudness of one packet's audio (RFC 6464 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioLevel {
    /// The sender's own voice detection.
    pub voice: bool,
    /// Attenuation in dB below overload: 0 loudest, 127 silence.
    pub minus_dbov: u8,
}

impl AudioLevel {
    pub fn parse(data: &[u8]) -> Option<Self> {
        let byte = *data.first()?;
        Some(Self { voice: byte & 0x80 != 0, minus_dbov: byte & 0x7f })
    }

    pub fn to_bytes(self) -> [u8; 1] {
        [(u8::from(self.voice) << 7) | (self.minus_dbov & 0x7f)]
    }
}

/// When a packet left its sender: 24 bits of seconds, 18 of them fraction, wrapping each 64 s
/// (webrtc.org/experiments/rtp-hdrext/abs-send-time).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AbsSendTime(u32);

impl AbsSendTime {
    pub fn parse(data: &[u8]) -> Option<Self> {
        u24_at(data, 0).ok().map(Self)
    }

    /// From a clock whose zero is anything; only differences mean something.
    pub fn from_clock(since_zero: Duration) -> Self {
        Self((((since_zero.as_micros() << 18) / 1_000_000) & 0xff_ffff) as u32)
    }

    pub fn to_bytes(self) -> [u8; 3] {
        let [_, a, b, c] = self.0.to_be_bytes();
        [a, b, c]
    }

    /// Microseconds from `earlier` to `self` on the shorter way round (±32 s).
    pub fn since_us(self, earlier: Self) -> i64 {
        let diff = self.0.wrapping_sub(earlier.0) << 8;
        (i64::from(diff.cast_signed() >> 8) * 1_000_000) >> 18
    }
}

/// Reads the transport-wide sequence number (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 2). Written as
/// two big-endian bytes.
pub fn parse_transport_seq(data: &[u8]) -> Option<u16> {
    u16_at(data, 0).ok()
}

/// What a receiver's jitter buffer may add (webrtc.org/experiments/rtp-hdrext/playout-delay), in steps of 10 ms, at
/// most 40,950 ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlayoutDelay {
    pub min_ms: u16,
    pub max_ms: u16,
}

impl PlayoutDelay {
    pub const LIMIT_MS: u16 = 40_950;

    pub fn parse(data: &[u8]) -> Option<Self> {
        let raw = u24_at(data, 0).ok()?;
        Some(Self { min_ms: (raw >> 12) as u16 * 10, max_ms: (raw & 0xfff) as u16 * 10 })
    }

    /// Rounded down to 10 ms, cut at the limit.
    pub fn to_bytes(self) -> [u8; 3] {
        let tens = |ms: u16| u32::from(ms.min(Self::LIMIT_MS) / 10);
        let [_, a, b, c] = ((tens(self.min_ms) << 12) | tens(self.max_ms)).to_be_bytes();
        [a, b, c]
    }
}

/// How to turn the picture (3GPP TS 26.114 section 7.4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoOrientation {
    pub back_camera: bool,
    pub flipped: bool,
    /// Quarter turns, 0…3.
    pub quarter_turns: u8,
}

impl VideoOrientation {
    pub fn parse(data: &[u8]) -> Option<Self> {
        let byte = u8_at(data, 0).ok()?;
        Some(Self { back_camera: byte & 8 != 0, flipped: byte & 4 != 0, quarter_turns: byte & 3 })
    }

    pub fn to_bytes(self) -> [u8; 1] {
        [(u8::from(self.back_camera) << 3) | (u8::from(self.flipped) << 2) | (self.quarter_turns & 3)]
    }
}

/// Ticks from a packet's RTP time to its sending (RFC 5450 section 3): 24 bits, signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransmissionOffset(pub i32);

impl TransmissionOffset {
    pub fn parse(data: &[u8]) -> Option<Self> {
        let raw = u24_at(data, 0).ok()?;
        Some(Self((raw << 8).cast_signed() >> 8))
    }

    pub fn to_bytes(self) -> [u8; 3] {
        let [_, a, b, c] = self.0.to_be_bytes();
        [a, b, c]
    }
}

/// When the media was captured, on the capturer's NTP clock (webrtc.org/experiments/rtp-hdrext/abs-capture-time).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbsCaptureTime {
    /// 32.32 fixed point.
    pub ntp: u64,
    /// The capturer's clock against the sender's: signed 32.32 fixed point.
    pub clock_offset: Option<i64>,
}

impl AbsCaptureTime {
    pub fn parse(data: &[u8]) -> Option<Self> {
        let ntp = u64_at(data, 0).ok()?;
        Some(Self { ntp, clock_offset: u64_at(data, 8).ok().map(u64::cast_signed) })
    }

    /// Appends 8 bytes, or 16 with an offset.
    pub fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.ntp.to_be_bytes());
        if let Some(offset) = self.clock_offset {
            out.extend_from_slice(&offset.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::{Pt, RtpFields, RtpHeader, RtpTime, Seq, Ssrc};

    fn packet(form: ExtForm, elements: &[(u8, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        let fields = RtpFields { marker: false, pt: Pt(96), seq: Seq(1), time: RtpTime(2), ssrc: Ssrc(3) };
        let start = fields.write(&mut out);
        let mut writer = ExtWriter::new(&mut out, start, form);
        for (id, data) in elements {
            assert!(writer.add(ExtId(*id), data));
        }
        writer.finish();
        out.extend_from_slice(b"payload");
        out
    }

    fn read(packet: &[u8]) -> Vec<(u8, Vec<u8>)> {
        let header = RtpHeader::parse(packet).expect("well-formed");
        assert_eq!(header.payload(packet), Ok(&b"payload"[..]));
        header.extensions(packet).map(|e| (e.id.0, e.data.to_vec())).collect()
    }

    #[test]
    fn what_is_written_is_read_in_both_forms() {
        let elements: &[(u8, &[u8])] = &[(1, b"0"), (14, &[7; 16]), (3, &[1, 2, 3])];
        for form in [ExtForm::OneByte, ExtForm::TwoByte] {
            let want: Vec<_> = elements.iter().map(|(id, d)| (*id, d.to_vec())).collect();
            assert_eq!(read(&packet(form, elements)), want);
        }
        let two_byte: &[(u8, &[u8])] = &[(200, &[]), (15, &[9; 255])];
        assert_eq!(read(&packet(ExtForm::TwoByte, two_byte)).len(), 2);
    }

    #[test]
    fn an_empty_block_leaves_no_trace() {
        let p = packet(ExtForm::OneByte, &[]);
        assert_eq!(p.len(), 12 + 7);
        assert_eq!(RtpHeader::parse(&p).map(|h| h.extension), Ok(None));
    }

    #[test]
    fn a_form_refuses_what_it_cannot_carry() {
        let mut out = vec![0x80; 12];
        let mut one = ExtWriter::new(&mut out, 0, ExtForm::OneByte);
        assert!(!one.add(ExtId(15), &[1]) && !one.add(ExtId(0), &[1]));
        assert!(!one.add(ExtId(1), &[]) && !one.add(ExtId(1), &[0; 17]));
        let mut two = ExtWriter::new(&mut out, 0, ExtForm::TwoByte);
        assert!(!two.add(ExtId(0), &[1]) && !two.add(ExtId(1), &[0; 256]));
    }

    #[test]
    fn a_broken_element_ends_the_walk() {
        let block = |profile, data: &'static [u8]| Extensions::new(profile, data, 0..data.len()).count();
        assert_eq!(block(0xbede, &[0x10, 1, 0x2f, 0]), 1, "longer than the block");
        assert_eq!(block(0xbede, &[0x10, 1, 0xf0, 1, 0x20, 1]), 1, "id 15 ends");
        assert_eq!(block(0xbede, &[0, 0, 0x10, 1, 0x01, 7, 7, 0x20, 2]), 2, "padding and id 0 are skipped");
        assert_eq!(block(0x1000, &[1, 0, 2, 9]), 1);
        assert_eq!(block(0x1000, &[1]), 0);
        assert_eq!(block(0xabac, &[0x10, 1]), 0, "unknown profile");
    }

    #[test]
    fn element_range_points_into_the_packet() {
        let mut p = packet(ExtForm::OneByte, &[(1, b"0"), (2, &[0, 0, 0])]);
        let header = RtpHeader::parse(&p).expect("well-formed");
        let range = header.extensions(&p).find(|e| e.id == ExtId(2)).map(|e| e.range).expect("present");
        p[range].copy_from_slice(&[1, 2, 3]);
        assert_eq!(header.extension(&p, ExtId(2)), Some(&[1, 2, 3][..]));
    }

    #[test]
    fn values_survive_their_round_trip() {
        for byte in 0..=255u8 {
            assert_eq!(AudioLevel::parse(&[byte]).map(AudioLevel::to_bytes), Some([byte]));
        }
        let delay = PlayoutDelay { min_ms: 400, max_ms: PlayoutDelay::LIMIT_MS };
        assert_eq!(PlayoutDelay::parse(&delay.to_bytes()), Some(delay));
        for ticks in [0, 1, -1, 0x7f_ffff, -0x80_0000] {
            assert_eq!(
                TransmissionOffset::parse(&TransmissionOffset(ticks).to_bytes()),
                Some(TransmissionOffset(ticks))
            );
        }
        let turn = VideoOrientation { back_camera: true, flipped: false, quarter_turns: 3 };
        assert_eq!(VideoOrientation::parse(&turn.to_bytes()), Some(turn));
        for clock_offset in [None, Some(-5)] {
            let mut out = Vec::new();
            let time = AbsCaptureTime { ntp: 77, clock_offset };
            time.write(&mut out);
            assert_eq!(AbsCaptureTime::parse(&out), Some(time));
        }
    }

    #[test]
    fn send_time_measures_across_its_wrap() {
        let at = |ms| AbsSendTime::from_clock(Duration::from_millis(ms));
        for (from, to) in [(0, 20), (63_990, 64_010), (1_000, 990)] {
            let want = (to as i64 - from as i64) * 1_000;
            assert!((at(to).since_us(at(from)) - want).abs() < 8, "{from} {to}");
        }
        assert_eq!(AbsSendTime::parse(&at(1_000).to_bytes()), Some(at(1_000)));
    }

    #[test]
    fn every_uri_names_its_kind() {
        for kind in ExtKind::ALL {
            assert_eq!(ExtKind::from_uri(kind.uri()), Some(kind));
        }
        let mut map = ExtMap::default();
        map.set(ExtKind::Mid, ExtId(4));
        assert_eq!((map.id(ExtKind::Mid), map.kind(ExtId(4))), (Some(ExtId(4)), Some(ExtKind::Mid)));
        map.clear(ExtKind::Mid);
        assert_eq!(map, ExtMap::default());
    }

    #[test]
    fn names_are_short_and_visible() {
        assert_eq!(Mid::new("audio0").map(|m| m.to_string()), Some("audio0".into()));
        assert!(Mid::new("0") < Mid::new("1") && Rid::new("a") < Rid::new("ab"));
        for bad in ["", "a b", "é", &"x".repeat(33)] {
            assert_eq!(Rid::new(bad), None);
        }
    }
}

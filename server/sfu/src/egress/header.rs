//! The header of a forwarded packet: a template with the extensions that this subscriber negotiated, and what changes
//! from packet to packet written over it.

use crate::ingress::Packet;
use crate::transport::{ExtensionIds, Kind};
use carillon_proto::rtp::{FIXED_HEADER_BYTES, Pt, RtpFields, RtpTime, SeqExt, Ssrc};
use carillon_proto::rtp_ext::{AbsSendTime, PlayoutDelay};

/// Fixed header, block header, and every element at its longest.
const TEMPLATE_BYTES: usize = 48;
/// The first byte's X bit (RFC 3550 section 5.1).
const EXTENSION_BIT: u8 = 0x10;
/// Where the block's elements begin, and the end of those that change from packet to packet.
const ELEMENTS_AT: usize = FIXED_HEADER_BYTES + 4;
const MOMENT_END: usize = ELEMENTS_AT + 8;

/// The level of a packet that tells none (RFC 6464 section 3).
const LEVEL_SILENT: u8 = 0x7f;

/// One-byte elements (RFC 8285 section 4.2) in fixed places, first those that change from packet to packet: they lie in
/// the third word of eight bytes. Words are made in registers and written once each, because reading in larger pieces
/// what was just written in smaller ones waits for all writes before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Template {
    bytes: [u8; TEMPLATE_BYTES],
    len: u8,
    /// How far left the data of an element stands in the third word. `None` where it was not negotiated.
    level_shift: Option<u8>,
    abs_send_time_shift: Option<u8>,
    transport_seq_shift: Option<u8>,
    /// Where its data begins; zero where it was not negotiated.
    playout_at: u8,
    orientation_id: u8,
    content_type_id: u8,
}

/// What the packet's own moment decides.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    pub(crate) pt: u8,
    pub(crate) ssrc: u32,
    pub(crate) seq: SeqExt,
    pub(crate) time: RtpTime,
    pub(crate) sent: AbsSendTime,
    pub(crate) transport_seq: u16,
}

impl Template {
    /// Audio gets no element that depends on when a packet leaves: its repeats are the same bytes under the same
    /// number, perhaps a second later (RFC 7714 section 10 forbids others).
    pub(crate) fn new(kind: Kind, mid: &str, ids: &ExtensionIds, playout: PlayoutDelay) -> Self {
        let mut template = Self {
            bytes: [0; TEMPLATE_BYTES],
            len: FIXED_HEADER_BYTES as u8,
            level_shift: None,
            abs_send_time_shift: None,
            transport_seq_shift: None,
            playout_at: 0,
            orientation_id: 0,
            content_type_id: 0,
        };
        template.bytes[12..14].copy_from_slice(&0xbede_u16.to_be_bytes());
        let mut end = ELEMENTS_AT;
        match kind {
            Kind::Audio => template.level_shift = template.add_moment(&mut end, ids.audio_level, 1),
            Kind::Video => {
                template.abs_send_time_shift = template.add_moment(&mut end, ids.abs_send_time, 3);
                template.transport_seq_shift = template.add_moment(&mut end, ids.transport_cc, 2);
                template.playout_at = template.add(&mut end, ids.playout_delay, &playout.to_bytes());
                let usable = |id: Option<u8>| id.filter(|id| (1..15).contains(id)).unwrap_or(0);
                template.orientation_id = usable(ids.video_orientation);
                template.content_type_id = usable(ids.content_type);
            }
        }
        template.add(&mut end, ids.mid, mid.as_bytes());
        template.close(end);
        template
    }

    /// True where the same packet has the same header whenever it leaves.
    pub(crate) fn is_timeless(&self) -> bool {
        self.abs_send_time_shift.is_none() && self.transport_seq_shift.is_none()
    }

    pub(crate) fn has_transport_seq(&self) -> bool {
        self.transport_seq_shift.is_some()
    }

    /// Packets carry it from now on, where it was negotiated.
    pub(crate) fn set_playout(&mut self, playout: PlayoutDelay) {
        if let at @ 1.. = usize::from(self.playout_at) {
            self.bytes[at..at + 3].copy_from_slice(&playout.to_bytes());
        }
    }

    /// See `room::ahead`.
    pub(crate) fn read_ahead(&self) -> u64 {
        u64::from(self.bytes[0] ^ self.bytes[TEMPLATE_BYTES - 1] ^ self.content_type_id)
    }

    /// Appends the header of `packet` as this subscriber gets it.
    pub(crate) fn write(&self, out: &mut Vec<u8>, packet: &Packet, stamp: &Stamp) {
        let fields = RtpFields {
            marker: packet.marker,
            pt: Pt(stamp.pt),
            seq: stamp.seq.seq(),
            time: stamp.time,
            ssrc: Ssrc(stamp.ssrc),
        };
        let first = fields.first_word() | u64::from(self.bytes[0] & EXTENSION_BIT) << 56;
        let second = u64::from(stamp.ssrc) << 32 | self.word(8) & 0xffff_ffff;
        let start = out.len();
        out.extend_from_slice(&first.to_be_bytes());
        out.extend_from_slice(&second.to_be_bytes());
        out.extend_from_slice(&self.third_word(packet, stamp).to_be_bytes());
        match usize::from(self.len) {
            len @ ..=MOMENT_END => out.truncate(start + len),
            len => out.extend_from_slice(&self.bytes[MOMENT_END..len]),
        }
        append_last(
            out,
            start,
            [(self.orientation_id, packet.orientation), (self.content_type_id, packet.content_type)],
        );
    }

    fn third_word(&self, packet: &Packet, stamp: &Stamp) -> u64 {
        let at = |shift: Option<u8>, value: u32| shift.map_or(0, |shift| u64::from(value) << shift);
        let [high, middle, low] = stamp.sent.to_bytes();
        let sent = u32::from_be_bytes([0, high, middle, low]);
        let level = u32::from(packet.level.unwrap_or(LEVEL_SILENT));
        self.word(ELEMENTS_AT)
            | at(self.level_shift, level)
            | at(self.abs_send_time_shift, sent)
            | at(self.transport_seq_shift, u32::from(stamp.transport_seq))
    }

    /// Eight bytes of the template.
    fn word(&self, at: usize) -> u64 {
        self.bytes[at..].first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
    }

    /// An element of `len` bytes that each packet fills: at most eight bytes in all with their headings.
    fn add_moment(&mut self, end: &mut usize, id: Option<u8>, len: usize) -> Option<u8> {
        let at = self.add(end, id, &[0; 3][..len]);
        (at != 0).then(|| 8 * (MOMENT_END - usize::from(at) - len) as u8)
    }

    /// Yields where the data begins; zero where it has no id or does not fit.
    fn add(&mut self, end: &mut usize, id: Option<u8>, data: &[u8]) -> u8 {
        let Some(id) = id.filter(|id| (1..15).contains(id)) else { return 0 };
        let at = *end + 1;
        let fits = (1..=16).contains(&data.len());
        let Some(place) = self.bytes.get_mut(at..at + data.len()).filter(|_| fits) else { return 0 };
        place.copy_from_slice(data);
        self.bytes[*end] = id << 4 | (data.len() - 1) as u8;
        *end = at + data.len();
        at as u8
    }

    fn close(&mut self, end: usize) {
        let data = end - ELEMENTS_AT;
        if data == 0 {
            return;
        }
        let words = data.div_ceil(4);
        self.bytes[0] = EXTENSION_BIT;
        self.bytes[15] = words as u8;
        self.len = (ELEMENTS_AT + 4 * words) as u8;
    }
}

/// One more word for the elements of one byte that only the last packet of a frame carries, and not in every stream.
fn append_last(out: &mut Vec<u8>, start: usize, elements: [(u8, Option<u8>); 2]) {
    let mut word = [0; 4];
    let mut end = 0;
    for (id, value) in elements {
        if let (1.., Some(value)) = (id, value) {
            word[end..end + 2].copy_from_slice(&[id << 4, value]);
            end += 2;
        }
    }
    if end == 0 {
        return;
    }
    if out[start] & EXTENSION_BIT == 0 {
        out[start] |= EXTENSION_BIT;
        out.extend_from_slice(&[0xbe, 0xde, 0, 0]);
    }
    out.extend_from_slice(&word);
    out[start + 15] += 1;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;
    use bytes::Bytes;
    use carillon_proto::rtp::{RtpHeader, Seq};
    use carillon_proto::rtp_ext::ExtId;
    use std::time::Duration;

    const ALL: ExtensionIds = ExtensionIds {
        mid: Some(1),
        rid: Some(2),
        repaired_rid: Some(3),
        audio_level: Some(4),
        abs_send_time: Some(5),
        transport_cc: Some(6),
        playout_delay: Some(7),
        video_orientation: Some(8),
        content_type: Some(9),
    };

    fn read(template: &Template, packet: &Packet) -> Vec<(u8, Vec<u8>)> {
        let stamp = Stamp {
            pt: 100,
            ssrc: 9,
            seq: SeqExt(0x1_0002),
            time: RtpTime(3),
            sent: AbsSendTime::from_clock(Duration::from_secs(1)),
            transport_seq: 0x0102,
        };
        let mut out = vec![0xee; 7];
        template.write(&mut out, packet, &stamp);
        let header = RtpHeader::parse(&out[7..]).expect("well-formed");
        assert_eq!((header.pt, header.seq, header.time, header.ssrc), (Pt(100), Seq(2), RtpTime(3), Ssrc(9)));
        assert_eq!((header.marker, header.header_bytes), (packet.marker, out.len() - 7));
        for id in 1..15 {
            assert!(header.extensions(&out[7..]).filter(|e| e.id == ExtId(id)).count() <= 1);
        }
        header.extensions(&out[7..]).map(|e| (e.id.0, e.data.to_vec())).collect()
    }

    fn packet() -> Packet {
        let packet = Packet::for_test(1, start(), Bytes::from_static(b"x"));
        Packet { marker: true, level: Some(0x85), orientation: Some(1), content_type: Some(2), ..packet }
    }

    #[test]
    fn video_carries_what_was_negotiated() {
        let template = Template::new(Kind::Video, "17", &ALL, PlayoutDelay { min_ms: 0, max_ms: 4_000 });
        let got = read(&template, &packet());
        let sent = AbsSendTime::from_clock(Duration::from_secs(1)).to_bytes().to_vec();
        let want = [(5, sent), (6, vec![1, 2]), (7, vec![0, 1, 0x90]), (1, b"17".to_vec())];
        let last = [(8, vec![1]), (9, vec![2])];
        assert_eq!(got, want.into_iter().chain(last).collect::<Vec<_>>());
        assert!(!template.is_timeless() && template.has_transport_seq());
    }

    #[test]
    fn audio_carries_nothing_that_depends_on_time() {
        let template = Template::new(Kind::Audio, "0", &ALL, PlayoutDelay { min_ms: 0, max_ms: 0 });
        assert_eq!(read(&template, &packet()), [(4, vec![0x85]), (1, b"0".to_vec())]);
        assert!(template.is_timeless());
    }

    #[test]
    fn without_extensions_there_is_no_block() {
        let template = Template::new(Kind::Video, "0", &ExtensionIds::default(), PlayoutDelay { min_ms: 0, max_ms: 0 });
        assert_eq!((read(&template, &packet()), usize::from(template.len)), (vec![], FIXED_HEADER_BYTES));
    }

    #[test]
    fn the_longest_names_fit_or_are_left_out() {
        let none = PlayoutDelay { min_ms: 0, max_ms: 0 };
        let longest = "m".repeat(16);
        let template = Template::new(Kind::Video, &longest, &ALL, none);
        assert_eq!(read(&template, &packet()).len(), 6);
        let template = Template::new(Kind::Video, &"m".repeat(17), &ALL, none);
        assert_eq!(read(&template, &packet()).len(), 5);
    }

    #[test]
    fn one_of_the_last_elements_alone_opens_a_block() {
        let none = ExtensionIds::default();
        let orientation = ExtensionIds { video_orientation: Some(8), ..none };
        let content_type = ExtensionIds { content_type: Some(9), ..none };
        for (ids, want) in [(orientation, (8, vec![1])), (content_type, (9, vec![2]))] {
            let template = Template::new(Kind::Video, "0", &ids, PlayoutDelay { min_ms: 0, max_ms: 0 });
            assert_eq!(read(&template, &packet()), [want]);
        }
    }
}

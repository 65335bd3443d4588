//! Retransmissions in a stream of their own (RFC 4588 section 4): the original sequence number, then the payload.

use crate::rtp::{Pt, RtpFields, RtpHeader, Seq, Ssrc};
use crate::wire::u16_at;

/// What stands before the original payload: OSN.
pub const OSN_BYTES: usize = 2;

/// The original sequence number and payload of a decrypted RTX packet's payload. `None` where it carries no original
/// (padding sent as a bandwidth probe).
pub fn unwrap(payload: &[u8]) -> Option<(Seq, &[u8])> {
    let seq = Seq(u16_at(payload, 0).ok()?);
    payload.get(OSN_BYTES..).filter(|rest| !rest.is_empty()).map(|rest| (seq, rest))
}

/// Turns a decrypted RTX packet into the packet that it repairs, in place: the header moves two bytes up over the OSN
/// and gets the original's number, SSRC and payload type. Extensions are those of the RTX packet.
///
/// The repaired packet starts at `OSN_BYTES` of `packet`. `None`, with `packet` untouched, where there is no original.
pub fn unwrap_in_place<'a>(packet: &'a mut [u8], header: &RtpHeader, ssrc: Ssrc, pt: Pt) -> Option<&'a mut [u8]> {
    let (seq, _) = unwrap(header.payload(packet).ok()?)?;
    packet.copy_within(..header.header_bytes, OSN_BYTES);
    let original = packet.get_mut(OSN_BYTES..)?;
    let fields = RtpFields { pt, seq, ssrc, ..header.fields() };
    fields.rewrite(original).then_some(original)
}

/// Appends the payload of an RTX packet; its header was written before, with the RTX stream's own number.
pub fn write_payload(out: &mut Vec<u8>, original: Seq, payload: &[u8]) {
    out.extend_from_slice(&original.0.to_be_bytes());
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::{RtpTime, pad};
    use crate::rtp_ext::{ExtForm, ExtId, ExtWriter};

    fn rtx_packet(payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let start =
            RtpFields { marker: true, pt: Pt(97), seq: Seq(500), time: RtpTime(9), ssrc: Ssrc(2) }.write(&mut out);
        let mut ext = ExtWriter::new(&mut out, start, ExtForm::OneByte);
        assert!(ext.add(ExtId(4), b"0"));
        ext.finish();
        if !payload.is_empty() {
            write_payload(&mut out, Seq(41), payload);
        }
        out
    }

    #[test]
    fn the_original_comes_back() {
        let mut packet = rtx_packet(b"picture");
        pad(&mut packet, 0, 3);
        let header = RtpHeader::parse(&packet).expect("well-formed");
        let original = unwrap_in_place(&mut packet, &header, Ssrc(1), Pt(96)).expect("has an original");
        let header = RtpHeader::parse(original).expect("well-formed");
        assert_eq!((header.ssrc, header.pt, header.seq), (Ssrc(1), Pt(96), Seq(41)));
        assert!(header.marker && header.time == RtpTime(9));
        assert_eq!(header.payload(original), Ok(&b"picture"[..]));
        assert_eq!(header.extension(original, ExtId(4)), Some(&b"0"[..]));
    }

    #[test]
    fn a_probe_has_no_original() {
        let mut packet = rtx_packet(b"");
        pad(&mut packet, 0, 200);
        let before = packet.clone();
        let header = RtpHeader::parse(&packet).expect("well-formed");
        assert_eq!(unwrap_in_place(&mut packet, &header, Ssrc(1), Pt(96)), None);
        assert_eq!(packet, before);
        assert_eq!(unwrap(&[0, 1]), None);
        assert_eq!(unwrap(&[0]), None);
    }
}

//! RTCP: compound packets read in place, and builders that append to a buffer (RFC 3550 section 6, RFC 4585, 5104, 3611).
//!
//! `RTCP.md` beside this crate says type by type what Carillon consumes, makes and ignores.

pub mod bye;
pub mod fir;
pub mod nack;
pub mod ntp;
pub mod pli;
pub mod receiver_report;
pub mod remb;
pub mod report_block;
pub mod sdes;
pub mod sender_report;
pub mod twcc;
pub mod xr;

pub use bye::Bye;
pub use fir::Fir;
pub use nack::Nack;
pub use ntp::{CompactNtp, NtpTime};
pub use pli::Pli;
pub use receiver_report::ReceiverReport;
pub use remb::Remb;
pub use report_block::ReportBlock;
pub use sdes::Sdes;
pub use sender_report::SenderReport;
pub use twcc::Twcc;
pub use xr::Xr;

use crate::rtp::Ssrc;
use crate::wire::{Malformed, u8_at, u16_at, u32_at};

const PT_SENDER_REPORT: u8 = 200;
const PT_RECEIVER_REPORT: u8 = 201;
const PT_SDES: u8 = 202;
const PT_BYE: u8 = 203;
const PT_TRANSPORT_FEEDBACK: u8 = 205;
const PT_PAYLOAD_FEEDBACK: u8 = 206;
const PT_XR: u8 = 207;

const FMT_NACK: u8 = 1;
const FMT_TWCC: u8 = 15;
const FMT_PLI: u8 = 1;
const FMT_FIR: u8 = 4;
const FMT_APPLICATION: u8 = 15;

/// One packet of a compound, borrowed from the datagram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rtcp<'a> {
    SenderReport(SenderReport<'a>),
    ReceiverReport(ReceiverReport<'a>),
    Sdes(Sdes<'a>),
    Bye(Bye<'a>),
    Nack(Nack<'a>),
    Pli(Pli),
    Fir(Fir<'a>),
    Remb(Remb<'a>),
    Twcc(Twcc<'a>),
    Xr(Xr<'a>),
    /// Well-formed, of a type that Carillon does not read (APP, SLI, RPSI, RFC 8888 …).
    Other {
        packet_type: u8,
        count: u8,
    },
}

/// The packets of a decrypted RTCP datagram, in order. A packet whose body is broken yields its error and the walk goes
/// on behind it; a broken common header ends the walk with an error. Reduced-size RTCP is accepted (RFC 5506).
pub fn packets(datagram: &[u8]) -> Packets<'_> {
    Packets { rest: datagram }
}

#[derive(Debug, Clone)]
pub struct Packets<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Packets<'a> {
    type Item = Result<Rtcp<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        match Raw::split(self.rest) {
            Ok((raw, rest)) => {
                self.rest = rest;
                Some(raw.read())
            }
            Err(error) => {
                self.rest = &[];
                Some(Err(error))
            }
        }
    }
}

/// A packet with its common header taken off.
struct Raw<'a> {
    packet_type: u8,
    /// Report count or feedback message type.
    count: u8,
    /// Without padding.
    body: &'a [u8],
}

impl<'a> Raw<'a> {
    /// The first packet of `bytes`, and what follows it.
    fn split(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), Malformed> {
        let first = u8_at(bytes, 0)?;
        if first >> 6 != 2 {
            return Err(Malformed::Version);
        }
        let end = 4 + 4 * usize::from(u16_at(bytes, 2)?);
        let (packet, rest) = bytes.split_at_checked(end).ok_or(Malformed::Truncated)?;
        let mut body = packet.get(4..).unwrap_or_default();
        if first & 0x20 != 0 {
            body = without_padding(body)?;
        }
        Ok((Self { packet_type: u8_at(bytes, 1)?, count: first & 0x1f, body }, rest))
    }

    fn read(&self) -> Result<Rtcp<'a>, Malformed> {
        let &Self { packet_type, count, body } = self;
        Ok(match (packet_type, count) {
            (PT_SENDER_REPORT, _) => Rtcp::SenderReport(SenderReport::parse(count, body)?),
            (PT_RECEIVER_REPORT, _) => Rtcp::ReceiverReport(ReceiverReport::parse(count, body)?),
            (PT_SDES, _) => Rtcp::Sdes(Sdes::parse(count, body)?),
            (PT_BYE, _) => Rtcp::Bye(Bye::parse(count, body)?),
            (PT_TRANSPORT_FEEDBACK, FMT_NACK) => Rtcp::Nack(Nack::parse(body)?),
            (PT_TRANSPORT_FEEDBACK, FMT_TWCC) => Rtcp::Twcc(Twcc::parse(body)?),
            (PT_PAYLOAD_FEEDBACK, FMT_PLI) => Rtcp::Pli(Pli::parse(body)?),
            (PT_PAYLOAD_FEEDBACK, FMT_FIR) => Rtcp::Fir(Fir::parse(body)?),
            (PT_PAYLOAD_FEEDBACK, FMT_APPLICATION) if Remb::is_remb(body) => Rtcp::Remb(Remb::parse(body)?),
            (PT_XR, _) => Rtcp::Xr(Xr::parse(body)?),
            (_, _) => Rtcp::Other { packet_type, count },
        })
    }
}

/// RFC 3550 section 6.4.1: the last byte counts the padding with itself. It says a multiple of four, yet transport-cc
/// feedback is padded from where its deltas end, by Chromium and str0m alike.
fn without_padding(body: &[u8]) -> Result<&[u8], Malformed> {
    let count = usize::from(body.last().copied().ok_or(Malformed::Padding)?);
    body.len().checked_sub(count).filter(|_| count != 0).and_then(|n| body.get(..n)).ok_or(Malformed::Padding)
}

/// Sender and media source, which open every feedback packet (RFC 4585 section 6.1).
fn feedback_sources(body: &[u8]) -> Result<(Ssrc, Ssrc), Malformed> {
    Ok((Ssrc(u32_at(body, 0)?), Ssrc(u32_at(body, 4)?)))
}

/// Writes the common header; `end` fills in its length.
fn begin(out: &mut Vec<u8>, packet_type: u8, count: u8) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0x80 | (count & 0x1f), packet_type, 0, 0]);
    start
}

fn begin_feedback(out: &mut Vec<u8>, packet_type: u8, format: u8, sender: Ssrc, media: Ssrc) -> usize {
    let start = begin(out, packet_type, format);
    put_u32(out, sender.0);
    put_u32(out, media.0);
    start
}

/// Pads to 32 bits with zeros and fills in the length of the packet that starts at `start`.
fn end(out: &mut Vec<u8>, start: usize) {
    let words = (out.len() - start).div_ceil(4);
    out.resize(start + 4 * words, 0);
    let length = u16::try_from(words - 1).unwrap_or(u16::MAX).to_be_bytes();
    out[start + 2..start + 4].copy_from_slice(&length);
}

fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::Seq;

    #[test]
    fn a_compound_is_walked_in_order() {
        let mut out = Vec::new();
        receiver_report::write(&mut out, Ssrc(1), &[]);
        sdes::write_cname(&mut out, Ssrc(1), "cname");
        nack::write(&mut out, Ssrc(1), Ssrc(2), &[Seq(9)]);
        pli::write(&mut out, Ssrc(1), Ssrc(2));
        let kinds: Vec<_> = packets(&out).collect::<Result<_, _>>().expect("all well-formed");
        assert!(matches!(
            kinds[..],
            [Rtcp::ReceiverReport(_), Rtcp::Sdes(_), Rtcp::Nack(_), Rtcp::Pli(Pli { media: Ssrc(2), .. })]
        ));
    }

    #[test]
    fn a_broken_body_costs_that_packet_only() {
        let mut out = vec![0x81, PT_PAYLOAD_FEEDBACK, 0, 1, 0, 0, 0, 1]; // PLI without a media source
        pli::write(&mut out, Ssrc(1), Ssrc(2));
        let all: Vec<_> = packets(&out).collect();
        assert_eq!(all[0], Err(Malformed::Truncated));
        assert!(matches!(all[1..], [Ok(Rtcp::Pli(_))]));
    }

    #[test]
    fn a_broken_header_ends_the_walk() {
        for bytes in [&[0x80][..], &[0x80, 201, 0, 2, 0, 0, 0, 0], &[0x40, 201, 0, 0, 0x80, 201, 0, 0]] {
            assert_eq!(packets(bytes).filter(Result::is_err).count(), 1);
            assert_eq!(packets(bytes).count(), 1);
        }
    }

    #[test]
    fn padding_is_taken_off() {
        let mut padded = vec![0xa1, PT_PAYLOAD_FEEDBACK, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 4];
        assert!(matches!(packets(&padded).next(), Some(Ok(Rtcp::Pli(_)))));
        for bad in [0, 13, 16] {
            padded[15] = bad;
            assert_eq!(packets(&padded).next(), Some(Err(Malformed::Padding)), "{bad}");
        }
        assert_eq!(packets(&[0xa0, PT_BYE, 0, 0]).next(), Some(Err(Malformed::Padding)));
    }

    #[test]
    fn transport_feedback_may_be_padded_by_any_count() {
        let from_str0m = [0xaf, 0xcd, 0, 5, 12, 34, 97, 97, 123, 176, 178, 181, 0, 0, 0, 1, 0, 0, 0, 0, 0x20, 1, 0, 1];
        assert!(matches!(packets(&from_str0m).next(), Some(Ok(Rtcp::Twcc(_)))));
    }

    #[test]
    fn unread_types_are_named() {
        let app = [0x80, 204, 0, 2, 0, 0, 0, 1, b'n', b'a', b'm', b'e'];
        assert_eq!(packets(&app).next(), Some(Ok(Rtcp::Other { packet_type: 204, count: 0 })));
    }
}

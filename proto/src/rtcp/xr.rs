//! Extended reports, as far as they measure the round trip of a receiver that sends no media: receiver reference time
//! and DLRR (RFC 3611 sections 4.4 and 4.5).

use super::{CompactNtp, NtpTime, PT_XR, begin, end, put_u32};
use crate::rtp::Ssrc;
use crate::wire::{Malformed, u8_at, u16_at, u32_at, u64_at};

const BLOCK_RRTR: u8 = 4;
const BLOCK_DLRR: u8 = 5;

/// The blocks of one packet, their lengths checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Xr<'a> {
    pub sender: Ssrc,
    blocks: &'a [u8],
}

/// One thing that an extended report says. Other block types are skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum XrItem {
    /// The receiver's clock when it sent this.
    ReferenceTime(NtpTime),
    /// The answer to a reference time that `receiver` sent.
    Dlrr(Dlrr),
}

/// Delay since the last receiver reference time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dlrr {
    pub receiver: Ssrc,
    /// LRR: that report's time; zero where none came.
    pub last_report: CompactNtp,
    /// DLRR: from its arrival to this packet, in 1/65536 s.
    pub delay: u32,
}

impl<'a> Xr<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let sender = Ssrc(u32_at(body, 0)?);
        let blocks = body.get(4..).unwrap_or_default();
        let mut at = 0;
        while at < blocks.len() {
            at += 4 + 4 * usize::from(u16_at(blocks, at + 2)?);
        }
        if at == blocks.len() { Ok(Self { sender, blocks }) } else { Err(Malformed::Length) }
    }

    pub fn items(&self) -> impl Iterator<Item = XrItem> + use<'a> {
        let mut rest = self.blocks;
        let blocks = std::iter::from_fn(move || {
            let end = 4 + 4 * usize::from(u16_at(rest, 2).ok()?);
            let (block, after) = rest.split_at_checked(end)?;
            rest = after;
            Some((u8_at(block, 0).ok()?, block.get(4..)?))
        });
        blocks.flat_map(|(kind, body)| items_of(kind, body))
    }
}

fn items_of(kind: u8, body: &[u8]) -> impl Iterator<Item = XrItem> + use<'_> {
    let time = (kind == BLOCK_RRTR).then(|| u64_at(body, 0).ok()).flatten();
    let delays = if kind == BLOCK_DLRR { body } else { &[] };
    let delays = delays.chunks_exact(12).filter_map(|b| {
        let last_report = CompactNtp(u32_at(b, 4).ok()?);
        Some(Dlrr { receiver: Ssrc(u32_at(b, 0).ok()?), last_report, delay: u32_at(b, 8).ok()? })
    });
    time.map(|t| XrItem::ReferenceTime(NtpTime(t))).into_iter().chain(delays.map(XrItem::Dlrr))
}

/// Appends a packet with one receiver reference time block.
pub fn write_reference_time(out: &mut Vec<u8>, sender: Ssrc, ntp: NtpTime) {
    let start = begin(out, PT_XR, 0);
    put_u32(out, sender.0);
    out.extend_from_slice(&[BLOCK_RRTR, 0, 0, 2]);
    out.extend_from_slice(&ntp.0.to_be_bytes());
    end(out, start);
}

/// Appends a packet with one DLRR block; answers past the 100th are left out, an empty list writes nothing.
pub fn write_dlrr(out: &mut Vec<u8>, sender: Ssrc, answers: &[Dlrr]) {
    let answers = &answers[..answers.len().min(100)];
    if answers.is_empty() {
        return;
    }
    let start = begin(out, PT_XR, 0);
    put_u32(out, sender.0);
    out.extend_from_slice(&[BLOCK_DLRR, 0]);
    out.extend_from_slice(&(3 * answers.len() as u16).to_be_bytes());
    for answer in answers {
        put_u32(out, answer.receiver.0);
        put_u32(out, answer.last_report.0);
        put_u32(out, answer.delay);
    }
    end(out, start);
}

#[cfg(test)]
mod tests {
    use super::super::{Rtcp, packets};
    use super::*;

    #[test]
    fn both_blocks_survive_their_round_trip() {
        let answers = [1, 2].map(|n| Dlrr { receiver: Ssrc(n), last_report: CompactNtp(n + 5), delay: n + 9 });
        let mut out = Vec::new();
        write_reference_time(&mut out, Ssrc(1), NtpTime(77));
        write_dlrr(&mut out, Ssrc(1), &answers);
        write_dlrr(&mut out, Ssrc(1), &[]);
        let mut items = Vec::new();
        for packet in packets(&out) {
            let Ok(Rtcp::Xr(xr)) = packet else { panic!() };
            items.extend(xr.items());
        }
        assert_eq!(items[0], XrItem::ReferenceTime(NtpTime(77)));
        assert_eq!(items[1..], answers.map(XrItem::Dlrr));
    }

    #[test]
    fn unknown_blocks_are_skipped_and_broken_lengths_refused() {
        let body = [0, 0, 0, 1, 99, 0, 0, 1, 1, 2, 3, 4, 4, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 9];
        let xr = Xr::parse(&body).expect("well-formed");
        assert_eq!(xr.items().collect::<Vec<_>>(), [XrItem::ReferenceTime(NtpTime(9))]);
        assert_eq!(Xr::parse(&[0, 0, 0, 1, 4, 0, 0, 9]), Err(Malformed::Length));
    }
}

//! Sender reports (RFC 3550 section 6.4.1).

use super::report_block::{self, ReportBlock};
use super::{NtpTime, PT_SENDER_REPORT, begin, end, put_u32};
use crate::rtp::{RtpTime, Ssrc};
use crate::wire::{Malformed, u32_at, u64_at};

/// What a sender says about its own stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderInfo {
    pub ssrc: Ssrc,
    /// Wall clock and media clock at the same moment.
    pub ntp: NtpTime,
    pub rtp_time: RtpTime,
    /// Since the stream began, wrapping.
    pub packets: u32,
    /// Payload bytes since the stream began, wrapping.
    pub octets: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderReport<'a> {
    pub info: SenderInfo,
    blocks: &'a [u8],
}

impl<'a> SenderReport<'a> {
    pub(super) fn parse(count: u8, body: &'a [u8]) -> Result<Self, Malformed> {
        let info = SenderInfo {
            ssrc: Ssrc(u32_at(body, 0)?),
            ntp: NtpTime(u64_at(body, 4)?),
            rtp_time: RtpTime(u32_at(body, 12)?),
            packets: u32_at(body, 16)?,
            octets: u32_at(body, 20)?,
        };
        Ok(Self { info, blocks: report_block::take(body, 24, count)? })
    }

    pub fn blocks(&self) -> impl Iterator<Item = ReportBlock> + use<'a> {
        report_block::blocks(self.blocks)
    }
}

/// Appends a sender report; blocks past the 31st are left out.
pub fn write(out: &mut Vec<u8>, info: &SenderInfo, blocks: &[ReportBlock]) {
    let blocks = &blocks[..blocks.len().min(report_block::MAX_BLOCKS)];
    let start = begin(out, PT_SENDER_REPORT, blocks.len() as u8);
    put_u32(out, info.ssrc.0);
    out.extend_from_slice(&info.ntp.0.to_be_bytes());
    put_u32(out, info.rtp_time.0);
    put_u32(out, info.packets);
    put_u32(out, info.octets);
    blocks.iter().for_each(|b| b.write(out));
    end(out, start);
}

#[cfg(test)]
mod tests {
    use super::super::{CompactNtp, Rtcp, packets, receiver_report};
    use super::*;

    fn block(ssrc: u32, cumulative_lost: i32) -> ReportBlock {
        ReportBlock {
            ssrc: Ssrc(ssrc),
            fraction_lost: 13,
            cumulative_lost,
            highest_seq: 0x1_0002,
            jitter: 3,
            last_sender_report: CompactNtp(4),
            delay_since_last: 5,
        }
    }

    #[test]
    fn both_reports_survive_their_round_trip() {
        let info =
            SenderInfo { ssrc: Ssrc(1), ntp: NtpTime(2 << 40), rtp_time: RtpTime(3), packets: 4, octets: u32::MAX };
        let blocks = [block(7, -1), block(8, 0x7f_ffff)];
        let mut out = Vec::new();
        write(&mut out, &info, &blocks);
        receiver_report::write(&mut out, Ssrc(9), &blocks);
        let read: Vec<_> = packets(&out).collect::<Result<_, _>>().expect("well-formed");
        let [Rtcp::SenderReport(sr), Rtcp::ReceiverReport(rr)] = read[..] else { panic!("{read:?}") };
        assert_eq!(sr.info, info);
        assert_eq!(sr.blocks().collect::<Vec<_>>(), blocks);
        assert_eq!((rr.sender, rr.blocks().collect::<Vec<_>>()), (Ssrc(9), blocks.to_vec()));
    }

    #[test]
    fn loss_is_cut_at_24_bits() {
        let mut out = Vec::new();
        receiver_report::write(&mut out, Ssrc(9), &[block(1, i32::MAX), block(1, i32::MIN)]);
        let Some(Ok(Rtcp::ReceiverReport(rr))) = packets(&out).next() else { panic!() };
        assert_eq!(rr.blocks().map(|b| b.cumulative_lost).collect::<Vec<_>>(), [0x7f_ffff, -0x80_0000]);
    }

    #[test]
    fn more_blocks_than_the_count_holds_are_left_out() {
        let mut out = Vec::new();
        receiver_report::write(&mut out, Ssrc(9), &[block(1, 0); 40]);
        let Some(Ok(Rtcp::ReceiverReport(rr))) = packets(&out).next() else { panic!() };
        assert_eq!(rr.blocks().count(), report_block::MAX_BLOCKS);
    }

    #[test]
    fn missing_blocks_are_refused() {
        let report =
            [0x81, PT_SENDER_REPORT, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(packets(&report).next(), Some(Err(Malformed::Truncated)));
    }
}

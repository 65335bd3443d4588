//! Receiver reports (RFC 3550 section 6.4.2).

use super::report_block::{self, ReportBlock};
use super::{PT_RECEIVER_REPORT, begin, end, put_u32};
use crate::rtp::Ssrc;
use crate::wire::{Malformed, u32_at};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiverReport<'a> {
    pub sender: Ssrc,
    blocks: &'a [u8],
}

impl<'a> ReceiverReport<'a> {
    pub(super) fn parse(count: u8, body: &'a [u8]) -> Result<Self, Malformed> {
        Ok(Self { sender: Ssrc(u32_at(body, 0)?), blocks: report_block::take(body, 4, count)? })
    }

    pub fn blocks(&self) -> impl Iterator<Item = ReportBlock> + use<'a> {
        report_block::blocks(self.blocks)
    }
}

/// Appends a receiver report; blocks past the 31st are left out.
pub fn write(out: &mut Vec<u8>, sender: Ssrc, blocks: &[ReportBlock]) {
    let blocks = &blocks[..blocks.len().min(report_block::MAX_BLOCKS)];
    let start = begin(out, PT_RECEIVER_REPORT, blocks.len() as u8);
    put_u32(out, sender.0);
    blocks.iter().for_each(|b| b.write(out));
    end(out, start);
}

//! The generated part of the corpora: well-formed input of every kind, built with the crate's own writers, and the
//! classic ways to be malformed.

mod config;
mod flv;
mod frame;
mod rtmp;

use carillon_proto::red::{self, RedBlock};
use carillon_proto::rtcp::sender_report::SenderInfo;
use carillon_proto::rtcp::xr::Dlrr;
use carillon_proto::rtcp::{
    CompactNtp, NtpTime, ReportBlock, bye, fir, nack, pli, receiver_report, remb, sdes, sender_report, twcc, xr,
};
use carillon_proto::rtp::{Pt, RtpFields, RtpTime, Seq, Ssrc, pad};
use carillon_proto::rtp_ext::{ExtForm, ExtId, ExtWriter};
use carillon_proto::rtx;

pub(crate) type Seed = (&'static str, &'static str, Vec<u8>);

/// Target, file name, bytes.
pub(crate) fn all() -> Vec<Seed> {
    [
        rtp_seeds(),
        rtcp_seeds(),
        repair_seeds(),
        video_seeds(),
        frame::seeds(),
        opus_seeds(),
        config::seeds(),
        flv::seeds(),
        rtmp::seeds(),
    ]
    .concat()
}

fn built(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

/// As `built`, for writers that say how much they took.
fn taken(write: impl FnOnce(&mut Vec<u8>) -> usize) -> Vec<u8> {
    built(|out| assert!(write(out) > 0))
}

fn header(pt: u8) -> RtpFields {
    RtpFields { marker: true, pt: Pt(pt), seq: Seq(65_534), time: RtpTime(90_000), ssrc: Ssrc(0x1234_5678) }
}

fn packet(form: ExtForm, elements: &[(u8, &[u8])], payload: &[u8]) -> Vec<u8> {
    built(|out| {
        let start = header(96).write(out);
        let mut writer = ExtWriter::new(out, start, form);
        for (id, data) in elements {
            writer.add(ExtId(*id), data);
        }
        writer.finish();
        out.extend_from_slice(payload);
    })
}

fn rtp_seeds() -> Vec<Seed> {
    let values: &[(u8, &[u8])] =
        &[(1, b"0"), (2, &[0x80, 0, 1]), (3, &[0x12, 0x34]), (4, &[0xff]), (5, &[0, 0x10, 0xff]), (6, &[7; 16])];
    let mut padded = packet(ExtForm::OneByte, &values[..1], b"payload");
    pad(&mut padded, 0, 20);
    let csrcs = [&[0x8f, 111, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2][..], &[9; 60], b"mixed"].concat();
    vec![
        ("rtp", "plain", packet(ExtForm::OneByte, &[], b"payload")),
        ("rtp", "one_byte_extensions", packet(ExtForm::OneByte, values, b"payload")),
        ("rtp", "two_byte_extensions", packet(ExtForm::TwoByte, &[(200, &[1; 40]), (1, &[])], b"payload")),
        ("rtp", "padded", padded),
        ("rtp", "csrcs", csrcs),
        ("rtp", "only_padding", [&header(96).to_bytes()[..], &[0; 7]].concat()),
        ("rtp", "extension_past_the_end", vec![0x90, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0xbe, 0xde, 0xff, 0xff]),
        (
            "rtp",
            "element_past_the_block",
            vec![0x90, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0xbe, 0xde, 0, 1, 0x1f, 0, 0, 0],
        ),
        ("rtp", "empty", vec![]),
    ]
}

fn block(ssrc: u32) -> ReportBlock {
    ReportBlock {
        ssrc: Ssrc(ssrc),
        fraction_lost: 51,
        cumulative_lost: -3,
        highest_seq: 0x1_fffe,
        jitter: 480,
        last_sender_report: CompactNtp(0x1234_5678),
        delay_since_last: 65_536,
    }
}

fn rtcp_seeds() -> Vec<Seed> {
    let (a, b) = (Ssrc(1), Ssrc(2));
    let info = SenderInfo { ssrc: a, ntp: NtpTime(u64::MAX / 3), rtp_time: RtpTime(5), packets: 6, octets: 7 };
    let arrivals: Vec<_> =
        (0..60u64).filter(|i| i % 7 != 0).map(|i| (65_500 + i, i as i64 * 4_100 - (i % 5) as i64 * 9_000)).collect();
    let dlrr = Dlrr { receiver: b, last_report: CompactNtp(9), delay: 10 };
    let compound = built(|out| {
        sender_report::write(out, &info, &[block(2), block(3)]);
        sdes::write_cname(out, a, "carillon");
        nack::write(out, a, b, &[1, 2, 9, 65_535].map(Seq));
        bye::write(out, &[a]);
    });
    let chained_lengths = built(|out| (0..50).for_each(|_| pli::write(out, a, b)));
    vec![
        ("rtcp", "compound", compound),
        ("rtcp", "receiver_report", built(|o| receiver_report::write(o, a, &[block(2)]))),
        ("rtcp", "nack", taken(|o| nack::write(o, a, b, &[10, 11, 27, 300].map(Seq)))),
        ("rtcp", "pli", built(|o| pli::write(o, a, b))),
        ("rtcp", "fir", built(|o| fir::write(o, a, b, 200))),
        ("rtcp", "remb", built(|o| remb::write(o, a, 6_000_000, &[a, b]))),
        ("rtcp", "twcc", taken(|o| twcc::write(o, a, b, 255, &arrivals))),
        ("rtcp", "twcc_gap", taken(|o| twcc::write(o, a, b, 0, &[(1, 0), (400, 64_000), (401, 0)]))),
        ("rtcp", "xr_reference_time", built(|o| xr::write_reference_time(o, a, info.ntp))),
        ("rtcp", "xr_dlrr", built(|o| xr::write_dlrr(o, a, &[dlrr, dlrr]))),
        ("rtcp", "twcc_65535_lost", twcc_of_runs()),
        ("rtcp", "many_packets", chained_lengths),
        ("rtcp", "padded", vec![0xa1, 206, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 4]),
        ("rtcp", "app", vec![0x80, 204, 0, 2, 0, 0, 0, 1, b'n', b'a', b'm', b'e']),
        ("rtcp", "sdes_unended", vec![0x81, 202, 0, 2, 0, 0, 0, 1, 1, 2, b'a', b'b']),
        ("rtcp", "length_past_the_end", vec![0x80, 201, 0xff, 0xff, 0, 0, 0, 1]),
    ]
}

/// The most statuses that a packet can claim, in the fewest bytes.
fn twcc_of_runs() -> Vec<u8> {
    let mut out = vec![0x8f, 205, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 9];
    out.extend([0x1f, 0xff].repeat(8));
    out.extend([0x00, 0x07, 0, 0]);
    out
}

fn repair_seeds() -> Vec<Seed> {
    let rtx_packet = |payload: &[u8]| {
        let mut out = packet(ExtForm::OneByte, &[(4, b"1"), (10, b"hi")], &[]);
        rtx::write_payload(&mut out, Seq(77), payload);
        out
    };
    let mut probe = packet(ExtForm::OneByte, &[], &[]);
    pad(&mut probe, 0, 224);
    let data = [0x78; 90];
    let blocks: Vec<_> = (1..=31u16)
        .rev()
        .map(|i| RedBlock { pt: Pt(111), offset: i * 480, data: &data[..usize::from(i % 9) * 10] })
        .collect();
    let red_of = |blocks: &[RedBlock<'_>]| built(|out| assert!(red::write(out, blocks, Pt(111), b"newest")));
    vec![
        ("rtx", "original", rtx_packet(b"picture")),
        ("rtx", "empty_original", rtx_packet(b"")),
        ("rtx", "probe", probe),
        ("rtx", "half_a_number", packet(ExtForm::OneByte, &[], &[1])),
        ("red", "depth_0", red_of(&[])),
        ("red", "depth_1", red_of(&blocks[30..])),
        ("red", "depth_31", red_of(&blocks)),
        ("red", "too_deep", vec![0x80; 200]),
        ("red", "block_past_the_end", vec![0xef, 0, 3, 0xff, 0x6f, 1, 2]),
    ]
}

fn video_seeds() -> Vec<Seed> {
    vec![
        ("vp8", "keyframe", vec![0x90, 0x80, 0x81, 0x02, 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01]),
        ("vp8", "temporal_layers", vec![0x90, 0xe0, 0x81, 0x02, 9, 0x60, 0x11, 1, 2]),
        ("vp8", "all_fields", vec![0xb0, 0xf0, 0x7f, 9, 0x6a, 0x11]),
        ("vp8", "bare", vec![0x10, 0x50]),
        ("vp8", "cut", vec![0x90, 0xf0, 0x81]),
        (
            "vp9",
            "structure",
            vec![0xaa, 0x81, 0x02, 0, 7, 0x38, 1, 64, 0, 180, 2, 128, 1, 104, 2, 0x04, 1, 0x20, 0x82, 0x49],
        ),
        ("vp9", "flexible", vec![0xf8, 0x05, 0x35, 0x03, 0x04, 0xaa]),
        ("vp9", "non_flexible", vec![0xec, 0x92, 0x34, 0x41, 77, 0x86]),
        ("vp9", "bare", vec![0x0c, 0x82]),
        ("vp9", "endless_references", vec![0x50, 1, 1, 1, 1, 1]),
        ("vp9", "group_of_255", [&[0x0a, 0x08, 255][..], &[0x0c, 1, 2, 3].repeat(255)].concat()),
        ("h264", "idr", vec![0x65, 0x88, 0x84]),
        ("h264", "parameter_sets", vec![0x78, 0, 4, 0x67, 0x42, 0xe0, 0x1f, 0, 2, 0x68, 0xce, 0, 2, 0x65, 0x88]),
        ("h264", "first_fragment", vec![0x7c, 0x85, 1, 2, 3]),
        ("h264", "last_fragment", vec![0x7c, 0x45, 1, 2, 3]),
        ("h264", "aggregate_past_the_end", vec![0x78, 0xff, 0xff, 0x65]),
        ("h264", "empty_units", [&[0x78][..], &[0; 64]].concat()),
        ("av1", "keyframe", vec![0x28, 2, 0x08, 0, 0x30, 9, 9]),
        ("av1", "lengths", vec![0x00, 1, 0x30, 0x82, 0x00, 7, 8, 0]),
        ("av1", "fragment", vec![0xd0, 1, 2, 3]),
        ("av1", "endless_leb128", [&[0x00][..], &[0x80; 12]].concat()),
        ("av1", "huge_element", vec![0x20, 0xff, 0xff, 0xff, 0xff, 0x0f, 1]),
    ]
}

fn opus_seeds() -> Vec<Seed> {
    vec![
        ("opus", "20_ms", vec![0x78, 1, 2, 3, 4]),
        ("opus", "two_frames", vec![0xf9, 1, 2, 3]),
        ("opus", "counted", vec![0xfb, 0x03, 1, 2, 3]),
        ("opus", "too_long", vec![0xfb, 0x3f, 1]),
        ("opus", "silence", vec![0x78]),
    ]
}

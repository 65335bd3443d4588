//! RTCP: whatever is read can be written, and reads the same again.

use crate::rtcp::{
    Fir, Nack, Remb, Rtcp, Sdes, Twcc, Xr, bye, fir, nack, packets, pli, receiver_report, remb, sdes, sender_report,
    twcc, xr,
};
use std::collections::BTreeSet;

/// Every packet of a compound survives its round trip, and no packet is read out of nothing.
pub fn rtcp(data: &[u8]) {
    let mut count = 0;
    for packet in packets(data).flatten() {
        count += 1;
        survives(&packet);
    }
    assert!(count <= data.len() / 4, "a packet has at least four bytes");
}

fn survives(packet: &Rtcp<'_>) {
    let mut out = Vec::new();
    match packet {
        Rtcp::SenderReport(sr) => {
            sender_report::write(&mut out, &sr.info, &sr.blocks().collect::<Vec<_>>());
            assert_reads(&out, |p| matches!(p, Rtcp::SenderReport(again) if again == sr));
        }
        Rtcp::ReceiverReport(rr) => {
            receiver_report::write(&mut out, rr.sender, &rr.blocks().collect::<Vec<_>>());
            assert_reads(&out, |p| matches!(p, Rtcp::ReceiverReport(again) if again == rr));
        }
        Rtcp::Bye(b) => {
            bye::write(&mut out, &b.sources().collect::<Vec<_>>());
            assert_reads(&out, |p| matches!(p, Rtcp::Bye(again) if again == b));
        }
        Rtcp::Pli(p) => {
            pli::write(&mut out, p.sender, p.media);
            assert_reads(&out, |again| again == packet);
        }
        Rtcp::Sdes(s) => sdes_survives(s),
        Rtcp::Nack(n) => nack_survives(n),
        Rtcp::Fir(f) => fir_survives(f),
        Rtcp::Remb(r) => remb_survives(r),
        Rtcp::Twcc(t) => twcc_survives(t),
        Rtcp::Xr(x) => xr_survives(x),
        Rtcp::Other { .. } => {}
    }
}

fn assert_reads(bytes: &[u8], is_same: impl Fn(&Rtcp<'_>) -> bool) {
    let packet = read_one(bytes);
    assert!(is_same(&packet), "reads as {packet:?}");
}

fn read_one(bytes: &[u8]) -> Rtcp<'_> {
    let mut all = packets(bytes);
    let packet = all.next().expect("something was written").expect("what is written is well-formed");
    assert!(all.next().is_none(), "one packet was written");
    packet
}

fn sdes_survives(sdes: &Sdes<'_>) {
    for (ssrc, cname) in sdes.cnames() {
        let Ok(text) = str::from_utf8(cname) else { continue };
        let mut out = Vec::new();
        sdes::write_cname(&mut out, ssrc, text);
        assert_reads(&out, |p| matches!(p, Rtcp::Sdes(again) if again.cnames().eq([(ssrc, cname)])));
    }
}

/// A peer's list may repeat numbers and go backwards; the set of them survives.
fn nack_survives(n: &Nack<'_>) {
    let want: BTreeSet<u16> = n.seqs().map(|s| s.0).collect();
    let seqs: Vec<_> = n.seqs().collect();
    let mut out = Vec::new();
    let mut rest = &seqs[..];
    while !rest.is_empty() {
        rest = &rest[nack::write(&mut out, n.sender, n.media, rest)..];
    }
    let mut got = BTreeSet::new();
    for packet in packets(&out) {
        let Ok(Rtcp::Nack(again)) = packet else { panic!("{packet:?}") };
        got.extend(again.seqs().map(|s| s.0));
    }
    assert_eq!(got, want);
}

fn fir_survives(f: &Fir<'_>) {
    for (media, number) in f.entries() {
        let mut out = Vec::new();
        fir::write(&mut out, f.sender, media, number);
        assert_reads(&out, |p| matches!(p, Rtcp::Fir(again) if again.entries().eq([(media, number)])));
    }
}

fn remb_survives(r: &Remb<'_>) {
    let mut out = Vec::new();
    remb::write(&mut out, r.sender, r.bitrate_bps, &r.sources().collect::<Vec<_>>());
    let Rtcp::Remb(again) = read_one(&out) else { panic!("not a REMB") };
    assert!(again.sources().eq(r.sources()));
    assert!(again.bitrate_bps <= r.bitrate_bps && r.bitrate_bps - again.bitrate_bps <= r.bitrate_bps >> 17);
}

/// Arrivals survive exactly: the format's own step is the only one they can have. The clock wraps with its 24 bits.
fn twcc_survives(t: &Twcc<'_>) {
    assert_eq!(t.statuses().count(), usize::from(t.packet_count));
    let base = u64::from(t.base_seq);
    let arrivals: Vec<_> =
        t.statuses().enumerate().filter_map(|(i, s)| Some((base + i as u64, s.arrival_us?))).collect();
    let mut rest = &arrivals[..];
    while !rest.is_empty() {
        let mut out = Vec::new();
        let taken = twcc::write(&mut out, t.sender, t.media, t.feedback_count, rest);
        let Rtcp::Twcc(again) = read_one(&out) else { panic!("not a TWCC") };
        let got: Vec<_> = again.statuses().filter(|s| s.arrival_us.is_some()).collect();
        assert!(taken > 0 && got.len() == taken);
        for (want, got) in rest.iter().zip(&got) {
            let drift = got.arrival_us.unwrap_or_default() - want.1;
            assert_eq!((u64::from(got.seq), drift.rem_euclid(64_000 << 24)), (want.0 & 0xffff, 0));
        }
        rest = &rest[taken..];
    }
}

fn xr_survives(x: &Xr<'_>) {
    for item in x.items() {
        let mut out = Vec::new();
        match item {
            xr::XrItem::ReferenceTime(ntp) => xr::write_reference_time(&mut out, x.sender, ntp),
            xr::XrItem::Dlrr(dlrr) => xr::write_dlrr(&mut out, x.sender, &[dlrr]),
        }
        assert_reads(&out, |p| matches!(p, Rtcp::Xr(again) if again.items().eq([item])));
    }
}

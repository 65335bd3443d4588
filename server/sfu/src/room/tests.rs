//! A room fed with decrypted packets: what it makes of them, hostile ones among them. What leaves is tested with real
//! clients in `tests/forward.rs`.

use super::*;
use crate::context::Context;
use crate::random::Random;
use crate::testing::start;
use crate::transport::{
    Announced, Codec, Direction, ExtensionIds, Feedback, Kind, NegotiatedCodec, Params, Section, SendStream, Transport,
};
use crate::{Certificate, Output, Subscribe};
use carillon_config::media::Media;
use carillon_proto::red::{self, RedBlock};
use carillon_proto::rtcp;
use carillon_proto::rtp::{Pt, RtpFields, RtpTime, Seq, SeqExt, Ssrc};
use carillon_proto::rtp_ext::{ExtForm, ExtId, ExtWriter};
use carillon_proto::time::{Now, UnixMillis};
use std::sync::Arc;
use std::time::Duration;

const A: ParticipantId = ParticipantId(1);
const MIC: u32 = 100;
const CAM: u32 = 200;
const CAM_RTX: u32 = 201;

const IDS: ExtensionIds = ExtensionIds {
    mid: Some(1),
    rid: Some(2),
    repaired_rid: Some(3),
    audio_level: Some(4),
    abs_send_time: Some(5),
    transport_cc: None,
    playout_delay: None,
    video_orientation: None,
    content_type: None,
};

fn context() -> Context {
    let now = Now { instant: start(), wall: UnixMillis(1_790_000_000_000) };
    let certificate = Certificate { der: Vec::new(), private_key: Vec::new() };
    let params = Params { candidates: Vec::new(), certificate, simulcast: false };
    Context::new(Media::default(), params, Random::new(b"seed"), now)
}

fn section(mid: &str, kind: Kind, codec: NegotiatedCodec) -> Section {
    Section {
        mid: mid.to_owned(),
        kind,
        direction: Direction::Both,
        codecs: vec![codec],
        extensions: IDS,
        receive: Some(Announced::default()),
        send: Some(SendStream { ssrc: 900, rtx_ssrc: Some(901), cname: "c".to_owned() }),
        rids: Vec::new(),
        receiver_rtt: true,
    }
}

const OPUS: NegotiatedCodec = NegotiatedCodec {
    codec: Codec::Opus,
    payload_type: 111,
    rtx: None,
    red: Some(63),
    clock_rate: 48_000,
    feedback: Feedback { nack: false, pli: false, fir: false, remb: false, transport_cc: false },
};

const VP8: NegotiatedCodec =
    NegotiatedCodec { codec: Codec::Vp8, payload_type: 96, rtx: Some(97), red: None, clock_rate: 90_000, ..OPUS };

/// A room with A, whose microphone (mid 0) and camera (mid 1) were negotiated, and which listens to itself.
fn room(context: &mut Context) -> (Room, u32) {
    let mut room = Room::new(RoomKey(1));
    assert!(room.join(context, A, Privileges::ALL));
    let member = room.by_id[&A];
    let transport = Transport::new(Arc::clone(&context.params), context.random.fork(), context.now);
    let connection = Connection::new(transport, context);
    room.members.get_mut(member).expect("joined").connection = Some(Box::new(connection));
    let mut camera = section("1", Kind::Video, VP8);
    camera.send = Some(SendStream { ssrc: 910, rtx_ssrc: Some(911), cname: "c".to_owned() });
    camera.receive = Some(Announced { ssrcs: vec![CAM, CAM_RTX], rtx: vec![(CAM, CAM_RTX)], ..Announced::default() });
    room.apply_for_test(context, member, vec![section("0", Kind::Audio, OPUS), camera]);
    (room, member)
}

fn packet(ssrc: u32, pt: u8, seq: u16, payload: &[u8], mid: Option<&str>) -> Vec<u8> {
    let mut out = Vec::new();
    let time = RtpTime(u32::from(seq) * 960);
    let at = RtpFields { marker: false, pt: Pt(pt), seq: Seq(seq), time, ssrc: Ssrc(ssrc) }.write(&mut out);
    let mut ext = ExtWriter::new(&mut out, at, ExtForm::OneByte);
    if let Some(mid) = mid {
        assert!(ext.add(ExtId(1), mid.as_bytes()));
    }
    assert!(ext.add(ExtId(4), &[20]));
    ext.finish();
    out.extend_from_slice(payload);
    out
}

fn feed(room: &mut Room, c: &mut Context, member: u32, bytes: &[u8]) -> Result<(), DropReason> {
    let seq = bytes.get(2..4).map_or(0, |b| u64::from(b[0]) << 8 | u64::from(b[1]));
    room.handle_authentic(c, member, bytes, SeqExt(seq), bytes.len() + 16)
}

fn kept(room: &Room, track: TrackName) -> Vec<(u64, Vec<u8>)> {
    let publication = room.publications.get(room.by_track[&(A, track)]).expect("made");
    publication.history().since(SeqExt(0)).map(|p| (p.seq.0, p.payload.to_vec())).collect()
}

#[test]
fn streams_find_their_section_by_ssrc_or_mid_or_payload_type() {
    let mut c = context();
    let (mut room, member) = room(&mut c);
    assert_eq!(feed(&mut room, &mut c, member, &packet(CAM, 96, 1, b"v", None)), Ok(()), "announced");
    assert_eq!(feed(&mut room, &mut c, member, &packet(MIC, 111, 1, b"a", Some("0"))), Ok(()), "named");
    assert_eq!(feed(&mut room, &mut c, member, &packet(MIC, 111, 2, b"b", None)), Ok(()), "known by now");
    let stray = feed(&mut room, &mut c, member, &packet(777, 50, 1, b"x", None));
    assert_eq!(stray, Err(DropReason::UnknownSsrc));
    let other = feed(&mut room, &mut c, member, &packet(MIC, 96, 3, b"x", None));
    assert_eq!(other, Err(DropReason::UnknownPayloadType));
    assert_eq!(kept(&room, TrackName::Microphone).len(), 2);
    let events: Vec<_> = std::iter::from_fn(|| c.poll_output()).collect();
    let started = |track| Output::Event(Event::TrackStarted { participant: A, track });
    assert_eq!(events, [started(TrackName::Camera), started(TrackName::Microphone)]);
}

#[test]
fn a_repair_fills_the_hole_that_it_names() {
    let mut c = context();
    let (mut room, member) = room(&mut c);
    for seq in [10, 12] {
        feed(&mut room, &mut c, member, &packet(CAM, 96, seq, &[seq as u8], None)).expect("taken");
    }
    assert!(c.timers.next().is_some_and(|(at, timer)| at == c.now && timer == Timer::Nack(A)));
    let repair = packet(CAM_RTX, 97, 500, &[0, 11, 11], None);
    feed(&mut room, &mut c, member, &repair).expect("taken");
    assert_eq!(kept(&room, TrackName::Camera), [(10, vec![10]), (11, vec![11]), (12, vec![12])]);
    assert_eq!(feed(&mut room, &mut c, member, &repair), Err(DropReason::Duplicate));
    assert_eq!(feed(&mut room, &mut c, member, &packet(CAM_RTX, 97, 501, &[0, 11], None)), Ok(()), "a probe");
    assert_eq!((c.stats.rtx_in, c.stats.recovered_in), (2, 1));
}

#[test]
fn red_gives_its_primary_and_what_was_lost_before_it() {
    let mut c = context();
    let (mut room, member) = room(&mut c);
    feed(&mut room, &mut c, member, &packet(MIC, 111, 10, b"ten", Some("0"))).expect("taken");
    let older = [b"ten".as_slice(), b"eleven", b"twelve"];
    let blocks: Vec<_> =
        (0..3).map(|i| RedBlock { pt: Pt(111), offset: 960 * (3 - i), data: older[usize::from(i)] }).collect();
    let mut payload = Vec::new();
    assert!(red::write(&mut payload, &blocks, Pt(111), b"thirteen"));
    feed(&mut room, &mut c, member, &packet(MIC, 63, 13, &payload, None)).expect("taken");
    let texts = kept(&room, TrackName::Microphone);
    let want = [(10, b"ten".to_vec()), (11, b"eleven".to_vec()), (12, b"twelve".to_vec()), (13, b"thirteen".to_vec())];
    assert_eq!(texts, want);
    assert_eq!(c.stats.recovered_in, 0, "the holes never showed");
    let publication = room.publications.get(room.by_track[&(A, TrackName::Microphone)]).expect("made");
    let times: Vec<u32> = publication.history().since(SeqExt(0)).map(|p| p.time.0).collect();
    assert_eq!(times, [9_600, 10_560, 11_520, 12_480]);
}

/// The first packet of a track may be lost; the one that comes instead repeats it.
#[test]
fn a_track_that_starts_inside_red_is_told() {
    let mut c = context();
    let (mut room, member) = room(&mut c);
    let mut payload = Vec::new();
    assert!(red::write(&mut payload, &[RedBlock { pt: Pt(111), offset: 960, data: b"ten" }], Pt(111), b"eleven"));
    feed(&mut room, &mut c, member, &packet(MIC, 63, 11, &payload, Some("0"))).expect("taken");
    assert_eq!(kept(&room, TrackName::Microphone), [(10, b"ten".to_vec()), (11, b"eleven".to_vec())]);
    let events: Vec<_> = std::iter::from_fn(|| c.poll_output()).collect();
    assert_eq!(events, [Output::Event(Event::TrackStarted { participant: A, track: TrackName::Microphone })]);
}

#[test]
fn red_whose_primary_is_known_brings_what_was_lost_before_it() {
    let mut c = context();
    let (mut room, member) = room(&mut c);
    let red = |data: &[u8], primary: &[u8]| {
        let mut payload = Vec::new();
        assert!(red::write(&mut payload, &[RedBlock { pt: Pt(111), offset: 960, data }], Pt(111), primary));
        payload
    };
    feed(&mut room, &mut c, member, &packet(MIC, 111, 10, b"ten", Some("0"))).expect("taken");
    feed(&mut room, &mut c, member, &packet(MIC, 63, 13, &red(b"twelve", b"thirteen"), None)).expect("taken");
    room.flush(&mut c);
    c.pending.clear();
    feed(&mut room, &mut c, member, &packet(MIC, 63, 12, &red(b"eleven", b"twelve"), None)).expect("it filled a hole");
    assert_eq!(c.pending.len(), 1, "what was filled is to be fanned out");
    assert_eq!(kept(&room, TrackName::Microphone).len(), 4);
}

#[test]
fn random_packets_cost_themselves_only() {
    let mut c = context();
    let (mut room, member) = room(&mut c);
    let mut random = Random::new(b"hostile");
    let seeds = [
        packet(CAM, 96, 5, &[0x90, 0xe0, 0x80, 1, 1, 0, 0, 7], None),
        packet(CAM_RTX, 97, 5, &[0, 4, 0x90, 0xe0, 0x80, 1, 1, 0, 0, 7], None),
        packet(MIC, 63, 5, &[0xef, 0x0f, 0, 2, 0x6f, 1, 2, 3], Some("0")),
        compound(),
    ];
    for round in 0..60_000u32 {
        c.now += Duration::from_millis(1);
        let mut bytes = seeds[(random.next_u32() % 4) as usize].clone();
        for _ in 0..random.next_u32() % 4 {
            let at = random.next_u32() as usize % bytes.len();
            bytes[at] = random.next_u32() as u8;
        }
        bytes.truncate(bytes.len() - (random.next_u32() as usize % bytes.len()) / (1 + round as usize % 7));
        if round % 3 == 0 {
            room.handle_compound(&mut c, member, &bytes);
        } else {
            let seq = u64::from(random.next_u32() >> (round % 32));
            let _ = room.handle_authentic(&mut c, member, &bytes, SeqExt(seq), bytes.len());
        }
        while let Some(timer) = c.timers.take_due(c.now) {
            run(&mut room, &mut c, timer);
        }
        room.flush(&mut c);
    }
    let good = packet(MIC, 111, 9, b"still here", Some("0"));
    c.now += Duration::from_secs(5);
    assert!(room.handle_authentic(&mut c, member, &good, SeqExt(1 << 40), 60).is_ok());
    room.leave(&mut c, A);
    assert_eq!((room.publications.len(), room.subscriptions.len(), room.members.len()), (0, 0, 0));
}

fn compound() -> Vec<u8> {
    let mut out = Vec::new();
    rtcp::receiver_report::write(&mut out, Ssrc(1), &[]);
    rtcp::nack::write(&mut out, Ssrc(1), Ssrc(900), &[Seq(1), Seq(2), Seq(40)]);
    rtcp::pli::write(&mut out, Ssrc(1), Ssrc(900));
    rtcp::fir::write(&mut out, Ssrc(1), Ssrc(900), 1);
    rtcp::bye::write(&mut out, &[Ssrc(CAM)]);
    out
}

fn run(room: &mut Room, c: &mut Context, timer: Timer) {
    match timer {
        Timer::Transport(id) => room.handle_transport_timeout(c, id),
        Timer::Nack(id) => room.handle_nack_timeout(c, id),
        Timer::Keyframe(id) => room.handle_keyframe_timeout(c, id),
        Timer::Release(id) => room.handle_release_timeout(c, id),
        Timer::Copies(id) => room.handle_copies_timeout(c, id),
        Timer::CatchUp(id) => room.handle_catch_up_timeout(c, id),
        Timer::Playout(id) => room.handle_playout_timeout(c, id),
        Timer::Report(id) => room.handle_report_timeout(c, id),
        Timer::Volumes(_) => room.handle_volumes_timeout(c),
        Timer::Quality(_) => room.handle_quality_timeout(c),
    }
}

#[test]
fn automatic_sections_are_filled_stably() {
    let mut c = context();
    let (mut room, _) = room(&mut c);
    let player = ParticipantId(9);
    assert!(room.join(&mut c, player, Privileges::ALL));
    let member = room.by_id[&player];
    let transport = Transport::new(Arc::clone(&c.params), c.random.fork(), c.now);
    let connection = Connection::new(transport, &mut c);
    room.members.get_mut(member).expect("joined").connection = Some(Box::new(connection));
    let sections: Vec<_> = (0..3)
        .map(|n| {
            let mut one = section(&n.to_string(), Kind::Audio, OPUS);
            one.send = Some(SendStream { ssrc: 1_000 + n, rtx_ssrc: None, cname: String::new() });
            one
        })
        .collect();
    room.apply_with(&mut c, member, sections, &Subscribe::Automatic { from: None });
    let follows = |room: &Room| {
        let connection = room.members.get(member).and_then(|m| m.connection.as_ref()).expect("there");
        let of = |key: &u32| {
            room.subscriptions
                .get(*key)
                .and_then(|s| s.publication)
                .map(|p| room.publications.get(p).expect("live").owner)
        };
        connection.outgoing.values().map(of).collect::<Vec<_>>()
    };
    assert_eq!(follows(&room), [Some(A), None, None]);
    room.leave(&mut c, A);
    assert_eq!(follows(&room), [None, None, None]);
}

//! The answer to an offer, section by section (RFC 8829 section 5.3.1).

use super::offer::{Offer, offered};
use super::{Announced, Direction, Kind, Label, OfferedSection, Params, Policy, Section, SendStream, codecs};
use crate::random::Random;
use crate::{LocalCandidate, Protocol, VideoPolicy};
use carillon_proto::sdp::{self, Extension, Fingerprint, Group, Msid, Origin, Payload, Security, Session, Setup};
use std::collections::BTreeMap;

/// What a transport adds to each answer.
pub(super) struct Identity<'a> {
    pub(super) params: &'a Params,
    pub(super) ufrag: &'a str,
    pub(super) pwd: &'a str,
    pub(super) fingerprint: &'a [u8],
    pub(super) session_id: u64,
    pub(super) version: u64,
    pub(super) cname: &'a str,
}

/// Streams that the server sends, by mid: announced once, kept while the section lives.
pub(super) type Streams = BTreeMap<String, SendStream>;

/// The answer's text and what it settled.
pub(super) fn answer(
    offer: &Offer,
    identity: &Identity<'_>,
    streams: &mut Streams,
    random: &mut Random,
    policy: &mut dyn FnMut(OfferedSection<'_>) -> Policy,
) -> (String, Vec<Section>) {
    let mut settled = Vec::new();
    let mut written = Vec::new();
    for section in &offer.session.sections {
        let live = offered(&offer.session, section).filter(|_| !section.is_off());
        let taken = live.and_then(|o| {
            let policy = policy(o);
            settle(section, o, &policy, identity, streams, random).map(|s| (s, policy.send))
        });
        match taken {
            Some((section_settled, label)) => {
                let first = written.iter().all(|s: &sdp::Section| s.port == 0);
                written.push(write(section, &section_settled, label.as_ref(), identity, first));
                settled.push(section_settled);
            }
            None => {
                written.push(refused(section));
                if let Some(o) = offered(&offer.session, section) {
                    settled.push(off(o.mid, o.kind));
                }
            }
        }
    }
    streams.retain(|mid, _| settled.iter().any(|s| s.mid == *mid && s.direction.sends()));
    let taken = written.iter().filter(|s| s.port != 0).filter_map(|s| s.mid.clone()).collect();
    let session = Session {
        origin: Origin { username: "-".into(), session_id: identity.session_id.to_string(), version: identity.version },
        groups: vec![Group { semantics: "BUNDLE".into(), mids: taken }],
        ice_lite: true,
        extmap_allow_mixed: offer.session.extmap_allow_mixed,
        security: Security::default(),
        direction: None,
        sections: written,
    };
    (session.to_string(), settled)
}

/// `None`: there is no common codec.
fn settle(
    section: &sdp::Section,
    offered: OfferedSection<'_>,
    policy: &Policy,
    identity: &Identity<'_>,
    streams: &mut Streams,
    random: &mut Random,
) -> Option<Section> {
    let direction = Direction::new(offered.sends && policy.receive, offered.receives && policy.send.is_some());
    // A held section keeps its codecs and feedback as a publisher's, so that it can come back without surprise.
    let shape = if direction == Direction::Off { Direction::new(offered.sends, offered.receives) } else { direction };
    let mut codecs = codecs::negotiate(section, offered.kind, shape, &policy.unable);
    let is_h264 = |c: &super::NegotiatedCodec| matches!(c.codec, super::Codec::H264(_));
    // Who has no H.264 is seen by browsers at least.
    let upright = policy.video == VideoPolicy::H264 && shape.receives() && codecs.iter().any(is_h264);
    if upright {
        codecs.retain(is_h264);
    }
    if codecs.is_empty() {
        return None;
    }
    let (extensions, _) = codecs::extensions(section, offered.kind, shape, upright);
    let send = direction.sends().then(|| {
        let stream = streams.entry(offered.mid.to_owned()).or_insert_with(|| SendStream {
            ssrc: draw_ssrc(random),
            rtx_ssrc: codecs.iter().any(|c| c.rtx.is_some()).then(|| draw_ssrc(random)),
            cname: identity.cname.to_owned(),
        });
        stream.clone()
    });
    Some(Section {
        mid: offered.mid.to_owned(),
        kind: offered.kind,
        direction,
        codecs,
        extensions,
        receive: direction.receives().then(|| announced(section)),
        send,
        rids: rids(section, direction, identity.params.simulcast),
        receiver_rtt: section.rtcp_xr.as_deref().is_some_and(|xr| xr.contains("rcvr-rtt")),
    })
}

fn write(
    offered: &sdp::Section,
    settled: &Section,
    label: Option<&Label>,
    identity: &Identity<'_>,
    first: bool,
) -> sdp::Section {
    let mut section = sdp::Section::new(offered.media.clone(), 9, offered.protocol.clone());
    section.payloads = codecs::payloads(offered, &settled.codecs, settled.direction);
    for payload in section.payloads.iter_mut().filter(|p| p.is("opus")) {
        keep_in_band_fec(payload);
    }
    section.formats = section.payloads.iter().map(|p| p.payload_type.to_string()).collect();
    section.mid = Some(settled.mid.clone());
    section.security = security(identity);
    section.direction = Some(match settled.direction {
        Direction::Receive => sdp::Direction::RecvOnly,
        Direction::Send => sdp::Direction::SendOnly,
        Direction::Both => sdp::Direction::SendRecv,
        Direction::Off => sdp::Direction::Inactive,
    });
    section.rtcp_mux = true;
    section.rtcp_rsize = offered.rtcp_rsize;
    section.rtcp_xr = settled.receiver_rtt.then(|| "rcvr-rtt=all".into());
    section.extensions = extension_lines(offered, settled);
    if let (Some(stream), Some(label)) = (&settled.send, label) {
        write_stream(&mut section, stream, label);
    }
    if !settled.rids.is_empty() {
        section.rids = settled.rids.iter().map(|id| sdp::Rid { id: id.clone(), sends: false }).collect();
        section.simulcast = Some(format!("recv {}", settled.rids.join(";")));
    }
    if first {
        section.candidates = candidates(&identity.params.candidates);
        section.end_of_candidates = true;
    }
    section
}

fn write_stream(section: &mut sdp::Section, stream: &SendStream, label: &Label) {
    section.msids.push(Msid { stream: token(&label.stream), track: token(&label.track) });
    let all = std::iter::once(stream.ssrc).chain(stream.rtx_ssrc);
    section.ssrcs = all.map(|ssrc| sdp::Ssrc { ssrc, cname: Some(stream.cname.clone()) }).collect();
    if let Some(rtx) = stream.rtx_ssrc {
        section.ssrc_groups.push(sdp::SsrcGroup { semantics: "FID".into(), ssrcs: vec![stream.ssrc, rtx] });
    }
}

fn extension_lines(offered: &sdp::Section, settled: &Section) -> Vec<Extension> {
    let shape = match settled.direction {
        Direction::Off => Direction::Receive,
        live @ (Direction::Receive | Direction::Send | Direction::Both) => live,
    };
    let upright = settled.extensions.video_orientation.is_none();
    codecs::extensions(offered, settled.kind, shape, upright).1
}

fn refused(offered: &sdp::Section) -> sdp::Section {
    let mut section = sdp::Section::new(offered.media.clone(), 0, offered.protocol.clone());
    section.formats = offered.formats.iter().take(1).cloned().collect();
    section.mid = offered.mid.clone();
    section.direction = Some(sdp::Direction::Inactive);
    section
}

fn off(mid: &str, kind: Kind) -> Section {
    Section {
        mid: mid.to_owned(),
        kind,
        direction: Direction::Off,
        codecs: Vec::new(),
        extensions: super::ExtensionIds::default(),
        receive: None,
        send: None,
        rids: Vec::new(),
        receiver_rtt: false,
    }
}

fn announced(section: &sdp::Section) -> Announced {
    let fid = section.ssrc_groups.iter().filter(|g| g.semantics == "FID");
    let msid = section.msids.first();
    Announced {
        ssrcs: section.ssrcs.iter().map(|s| s.ssrc).collect(),
        rtx: fid.filter_map(|g| Some((*g.ssrcs.first()?, *g.ssrcs.get(1)?))).collect(),
        stream: msid.map(|m| m.stream.clone()).unwrap_or_default(),
        track: msid.map(|m| m.track.clone()).unwrap_or_default(),
    }
}

fn rids(section: &sdp::Section, direction: Direction, simulcast: bool) -> Vec<String> {
    let wanted = simulcast && direction.receives() && section.simulcast.is_some();
    let sent = section.rids.iter().filter(|r| r.sends && wanted);
    sent.map(|r| r.id.clone()).collect()
}

fn security(identity: &Identity<'_>) -> Security {
    Security {
        ice_ufrag: Some(identity.ufrag.to_owned()),
        ice_pwd: Some(identity.pwd.to_owned()),
        ice_options: None,
        fingerprints: vec![Fingerprint { algorithm: "sha-256".into(), digest: identity.fingerprint.to_vec() }],
        setup: Some(Setup::Passive),
    }
}

/// RFC 8839 section 5.1; priorities by RFC 8445 section 5.1.2: UDP before TCP, in the order given.
fn candidates(locals: &[LocalCandidate]) -> Vec<String> {
    let line = |(i, local): (usize, &LocalCandidate)| {
        let (name, type_preference, suffix) = match local.protocol {
            Protocol::Udp => ("udp", 126_u32, ""),
            // RFC 6544 section 4.2: below UDP; the server only listens.
            Protocol::Tcp => ("tcp", 90, " tcptype passive"),
        };
        let local_preference = 65_535_u32.saturating_sub(u32::try_from(i).unwrap_or(u32::MAX));
        let priority = (type_preference << 24) | (local_preference << 8) | 255;
        let (ip, port) = (local.address.ip(), local.address.port());
        format!("{} 1 {name} {priority} {ip} {port} typ host{suffix}", i + 1)
    };
    locals.iter().enumerate().map(line).collect()
}

/// In-band FEC is what is left of a lost packet where no repair comes in time.
fn keep_in_band_fec(payload: &mut Payload) {
    if payload.parameter("useinbandfec").is_none() {
        let before = payload.fmtp.as_deref().map(|f| format!("{f};")).unwrap_or_default();
        payload.fmtp = Some(format!("{before}useinbandfec=1"));
    }
}

/// RFC 8830 section 2: 1 to 64 characters of a token.
fn token(text: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`{|}~".contains(c) { c } else { '_' };
    let clean: String = text.chars().take(64).map(allowed).collect();
    if clean.is_empty() { "-".into() } else { clean }
}

fn draw_ssrc(random: &mut Random) -> u32 {
    random.next_u32().max(1)
}

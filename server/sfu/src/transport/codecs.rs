//! Which of the offered codecs and header extensions an answer takes, and how it writes them.

use super::{Codec, Direction, ExtensionIds, Feedback, H264Profile, Kind, NegotiatedCodec};
use carillon_proto::sdp::{self, Extension, Payload, Section};
use std::collections::BTreeMap;

const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
const RID: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
const REPAIRED_RID: &str = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";
const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
const ABS_SEND_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";
const TRANSPORT_CC: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
const PLAYOUT_DELAY: &str = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";
const VIDEO_ORIENTATION: &str = "urn:3gpp:video-orientation";
const CONTENT_TYPE: &str = "http://www.webrtc.org/experiments/rtp-hdrext/video-content-type";
/// Packets carry one-byte headers (RFC 8285 section 4.2): ids above 14 do not fit them.
const EXTENSION_ID_MAX: u8 = 14;
/// RFC 4588 section 8.1, milliseconds: a repair that has not come by then will not. Chromium waits three times as long for
/// a frame with a hole before it asks for a keyframe, and as long for a keyframe; without it 3 s, which is a freeze.
const RTX_TIME_MS: u32 = 400;

/// The codecs that both sides speak, each with the payload types around it, in the server's one order: a publisher sends
/// the first. Those that fewest of `unable` lack come first, then as `Codec::rank` says, then as they were offered.
pub(super) fn negotiate(
    offered: &Section,
    kind: Kind,
    direction: Direction,
    unable: &BTreeMap<Codec, usize>,
) -> Vec<NegotiatedCodec> {
    let codecs = offered.payloads.iter().filter_map(|payload| {
        let codec = identify(payload).filter(|c| c.kind() == kind)?;
        Some(NegotiatedCodec {
            codec,
            payload_type: payload.payload_type,
            rtx: rtx_of(offered, payload.payload_type),
            red: red_of(offered, payload.payload_type),
            clock_rate: payload.clock_rate,
            feedback: feedback(payload, direction),
        })
    });
    let mut codecs: Vec<_> = codecs.collect();
    codecs.sort_by_key(|c| (unable.get(&c.codec).copied().unwrap_or(0), c.codec.rank()));
    codecs
}

/// The answer's payloads: where the client publishes, RED stands before the opus it wraps, which makes browsers send it.
pub(super) fn payloads(offered: &Section, codecs: &[NegotiatedCodec], direction: Direction) -> Vec<Payload> {
    let mut answered = Vec::new();
    for codec in codecs {
        let (plain, red) = (Some(codec.payload_type), codec.red);
        let wrapped = if direction == Direction::Send { [plain, red, codec.rtx] } else { [red, plain, codec.rtx] };
        for payload in wrapped.into_iter().flatten().filter_map(|pt| offered.payload(pt)) {
            let is_media = payload.payload_type == codec.payload_type;
            let feedback = if is_media { feedback_lines(codec.feedback) } else { Vec::new() };
            let mut payload = Payload { feedback, ..payload.clone() };
            if direction.sends() && Some(payload.payload_type) == codec.rtx {
                tell_rtx_time(&mut payload);
            }
            answered.push(payload);
        }
    }
    answered
}

/// The header extensions of one section. Media to a subscriber carries nothing that depends on when it leaves where it
/// may be sent twice under one number: audio has neither abs-send-time nor transport-cc there. Publishing sections
/// never have transport-cc: their rate is told by REMB. An extension that was offered for one direction is taken where
/// the media goes that way, and answered with the other's name for it (RFC 8285 section 6). `upright`: the publisher is
/// to turn its pictures itself, for not all who see them read the extension that tells.
pub(super) fn extensions(
    offered: &Section,
    kind: Kind,
    direction: Direction,
    upright: bool,
) -> (ExtensionIds, Vec<Extension>) {
    let publishes = direction.receives();
    let fits = |e: &Extension| match e.direction {
        None => true,
        Some(d) => d.sends() && publishes || d.receives() && direction.sends(),
    };
    let mut ids = ExtensionIds::default();
    let mut taken = Vec::new();
    for extension in offered.extensions.iter().filter(|e| e.id <= EXTENSION_ID_MAX && fits(e)) {
        let slot = match (extension.uri.as_str(), kind) {
            (MID, _) => &mut ids.mid,
            (RID, Kind::Video) if publishes => &mut ids.rid,
            (REPAIRED_RID, Kind::Video) if publishes => &mut ids.repaired_rid,
            (AUDIO_LEVEL, Kind::Audio) => &mut ids.audio_level,
            (ABS_SEND_TIME, Kind::Video) => &mut ids.abs_send_time,
            (ABS_SEND_TIME, Kind::Audio) if publishes => &mut ids.abs_send_time,
            (TRANSPORT_CC, Kind::Video) if !publishes => &mut ids.transport_cc,
            (PLAYOUT_DELAY, Kind::Video) if !publishes => &mut ids.playout_delay,
            (VIDEO_ORIENTATION, Kind::Video) if !upright => &mut ids.video_orientation,
            (CONTENT_TYPE, Kind::Video) => &mut ids.content_type,
            _ => continue,
        };
        if slot.is_none() {
            *slot = Some(extension.id);
            let direction = extension.direction.map(sdp::Direction::reversed);
            taken.push(Extension { id: extension.id, direction, uri: extension.uri.clone() });
        }
    }
    (ids, taken)
}

fn identify(payload: &Payload) -> Option<Codec> {
    if payload.is("opus") {
        (payload.clock_rate == 48_000).then_some(Codec::Opus)
    } else if payload.is("VP8") {
        Some(Codec::Vp8)
    } else if payload.is("VP9") {
        matches!(payload.parameter("profile-id"), None | Some("0")).then_some(Codec::Vp9)
    } else if payload.is("AV1") {
        matches!(payload.parameter("profile"), None | Some("0")).then_some(Codec::Av1)
    } else if payload.is("H264") {
        let non_interleaved = payload.parameter("packetization-mode") == Some("1");
        h264_profile(payload.parameter("profile-level-id")?).filter(|_| non_interleaved).map(Codec::H264)
    } else {
        None
    }
}

/// RFC 6184 section 8.1: profile_idc and profile-iop, of which constraint_set1 makes a baseline stream constrained.
fn h264_profile(profile_level_id: &str) -> Option<H264Profile> {
    let bytes = u32::from_str_radix(profile_level_id, 16).ok().filter(|_| profile_level_id.len() == 6)?;
    match (bytes >> 16, (bytes >> 8) & 0x40 != 0) {
        (0x42, true) => Some(H264Profile::ConstrainedBaseline),
        (0x42, false) => Some(H264Profile::Baseline),
        (0x4D, _) => Some(H264Profile::Main),
        (0x64, _) => Some(H264Profile::High),
        _ => None,
    }
}

fn rtx_of(offered: &Section, payload_type: u8) -> Option<u8> {
    let repairs = |p: &&Payload| p.is("rtx") && p.parameter("apt").and_then(|a| a.parse().ok()) == Some(payload_type);
    offered.payloads.iter().find(repairs).map(|p| p.payload_type)
}

/// RFC 2198 section 5: the format parameters of RED are payload types between slashes.
fn red_of(offered: &Section, payload_type: u8) -> Option<u8> {
    let wraps = |p: &&Payload| {
        let inner = p.fmtp.as_deref().unwrap_or_default();
        p.is("red") && p.clock_rate == 48_000 && inner.split('/').all(|t| t.trim().parse() == Ok(payload_type))
    };
    offered.payloads.iter().find(wraps).map(|p| p.payload_type)
}

fn feedback(payload: &Payload, direction: Direction) -> Feedback {
    let offered = |what: &str| payload.feedback.iter().any(|f| f == what);
    Feedback {
        // Chromium asks for lost sound where the answer says so, offered or not; who does not know it skips the line.
        nack: offered("nack") || payload.is("opus") && direction == Direction::Send,
        pli: offered("nack pli"),
        fir: offered("ccm fir"),
        remb: offered("goog-remb") && direction.receives(),
        transport_cc: offered("transport-cc") && !direction.receives() && !payload.is("opus"),
    }
}

fn tell_rtx_time(payload: &mut Payload) {
    if let Some(fmtp) = payload.fmtp.as_mut().filter(|fmtp| !fmtp.contains("rtx-time")) {
        fmtp.push_str(&format!(";rtx-time={RTX_TIME_MS}"));
    }
}

fn feedback_lines(feedback: Feedback) -> Vec<String> {
    let lines = [
        (feedback.remb, "goog-remb"),
        (feedback.transport_cc, "transport-cc"),
        (feedback.fir, "ccm fir"),
        (feedback.nack, "nack"),
        (feedback.pli, "nack pli"),
    ];
    lines.into_iter().filter(|(on, _)| *on).map(|(_, line)| line.to_owned()).collect()
}

//! What publishers send, in the form that every player understands: AVC and AAC with the numbers that FLV has for them,
//! and the parameter sets that are in force in a configuration of their own.
//!
//! Hardware encoders put new parameter sets among the pictures alone when their size changes (another camera, a phone
//! that is turned); players that were configured before would go on with the old ones.

use crate::bridge::parameter_sets::ParameterSets;
use crate::media::Flow;
use bytes::Bytes;
use carillon_proto::codec::h264::AvcConfig;
use carillon_proto::flv::{AudioTag, FourCc, TagCodec, VideoPacket, VideoTag};

/// The high bit of a video tag's first byte, and a sound tag's format: a FourCC names the codec.
const EXTENDED_VIDEO: u8 = 0x80;
const EXTENDED_AUDIO: u8 = 9;

/// AVC and AAC that are named by a FourCC as FLV always wrote them; anything else as it is.
pub(crate) fn plain(flow: Flow, payload: Bytes) -> Bytes {
    let first = payload.first().copied().unwrap_or(0);
    let mut out = Vec::new();
    match flow {
        Flow::Video if first & EXTENDED_VIDEO != 0 => match VideoTag::read(&payload) {
            Ok(tag) if tag.codec == TagCodec::FourCc(FourCc::AVC) && tag.track == 0 => {
                // A millisecond's parts are nothing to a clock of milliseconds.
                VideoTag { nanoseconds: 0, ..tag }.write(&mut out);
            }
            Ok(_) | Err(_) => {}
        },
        Flow::Audio if first >> 4 == EXTENDED_AUDIO => match AudioTag::read(&payload) {
            Ok(tag) if tag.codec == TagCodec::FourCc(FourCc::AAC) && tag.track == 0 => {
                AudioTag { nanoseconds: 0, ..tag }.write(&mut out);
            }
            Ok(_) | Err(_) => {}
        },
        Flow::Video | Flow::Audio | Flow::Data => {}
    }
    if out.is_empty() { payload } else { out.into() }
}

/// The configuration that a keyframe's own parameter sets make of the one in force. `None`: it stays.
pub(crate) fn reconfigured(in_force: &[u8], keyframe: &[u8]) -> Option<Bytes> {
    let config = AvcConfig::read(configuration(in_force)?).ok()?;
    let VideoPacket::Frame { data, .. } = avc(keyframe)?.packet else { return None };
    let before = ParameterSets::of(&config);
    let mut sets = before.clone();
    for unit in config.units(data) {
        sets.take(unit.ok()?);
    }
    let config = (sets != before).then(|| sets.to_config(config.length_bytes))??;
    let mut out = Vec::new();
    VideoTag::sequence_start(FourCc::AVC, &config).write(&mut out);
    Some(out.into())
}

/// Width and height of the pictures that a configuration is for.
pub(crate) fn size(header: &[u8]) -> Option<(u32, u32)> {
    let config = AvcConfig::read(configuration(header)?).ok()?;
    let sps = ParameterSets::of(&config).sps()?;
    Some((sps.width, sps.height))
}

fn configuration(header: &[u8]) -> Option<&[u8]> {
    let VideoPacket::SequenceStart(data) = avc(header)?.packet else { return None };
    Some(data)
}

fn avc(payload: &[u8]) -> Option<VideoTag<'_>> {
    VideoTag::read(payload).ok().filter(|tag| tag.codec == TagCodec::FourCc(FourCc::AVC))
}

#[cfg(test)]
mod tests {
    use super::*;
    use carillon_proto::flv::{AudioPacket, FrameType};
    use carillon_proto::payload::h264::push_unit;

    /// Constrained baseline, 640x360; and the same with another level, which is another SPS of the same id.
    const SPS: [u8; 25] = [
        0x67, 0x42, 0xc0, 0x16, 0xda, 0x02, 0x80, 0xbf, 0xe5, 0xc0, 0x44, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00,
        0x03, 0x00, 0x7a, 0x3c, 0x58, 0xba, 0x80,
    ];
    const PPS: [u8; 4] = [0x68, 0xce, 0x0f, 0xc8];
    const IDR: [u8; 4] = [0x65, 0x88, 0x84, 0x00];

    fn header(sps: &[u8]) -> Vec<u8> {
        let (mut config, mut out) = (Vec::new(), Vec::new());
        AvcConfig { length_bytes: 4, sps: vec![sps.to_vec()], pps: vec![PPS.to_vec()] }.write(&mut config).unwrap();
        VideoTag::sequence_start(FourCc::AVC, &config).write(&mut out);
        out
    }

    fn keyframe(units: &[&[u8]]) -> Vec<u8> {
        let (mut data, mut out) = (Vec::new(), Vec::new());
        units.iter().for_each(|unit| push_unit(&mut data, unit));
        VideoTag::frame(FrameType::Key, FourCc::AVC, 0, &data).write(&mut out);
        out
    }

    #[test]
    fn new_parameter_sets_among_the_pictures_make_a_new_configuration() {
        let held = header(&SPS);
        assert_eq!(size(&held), Some((640, 360)));
        assert_eq!(reconfigured(&held, &keyframe(&[&IDR])), None);
        assert_eq!(reconfigured(&held, &keyframe(&[&SPS, &PPS, &IDR])), None, "the same again");
        let mut other = SPS;
        other[3] = 0x1e;
        let changed = reconfigured(&held, &keyframe(&[&other, &PPS, &IDR]));
        assert_eq!(changed.as_deref(), Some(&header(&other)[..]));
        assert_eq!(reconfigured(&header(&other), &keyframe(&[&other, &IDR])), None);
        assert_eq!(reconfigured(&held, &[0x17, 1, 0, 0, 0, 0, 0, 0, 99, 0x67]), None, "no whole unit");
    }

    #[test]
    fn avc_and_aac_by_their_names_become_what_every_player_knows() {
        let cases: [(Flow, &[u8], &[u8]); 7] = [
            (Flow::Video, b"\x90avc1\x01\x42", b"\x17\x00\x00\x00\x00\x01\x42"),
            (Flow::Video, b"\x91avc1\x00\x00\x28\x07\x08", b"\x17\x01\x00\x00\x28\x07\x08"),
            (Flow::Video, b"\xa3avc1\x07\x08", b"\x27\x01\x00\x00\x00\x07\x08"),
            (Flow::Video, b"\xa3hvc1\x07\x08", b"\xa3hvc1\x07\x08"),
            (Flow::Video, &[0x27, 1, 0, 0, 0, 1], &[0x27, 1, 0, 0, 0, 1]),
            (Flow::Audio, b"\x91Opus\x01", b"\x91Opus\x01"),
            (Flow::Data, &[0x91, 1], &[0x91, 1]),
        ];
        for (flow, sent, passed_on) in cases {
            assert_eq!(&plain(flow, Bytes::copy_from_slice(sent))[..], passed_on, "{flow:?} {sent:02x?}");
        }
        for named in [&b"\x90mp4a\x12\x10"[..], b"\x91mp4a\x21\x22"] {
            let passed_on = plain(Flow::Audio, Bytes::copy_from_slice(named));
            let tag = AudioTag::read(&passed_on).unwrap();
            assert_eq!((passed_on[0] >> 4, tag.packet.data()), (10, &named[5..]));
            assert_eq!(matches!(tag.packet, AudioPacket::SequenceStart(_)), named[0] == 0x90);
        }
    }
}

use super::*;
use crate::codec::h264::{NAL_PPS, NAL_SPS};

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
}

/// Sets as libx264 (Debian 12) writes them.
const BASELINE_720P: &str = "6742c01fda014016ec0440000003004000000ca3c60ca8";
const MAIN_360P_B: &str = "674d401eeca05017fcb808800000030080000019078b16cb";
const MAIN_1080P_CBR: &str = "674d4028eca03c0113f2e02d404080900000030010000003032626000f424001e84e4c30078c18cb";
const HIGH_720P_B: &str = "6764001facd9405005bb0110000003001000000303c0f1831960";
const HIGH_10_BIT: &str = "676e000ca6cb40a0cfcf80880000030008000003019078a155";
const HIGH_444: &str = "67f4000d919681519e3e2f011000000300100000030320f142aa";
const INTERLACED: &str = "674d401ef405a126c044000003000400000300c87c50aa80";

#[test]
fn sets_of_a_real_encoder_are_read() {
    let plain = Sps {
        profile: 66,
        constraints: 0xc0,
        level: 31,
        id: 0,
        chroma_format: 1,
        bit_depth: 8,
        chroma_bit_depth: 8,
        width: 1280,
        height: 720,
        is_interlaced: false,
        reorder_frames: Some(0),
    };
    let main = Sps { profile: 77, constraints: 0x40, ..plain };
    let cases = [
        (BASELINE_720P, plain),
        (MAIN_360P_B, Sps { level: 30, width: 640, height: 360, reorder_frames: Some(2), ..main }),
        (MAIN_1080P_CBR, Sps { level: 40, width: 1920, height: 1080, reorder_frames: Some(2), ..main }),
        (HIGH_720P_B, Sps { profile: 100, constraints: 0, reorder_frames: Some(2), ..plain }),
        (
            HIGH_10_BIT,
            Sps {
                profile: 110,
                constraints: 0,
                level: 12,
                bit_depth: 10,
                chroma_bit_depth: 10,
                width: 320,
                height: 180,
                ..plain
            },
        ),
        (HIGH_444, Sps { profile: 244, constraints: 0, level: 13, chroma_format: 3, width: 322, height: 182, ..plain }),
        (INTERLACED, Sps { level: 30, width: 720, height: 576, is_interlaced: true, ..main }),
    ];
    for (text, want) in cases {
        let unit = hex(text);
        assert_eq!(Sps::read(&unit), Ok(want), "{text}");
        for end in 0..unit.len() - 1 {
            let _ = Sps::read(&unit[..end]);
        }
    }
}

#[test]
fn other_units_and_long_ones_are_refused() {
    assert_eq!(Sps::read(&[]), Err(Malformed::Truncated));
    assert_eq!(Sps::read(&[0x68, 1]), Err(Malformed::Value));
    assert_eq!(Sps::read(&[&[NAL_SPS][..], &[0x55; 4096]].concat()), Err(Malformed::Length));
    assert_eq!(Sps::read(&[&[NAL_SPS, 66, 0, 30][..], &[0; 40]].concat()), Err(Malformed::Value), "zeros");
}

/// Bits of a set, written field by field.
#[derive(Default)]
struct Writer(Vec<bool>);

impl Writer {
    fn bits(mut self, value: u32, bits: u32) -> Self {
        self.0.extend((0..bits).rev().map(|bit| value >> bit & 1 == 1));
        self
    }

    fn code(self, value: u32) -> Self {
        let bits = (value + 1).ilog2();
        self.bits(0, bits).bits(value + 1, bits + 1)
    }

    fn unit(mut self, header: u8) -> Vec<u8> {
        self.0.resize(self.0.len().next_multiple_of(8), false);
        let bytes = self.0.chunks(8).map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit)));
        std::iter::once(header).chain(bytes).collect()
    }
}

/// Up to the size: profile, level 3, id 0, `chroma` if the profile tells it, picture order type 2, 1 reference.
fn set(profile: u32, rest: impl FnOnce(Writer) -> Writer) -> Vec<u8> {
    let head = Writer::default().bits(profile, 8).bits(0, 8).bits(30, 8).code(0);
    rest(head).unit(0x67)
}

#[test]
fn scaling_lists_are_read_over() {
    let unit = set(100, |w| {
        let mut w = w.code(1).code(0).code(0).bits(0, 1).bits(1, 1);
        // Eight lists: the first given in full (each delta 1), the second ends at once (delta -8), the others default.
        w = (0..16).fold(w.bits(1, 1), |w, _| w.code(1));
        w = w.bits(1, 1).code(16).bits(0, 6);
        w.code(0).code(2).code(1).bits(0, 1).code(39).code(29).bits(1, 1).bits(1, 1).bits(0, 2)
    });
    let sps = Sps::read(&unit).expect("a set");
    assert_eq!((sps.width, sps.height, sps.reorder_frames), (640, 480, Some(0)));
}

#[test]
fn sizes_are_cropped_and_bounded() {
    let sized = |columns: u32, rows: u32, crop: Option<[u32; 4]>| {
        let unit = set(66, |w| {
            let w = w.code(0).code(2).code(1).bits(0, 1).code(columns - 1).code(rows - 1).bits(1, 1).bits(1, 1);
            let w = w.bits(u32::from(crop.is_some()), 1);
            crop.into_iter().flatten().fold(w, Writer::code).bits(0, 1)
        });
        Sps::read(&unit).map(|sps| (sps.width, sps.height))
    };
    assert_eq!(sized(120, 68, Some([0, 0, 0, 4])), Ok((1920, 1080)));
    assert_eq!(sized(1, 1, None), Ok((16, 16)));
    assert_eq!(sized(1055, 1055, None), Ok((16_880, 16_880)));
    assert_eq!(sized(1056, 1, None), Err(Malformed::Value));
    assert_eq!(sized(1, 1, Some([4, 4, 0, 0])), Err(Malformed::Value), "nothing left");
}

#[test]
fn what_no_vui_tells_is_open_but_for_some_profiles() {
    let ordered = |profile: u32, kind: u32| {
        let unit = set(profile, |w| {
            let w = if profile == 100 { w.code(1).code(0).code(0).bits(0, 2) } else { w };
            let w = w.code(0).code(kind);
            let w = if kind == 0 { w.code(0) } else { w };
            w.code(1).bits(0, 1).code(39).code(29).bits(1, 1).bits(1, 1).bits(0, 2)
        });
        Sps::read(&unit).expect("a set").reorder_frames
    };
    assert_eq!(ordered(77, 0), None);
    assert_eq!(ordered(100, 0), None);
    assert_eq!(ordered(77, 2), Some(0));
    assert_eq!(ordered(66, 0), Some(0));
}

#[test]
fn picture_sets_are_read() {
    let pps = Pps::read(&hex("68ebe3cb3002c0")).expect("a set");
    assert_eq!(pps, Pps { id: 0, sps: 0, is_cabac: true });
    assert_eq!(Pps::read(&hex("68ce0fc8")).map(|pps| pps.is_cabac), Ok(false));
    assert_eq!(Pps::read(&[NAL_PPS]), Err(Malformed::Truncated));
    assert_eq!(Pps::read(&[0x67, 0xff]), Err(Malformed::Value));
}

#[test]
fn slices_tell_their_kind() {
    let cases = [("6588840057", SliceKind::I), ("419a21188c", SliceKind::P), ("019ea4442d", SliceKind::B)];
    for (text, want) in cases {
        assert_eq!(SliceKind::read(&hex(text)), Ok(want), "{text}");
    }
    assert_eq!(SliceKind::read(&[0x67, 0x88]), Err(Malformed::Value));
    assert_eq!(SliceKind::read(&[0x41]), Err(Malformed::Truncated));
    assert_eq!(SliceKind::read(&[]), Err(Malformed::Value));
}

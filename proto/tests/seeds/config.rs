//! Decoder configurations.

use super::{Seed, built};
use carillon_proto::codec::aac::AudioSpecificConfig;
use carillon_proto::codec::h264::AvcConfig;

/// As libx264 writes them: baseline 1280x720; main 1920x1080 with HRD; high with B-frames; 10 bits; 4:4:4; interlaced.
const SPS: [(&str, &[u8]); 6] = [
    ("baseline", b"\x67\x42\xc0\x1f\xda\x01\x40\x16\xec\x04\x40\0\0\x03\0\x40\0\0\x0c\xa3\xc6\x0c\xa8"),
    (
        "hrd",
        b"\x67\x4d\x40\x28\xec\xa0\x3c\x01\x13\xf2\xe0\x2d\x40\x40\x80\x90\0\0\x03\0\x10\0\0\x03\x03\x26\x26\0\x0f\x42\
\x40\x01\xe8\x4e\x4c\x30\x07\x8c\x18\xcb",
    ),
    ("high", b"\x67\x64\0\x1f\xac\xd9\x40\x50\x05\xbb\x01\x10\0\0\x03\0\x10\0\0\x03\x03\xc0\xf1\x83\x19\x60"),
    ("high_10", b"\x67\x6e\0\x0c\xa6\xcb\x40\xa0\xcf\xcf\x80\x88\0\0\x03\0\x08\0\0\x03\x01\x90\x78\xa1\x55"),
    ("high_444", b"\x67\xf4\0\x0d\x91\x96\x81\x51\x9e\x3e\x2f\x01\x10\0\0\x03\0\x10\0\0\x03\x03\x20\xf1\x42\xaa"),
    ("interlaced", b"\x67\x4d\x40\x1e\xf4\x05\xa1\x26\xc0\x44\0\0\x03\0\x04\0\0\x03\0\xc8\x7c\x50\xaa\x80"),
];

pub(crate) fn seeds() -> Vec<Seed> {
    let sets = SPS.map(|(name, sps)| ("sps", name, sps.to_vec()));
    [sets.to_vec(), lies(), avc(), audio()].concat()
}

fn lies() -> Vec<Seed> {
    vec![
        ("sps", "long", [&[0x67][..], &[0x55; 4095]].concat()),
        ("sps", "picture_set", vec![0x68, 0xce, 0x0f, 0xc8]),
        ("sps", "slice_b", vec![0x01, 0x9e, 0xa4, 0x44, 0x2d]),
        ("sps", "slice_i", vec![0x65, 0x88, 0x84, 0x00, 0x57]),
        ("sps", "zeros", [&[0x67, 66, 0, 30][..], &[0; 60]].concat()),
    ]
}

fn avc() -> Vec<Seed> {
    let pps = vec![vec![0x68, 0xce, 0x0f, 0xc8]];
    let of = |sets: &[&[u8]]| {
        let config = AvcConfig { length_bytes: 4, sps: sets.iter().map(|s| s.to_vec()).collect(), pps: pps.clone() };
        built(|out| config.write(out).expect("a config"))
    };
    let [baseline, _, high, ..] = SPS.map(|(_, sps)| sps);
    let record = of(&[baseline]);
    let mut lies = record.clone();
    lies[6] = 0xff;
    vec![
        ("avc_config", "baseline", record.clone()),
        ("avc_config", "cut", record[..record.len() - 2].to_vec()),
        ("avc_config", "high", of(&[high])),
        ("avc_config", "length_lies", lies),
        ("avc_config", "no_set", vec![1, 66, 0, 30, 0xff, 0xe0, 0]),
        ("avc_config", "pps_255", vec![1, 66, 0, 30, 0xff, 0xe0, 255, 0, 0]),
        ("avc_config", "sps_31_empty", [&[1, 66, 0, 30, 0xff, 0xff][..], &[0; 62], &[0]].concat()),
        ("avc_config", "two_sets", of(&[baseline, high])),
        ("avc_config", "unit_past_the_end", vec![0, 0, 0, 2, 0x65, 1, 0xff, 0xff, 0xff, 0xff]),
        ("avc_config", "units_empty", vec![0; 12]),
    ]
}

fn audio() -> Vec<Seed> {
    let of = |config: AudioSpecificConfig| built(|out| config.write(out).expect("a config"));
    vec![
        ("audio_config", "escape_of_30_bytes", vec![0xff; 30]),
        ("audio_config", "he_compatible", vec![0x13, 0x10, 0x56, 0xe5, 0x98]),
        ("audio_config", "he_explicit", vec![0x2b, 0x11, 0x88, 0x00]),
        ("audio_config", "he_v2", vec![0xeb, 0x09, 0x88, 0x00]),
        ("audio_config", "mono_16_khz", of(AudioSpecificConfig::lc(16_000, 1))),
        ("audio_config", "odd_rate", of(AudioSpecificConfig::lc(37_800, 2))),
        ("audio_config", "stereo", of(AudioSpecificConfig::lc(48_000, 2))),
    ]
}

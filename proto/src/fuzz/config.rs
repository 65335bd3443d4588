//! Decoder configurations.

use crate::codec::aac::AudioSpecificConfig;
use crate::codec::h264::{AvcConfig, Pps, SliceKind, Sps};

/// What is read can be written and reads as the same. The input serves as a tag's data, too: units lie in it, in order.
pub fn avc_config(data: &[u8]) {
    for length_bytes in [1, 2, 4] {
        let config = AvcConfig { length_bytes, sps: Vec::new(), pps: Vec::new() };
        let units: Vec<_> = config.units(data).collect();
        let bytes: usize = units.iter().flatten().map(|unit| unit.len() + length_bytes).sum();
        assert!(bytes <= data.len() && units.iter().filter(|unit| unit.is_err()).count() <= 1);
    }
    let Ok(config) = AvcConfig::read(data) else { return };
    let mut written = Vec::new();
    if config.write(&mut written).is_some() {
        assert_eq!(AvcConfig::read(&written), Ok(config));
    }
}

/// As a parameter set of either kind and as a slice. Sizes keep to what a level allows.
pub fn sps(data: &[u8]) {
    if let Ok(sps) = Sps::read(data) {
        assert!((1..=16_880).contains(&sps.width) && (1..=2 * 16_880).contains(&sps.height));
        assert!((8..=14).contains(&sps.bit_depth) && sps.id < 32);
    }
    if let Ok(pps) = Pps::read(data) {
        assert!(pps.sps < 32);
    }
    let _ = SliceKind::read(data);
}

/// What is written of what was read reads as the same, extensions aside.
pub fn audio_config(data: &[u8]) {
    let Ok(config) = AudioSpecificConfig::read(data) else { return };
    let mut written = Vec::new();
    if config.write(&mut written).is_some() && matches!(config.object_type, 1..=4) {
        let plain = AudioSpecificConfig { sbr: None, has_ps: false, ..config };
        assert_eq!(AudioSpecificConfig::read(&written), Ok(plain));
    }
}

//! RTMP and FLV.

use crate::amf0 as amf0_format;
use crate::wire::Malformed;

/// What is read can be written, and reads as the same again.
pub fn amf0(data: &[u8]) {
    let Ok(values) = amf0_format::read_all(data) else { return };
    let mut written = Vec::new();
    amf0_format::write_all(&values, &mut written);
    match amf0_format::read_all(&written) {
        // Bytes are compared, as NaN is no equal of itself.
        Ok(again) => {
            let mut twice = Vec::new();
            amf0_format::write_all(&again, &mut twice);
            assert_eq!(twice, written);
        }
        // A replacement character is longer than what it replaces, so a name can outgrow its bound.
        Err(error) => assert_eq!(error, Malformed::TooMany),
    }
}

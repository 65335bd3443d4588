//! The gateway's JSON.

use crate::gateway::{ClientFrame, Request};

/// Far above what real frames have, so that the parser's own bounds are what is met.
const BYTES_MAX: usize = 1 << 20;

/// A frame or request that parses is written and parses to the same again.
pub fn gateway(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let Ok(frame) = ClientFrame::parse(text, BYTES_MAX) else { return };
    let written = serde_json::to_string(&frame).expect("frames are plain data");
    assert_eq!(ClientFrame::parse(&written, BYTES_MAX).as_ref(), Ok(&frame), "{written}");
    if let ClientFrame::Request { verb, body, .. } = frame {
        request(&verb, body);
    }
}

fn request(verb: &str, body: serde_json::Value) {
    let Ok(request) = Request::parse(verb, body) else { return };
    let mut written = serde_json::to_value(&request).expect("requests are plain data");
    assert_eq!(written["verb"], verb);
    assert_eq!(Request::parse(verb, written["body"].take()), Ok(request));
}

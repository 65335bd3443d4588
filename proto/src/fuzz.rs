//! Fuzz targets: each parser of this crate as a plain function of bytes, with what must hold for whatever it accepts.
//!
//! A target panics where a property breaks, and nowhere else. The normal tests replay `fuzz/corpus/<name>/` and
//! mutations of it through every target (`tests/corpus.rs`); `make fuzz` looks for more with coverage (`fuzz/`).

mod codec;
mod config;
mod flv;
mod gateway;
mod payload;
mod rtcp;
mod rtmp;
mod rtp;

pub use codec::{av1, h264, opus, vp8, vp9};
pub use config::{audio_config, avc_config, sps};
pub use flv::{flv, flv_audio, flv_video};
pub use gateway::gateway;
pub use payload::{h264_frame, vp8_frame};
pub use rtcp::rtcp;
pub use rtmp::{amf0, rtmp_chunk, rtmp_handshake, rtmp_message};
pub use rtp::{red, rtp, rtx};

/// One entry of the registry. `name` is also the folder of its corpus and the binary in `fuzz/`.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
}

/// All targets of this crate.
///
/// To add one: a `pub fn(&[u8])` beside the parser that it tests, a line here, seeds in `fuzz/corpus/<name>/`, a file
/// in `fuzz/fuzz_targets/` and its `[[bin]]` in `fuzz/Cargo.toml`. A test fails until all of them are there. Parsers of
/// other crates (datagram demultiplexing, the worker) keep their targets and their corpus in their own crate.
pub const TARGETS: &[Target] = &[
    Target { name: "rtp", run: rtp },
    Target { name: "rtcp", run: rtcp },
    Target { name: "rtx", run: rtx },
    Target { name: "red", run: red },
    Target { name: "vp8", run: vp8 },
    Target { name: "vp9", run: vp9 },
    Target { name: "h264", run: h264 },
    Target { name: "h264_frame", run: h264_frame },
    Target { name: "vp8_frame", run: vp8_frame },
    Target { name: "av1", run: av1 },
    Target { name: "opus", run: opus },
    Target { name: "sdp", run: crate::sdp::fuzz },
    Target { name: "gateway", run: gateway },
    Target { name: "call", run: crate::call::fuzz_call },
    Target { name: "user_sig", run: crate::user_sig::fuzz_user_sig },
    Target { name: "amf0", run: amf0 },
    Target { name: "avc_config", run: avc_config },
    Target { name: "sps", run: sps },
    Target { name: "audio_config", run: audio_config },
    Target { name: "flv", run: flv },
    Target { name: "flv_video", run: flv_video },
    Target { name: "flv_audio", run: flv_audio },
    Target { name: "rtmp_handshake", run: rtmp_handshake },
    Target { name: "rtmp_chunk", run: rtmp_chunk },
    Target { name: "rtmp_message", run: rtmp_message },
];

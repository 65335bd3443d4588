//! FLV (Adobe, "Video File Format Specification" 10.1, annex E) and its enhanced tags (veovera, "Enhanced RTMP" v1 and
//! v2): the bodies of RTMP's audio and video messages, and the files and HTTP streams made of them.

mod four_cc;

pub use four_cc::FourCc;

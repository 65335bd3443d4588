//! What can be read off Carillon's wires: bytes to types and back. No clock, no logging, no allocation that a peer can
//! size without a limit, and no memory between calls but where the format itself has one (`rtmp`).

pub mod amf0;
pub mod call;
pub mod codec;
pub mod flv;
pub mod frame;
pub mod fuzz;
pub mod gateway;
pub mod id;
pub mod payload;
pub mod red;
pub mod rest;
pub mod rtcp;
pub mod rtmp;
pub mod rtp;
pub mod rtp_ext;
pub mod rtx;
pub mod sdp;
pub mod time;
pub mod user_sig;
pub mod wire;

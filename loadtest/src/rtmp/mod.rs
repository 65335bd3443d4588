//! Load over RTMP and HTTP-FLV: publishers of one clip, players of what they publish, and what the server spends on it.
//!
//! Shares no code with the server, the parsers of `carillon-proto` included: what both got wrong alike would not show.
//! Simple on purpose: plain handshake, AMF0, no TLS, full heads on all messages sent, extended timestamps only where
//! they are repeated.

mod address;
mod bare;
mod chunks;
mod clip;
mod compare;
mod load;
mod marker;
mod peer;
mod player;
mod process;
mod report;
mod script;

pub use bare::Bare;
pub use clip::Clip;
pub use compare::Comparison;
pub use load::Load;
pub use report::Report;

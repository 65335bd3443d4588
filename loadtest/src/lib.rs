//! What a call is worth on a bad network: links that lose and delay, and the judge of what comes through. And what an
//! audience over RTMP costs.

pub mod impair;
pub mod rtmp;

//! What a call is worth on a bad network: links that lose and delay, and the judge of what comes through.

pub mod impair;

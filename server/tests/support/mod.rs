//! The built server and its clients.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

pub mod call;
pub mod client;
pub mod http;
pub mod media;
mod process;
pub mod prometheus;
pub mod receiver;
pub mod rest;
pub mod streams;

pub use process::*;

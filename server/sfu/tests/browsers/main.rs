//! Calls in bad weather, in virtual time: a model of Chromium at both ends, the server's engine between them, over the
//! link model of the impairment proxy. The table of weathers, what must come of each, and what does.
//!
//! Limits and constants of the model are libwebrtc's (main of January 2026); each stands beside its use. Left out: the
//! encoder's resolution steps, the Kalman filter of frame sizes in the jitter estimate, and everything of the screen but
//! its rhythm.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "virtual time starts somewhere")]
#![allow(clippy::wildcard_enum_match_arm, clippy::print_stdout, unreachable_pub, reason = "tests pick and print")]

mod carried;
mod cells;
mod judge;
#[path = "../sim/link.rs"]
#[allow(dead_code, reason = "shared with the simulation of many clients")]
mod link;
mod media;
mod offer;
mod peer;
mod player;
mod run;
mod sender;
mod shares;
#[path = "../sim/srtp.rs"]
mod srtp;
#[path = "../support/stage.rs"]
#[allow(dead_code, reason = "shared with the simulation of many clients")]
mod stage;
mod table;
mod truth;
mod world;

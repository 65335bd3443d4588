//! The media engine in virtual time: scripted clients, bad paths, joins and leaves, all from a seed.
//!
//! The seed fixes who comes and goes and what each path does. Handshakes draw from the crypto library, so that their
//! repeats, and with them the throws of the dice that follow, are not the same in two runs: what a test states must hold
//! in every run.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "virtual time starts somewhere")]
#![allow(clippy::wildcard_enum_match_arm, unreachable_pub, reason = "tests pick what they ask about")]

mod call;
mod churn;
mod client;
mod feedback;
mod hostile;
#[allow(dead_code, reason = "shared with the model of browsers")]
mod link;
mod network;
mod paths;
mod player;
mod publisher;
mod srtp;
#[path = "../support/stage.rs"]
#[allow(dead_code, reason = "shared with the model of browsers")]
mod stage;
mod taps;
mod world;

//! The media engine in virtual time: scripted clients, bad paths, joins and leaves, all from a seed.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "virtual time starts somewhere")]
#![allow(dead_code, reason = "TEMP")]
#![allow(clippy::wildcard_enum_match_arm, unreachable_pub, reason = "tests pick what they ask about")]

mod call;
mod churn;
mod client;
mod feedback;
mod hostile;
mod link;
mod network;
mod paths;
mod player;
mod publisher;
mod srtp;
mod world;

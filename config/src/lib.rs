//! What an operator of Carillon may set: plain data with defaults, units, bounds and reasons, and the sample files.
//! Engines take their own section by value, never the whole.

pub mod call;
pub mod chat;
pub mod gateway;
pub mod media;
mod section;

pub use section::{BadValue, Knob, Section};

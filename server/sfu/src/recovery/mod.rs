//! Repair of what is lost, towards publishers and towards subscribers.

pub(crate) mod copies;
pub(crate) mod floor;
pub(crate) mod history;
pub(crate) mod keyframe;
pub(crate) mod nack;
pub(crate) mod plan;
pub(crate) mod red;
pub(crate) mod rtx;

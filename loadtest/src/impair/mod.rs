//! Bad weather for UDP: a seeded model of a link, and a proxy that puts one between two real programs.

mod flight;
mod link;
mod profile;
mod proxy;
mod route;

pub use link::{Fate, Link, Traffic};
pub use profile::{Profile, Unusable};
pub use proxy::{Answer, Command, Proxy, Remote};
pub use route::{Counters, Directions};

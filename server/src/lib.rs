//! The shell: tokio, sockets, TLS, SQLite, threads and metric names around engines that know none of them.

pub mod admin;
pub mod bridge;
pub mod clock;
pub mod control;
pub mod exchange;
pub mod gateway;
pub mod metrics;
pub mod node;
mod places;
pub mod postman;
pub mod rtmp;
pub mod store;
pub mod tcp;
pub mod udp;
pub mod worker;

#[cfg(test)]
mod testing;

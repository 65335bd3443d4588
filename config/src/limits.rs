//! `[limits]`: what one process and one address may use of HTTP.

use std::time::Duration;

crate::section! {
    /// Bounds of HTTP and sockets, against overload and abuse.
    pub struct Limits {
        /// TCP connections on `listen.http`, WebSockets among them. Above, new ones wait in the kernel.
        pub http_connections: usize = 20_000, in 16..=1_000_000;
        /// The same from one address, loopback exempt (there a proxy stands for everybody). Above, they are closed. As many
        /// ICE-TCP connections may come from it besides.
        pub http_connections_per_address: usize = 200, in 1..=1_000_000;
        /// Milliseconds for a request's headers, and for the TLS handshake.
        pub header_within_ms: u64 = 10_000, in 500..=120_000;
        /// Milliseconds until a request's body must be there.
        pub body_within_ms: u64 = 15_000, in 500..=120_000;
        /// Bytes of a request's body; an SDP offer is the largest.
        pub body_bytes: usize = 524_288, in 16_384..=4_194_304;
        /// Inputs waiting for the control thread. Above, clients are refused with error 60021.
        pub control_queue: usize = 8_192, in 64..=1_000_000;
    }
}

impl Limits {
    pub fn header_within(&self) -> Duration {
        Duration::from_millis(self.header_within_ms)
    }

    pub fn body_within(&self) -> Duration {
        Duration::from_millis(self.body_within_ms)
    }
}

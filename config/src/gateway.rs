//! `[gateway]`: the signalling WebSocket.

use std::time::Duration;

crate::section! {
    /// The signalling WebSocket: heartbeats, resume, and what one client may use of it.
    pub struct Gateway {
        /// Milliseconds. A client that has sent nothing for this long sends a ping; a socket silent for twice as long
        /// is dead. Shorter finds a lost network sooner and wakes phones more often.
        pub ping_interval_ms: u64 = 15_000, in 1_000..=120_000;
        /// Milliseconds that a session outlives its socket. Longer covers longer tunnels and holds more memory.
        pub resume_within_ms: u64 = 60_000, in 1_000..=600_000;
        /// Milliseconds until a new socket must have said hello.
        pub hello_within_ms: u64 = 10_000, in 1_000..=60_000;
        /// Frames kept per session until the client acknowledges them. A client that falls further behind is let go
        /// and signs in anew.
        pub outbox_frames: usize = 2_000, in 16..=100_000;
        /// Bytes kept per session until the client acknowledges them.
        pub outbox_bytes: usize = 4_194_304, in 65_536..=268_435_456;
        /// Bytes of one message from a client. SDP offers and the first message have bounds of their own.
        pub message_bytes: usize = 65_536, in 16_384..=1_048_576;
        /// Bytes of one message that carries an SDP offer. A grid of 50 people is 330 kB from Chromium.
        pub offer_bytes: usize = 524_288, in 65_536..=1_048_576;
        /// Bytes of the first message, from a client that has shown nothing yet.
        pub hello_bytes: usize = 8_192, in 4_096..=65_536;
        /// Requests of one session that wait for their answer at the same time. Above: error 60021.
        pub requests_in_flight: usize = 64, in 1..=10_000;
        /// Requests per second of one session, over time. Above: error 60021.
        pub requests_per_s: u32 = 50, in 1..=100_000;
        /// Requests of one session at once, before the rate counts.
        pub requests_burst: u32 = 200, in 1..=100_000;
        /// Sessions of this process, those within their time to resume counted.
        pub sessions: usize = 50_000, in 1..=10_000_000;
        /// Refused sign-ins from one address within a minute; then error 70050 for the rest of it. Loopback is exempt:
        /// there a proxy stands for everybody.
        pub refused_sign_ins_per_min: u32 = 30, in 1..=100_000;
    }
}

impl Gateway {
    pub fn ping_interval(&self) -> Duration {
        Duration::from_millis(self.ping_interval_ms)
    }

    pub fn resume_within(&self) -> Duration {
        Duration::from_millis(self.resume_within_ms)
    }

    pub fn hello_within(&self) -> Duration {
        Duration::from_millis(self.hello_within_ms)
    }
}

//! `[rtmp]`: streams by RTMP, RTMPS and HTTP-FLV.

use crate::BadValue;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

crate::section! {
    /// RTMP, for mini-programs, OBS and ffmpeg. HTTP-FLV plays the same streams on `listen.http`.
    pub struct Rtmp {
        /// RTMP: "0.0.0.0:1935" for all of IPv4, "[::]:1935" for all of IPv6 and IPv4. Port 0: any free one.
        pub listen: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 1935));
        /// RTMPS, with the certificate of `listen.tls_cert`, as "0.0.0.0:443"; "" for none.
        pub listen_tls: String = String::new();
        /// Connections, publishers and players together. One more is closed at once.
        pub connections: usize = 10_000, in 1..=1_000_000;
        /// The same from one address, loopback exempt.
        pub connections_per_address: usize = 200, in 1..=1_000_000;
        /// Milliseconds until a connection has said `connect`, TLS and handshake included.
        pub connect_within_ms: u64 = 10_000, in 500..=120_000;
        /// Milliseconds from there until it publishes or plays.
        pub choose_within_ms: u64 = 5_000, in 500..=120_000;
        /// Milliseconds after which a publisher that sends nothing at all is given up. Phones in the background send
        /// little, and all answer pings.
        pub silence_ms: u64 = 60_000, in 5_000..=600_000;
        /// Bytes of one chunk that we send. More costs less; players with little memory want less.
        pub chunk_bytes: usize = 4_096, in 128..=65_536;
        /// Milliseconds that sound waits for the next picture, to go to each player with it: two messages a picture for
        /// the price of one, and the kernel's part of that price is nearly all of it. 0: each message goes at once.
        pub merge_ms: u64 = 30, in 0..=500;
        /// Milliseconds of media that wait for a player that reads too slowly. Above, whole pictures are left out up
        /// to the next keyframe, and sound last of all.
        pub player_queue_ms: u64 = 2_000, in 200..=30_000;
        /// Bytes of the same.
        pub player_queue_bytes: usize = 8_388_608, in 262_144..=268_435_456;
        /// Milliseconds after which a player that takes nothing is closed.
        pub player_stalled_ms: u64 = 10_000, in 1_000..=120_000;
        /// Milliseconds of a stream kept for players that come: they have a picture at once and start that much
        /// behind. 0: they wait for the next keyframe.
        pub cache_ms: u64 = 10_000, in 0..=60_000;
        /// Bytes of the same.
        pub cache_bytes: usize = 4_194_304, in 0..=67_108_864;
        /// Milliseconds that a stream whose publisher is lost waits for it to come back; its players wait with it.
        pub publisher_back_ms: u64 = 30_000, in 0..=600_000;
        /// Days that an address signed by txSecret and txTime may be good for. Later ones are refused.
        pub signed_days_max: u64 = 180, in 1..=3_650;
        /// Other RTMP servers that one room's streams may be sent on to at the same time.
        pub pushes_per_room: usize = 4, in 0..=100;
    }
}

impl Rtmp {
    pub fn connect_within(&self) -> Duration {
        Duration::from_millis(self.connect_within_ms)
    }

    pub fn choose_within(&self) -> Duration {
        Duration::from_millis(self.choose_within_ms)
    }

    pub fn silence(&self) -> Duration {
        Duration::from_millis(self.silence_ms)
    }

    pub fn merge(&self) -> Duration {
        Duration::from_millis(self.merge_ms)
    }

    pub fn player_queue(&self) -> Duration {
        Duration::from_millis(self.player_queue_ms)
    }

    pub fn player_stalled(&self) -> Duration {
        Duration::from_millis(self.player_stalled_ms)
    }

    pub fn cache(&self) -> Duration {
        Duration::from_millis(self.cache_ms)
    }

    pub fn publisher_back(&self) -> Duration {
        Duration::from_millis(self.publisher_back_ms)
    }

    pub fn signed_life_max(&self) -> Duration {
        Duration::from_secs(self.signed_days_max * 24 * 60 * 60)
    }

    /// `None`: RTMPS is off, or the address is no address.
    pub fn tls_address(&self) -> Option<SocketAddr> {
        self.listen_tls.parse().ok()
    }

    /// RTMPS has an address in its form.
    pub fn validate(&self) -> Result<(), BadValue> {
        if self.listen_tls.is_empty() || self.tls_address().is_some() {
            return Ok(());
        }
        Err(BadValue {
            key: "rtmp.listen_tls".to_owned(),
            value: format!("{:?}", self.listen_tls),
            allowed: "an address and a port, as \"0.0.0.0:443\", or \"\"".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Section;

    #[test]
    fn defaults_stand_within_their_own_bounds() {
        assert_eq!(Rtmp::default().check_bounds("rtmp"), Ok(()));
        assert_eq!(Rtmp::default().validate(), Ok(()));
    }

    #[test]
    fn rtmps_wants_an_address() {
        let rtmp = |text: &str| Rtmp { listen_tls: text.into(), ..Rtmp::default() };
        assert_eq!(rtmp("0.0.0.0:443").validate(), Ok(()));
        assert!(rtmp("443").validate().is_err_and(|bad| bad.key == "rtmp.listen_tls"));
    }
}

//! `[listen]`: which addresses and ports, and under which names the outside knows them.

use crate::BadValue;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

crate::section! {
    /// Addresses and ports.
    pub struct Listen {
        /// HTTP and WebSocket: the demo page, the client modules, /ws, WHIP and WHEP. "0.0.0.0:8080" for all of IPv4,
        /// "[::]:8080" for all of IPv6 and IPv4. Port 0: any free one.
        pub http: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
        /// /metrics, /healthz and /readyz. Nobody is asked for a password here: keep it off public networks.
        pub admin: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 7980));
        /// Certificate chain (PEM) for HTTPS and WSS; "" serves plain HTTP. Browsers give camera and microphone to
        /// HTTPS pages only, localhost aside. Read again when the file changes; open connections stay.
        pub tls_cert: PathBuf = PathBuf::new();
        /// Private key (PEM) of the certificate.
        pub tls_key: PathBuf = PathBuf::new();
        /// Milliseconds between two looks at certificate and key. A pair that does not fit is logged and left alone.
        pub tls_reload_ms: u64 = 30_000, in 100..=3_600_000;
        /// The address that users reach `http` under, as "https://call.example.com"; "" for the address itself.
        pub public_url: String = String::new();
        /// Pages that may open the WebSocket, as "https://app.example.com". Empty: all. A client shows its UserSig
        /// and never a cookie, so a foreign page gains nothing; a list spares you foreign use.
        pub origins: Vec<String> = Vec::new();
        /// UDP port of the first media worker; worker i takes port + i. 0: any free ones.
        pub udp_port: u16 = 7882;
        /// TCP port for media where UDP is blocked (ICE-TCP). 0: any free one.
        pub tcp_port: u16 = 7881;
        /// Addresses that media is offered at. Empty: every address of this host; behind NAT name the public one.
        pub advertise: Vec<IpAddr> = Vec::new();
        /// Media threads. 0: one per core.
        pub media_workers: usize = 0, in 0..=256;
        /// Milliseconds that a stop waits for what is under way.
        pub stop_within_ms: u64 = 10_000, in 0..=600_000;
    }
}

impl Listen {
    pub fn stop_within(&self) -> Duration {
        Duration::from_millis(self.stop_within_ms)
    }

    pub fn tls_reload(&self) -> Duration {
        Duration::from_millis(self.tls_reload_ms)
    }

    /// Whether certificate files are named.
    pub fn tls(&self) -> bool {
        !self.tls_cert.as_os_str().is_empty()
    }

    /// Certificate and key come together, addresses in their form.
    pub fn validate(&self) -> Result<(), BadValue> {
        if self.tls_cert.as_os_str().is_empty() != self.tls_key.as_os_str().is_empty() {
            let allowed = "both listen.tls_cert and listen.tls_key, or neither";
            return Err(bad("tls_cert", &self.tls_cert.display().to_string(), allowed));
        }
        if let Some(origin) = self.origins.iter().find(|origin| !is_origin(origin)) {
            return Err(bad("origins", origin, "scheme and host without a path, as \"https://app.example.com\""));
        }
        if !self.public_url.is_empty() && !is_origin(&self.public_url) {
            return Err(bad("public_url", &self.public_url, "scheme and host, as \"https://call.example.com\""));
        }
        if let Some(address) = self.advertise.iter().find(|address| address.is_unspecified()) {
            return Err(bad("advertise", &address.to_string(), "addresses that clients can send to"));
        }
        Ok(())
    }
}

fn bad(knob: &str, value: &str, allowed: &str) -> BadValue {
    BadValue { key: format!("listen.{knob}"), value: format!("{value:?}"), allowed: allowed.to_owned() }
}

fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '?', '#', '@']) && host.is_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificate_without_key_is_refused() {
        let listen = Listen { tls_cert: "cert.pem".into(), ..Listen::default() };
        assert!(listen.validate().is_err_and(|bad| bad.key == "listen.tls_cert"));
        let listen = Listen { tls_key: "key.pem".into(), ..listen };
        assert_eq!(listen.validate(), Ok(()));
    }

    #[test]
    fn origins_have_a_scheme_and_no_path() {
        for (origin, good) in [
            ("https://a.example", true),
            ("http://localhost:3000", true),
            ("a.example", false),
            ("https://a.example/", false),
            ("https://", false),
            ("*", false),
        ] {
            let listen = Listen { origins: vec![origin.to_owned()], ..Listen::default() };
            assert_eq!(listen.validate().is_ok(), good, "{origin}");
        }
    }
}

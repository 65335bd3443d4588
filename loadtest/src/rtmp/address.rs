//! Where to: `rtmp://host:port/app/name?query`, `http://host:port/path.flv?query`, and `raw://host:port` for a bare
//! server that sends without being asked.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) socket: SocketAddr,
    pub(crate) target: Target,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Rtmp { app: String, name: String, tc_url: String },
    Flv { host: String, path: String },
    Raw,
}

impl Address {
    /// Cuts an RTMP path at its first slash, as ffmpeg does.
    pub(crate) fn parse(url: &str) -> io::Result<Self> {
        let bad = |why: &str| io::Error::new(io::ErrorKind::InvalidInput, format!("{url}: {why}"));
        let (scheme, rest) = url.split_once("://").ok_or_else(|| bad("no scheme"))?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let port = match scheme {
            "rtmp" => "1935",
            "http" => "80",
            _ => "",
        };
        let with_port = if host.contains(':') { host.to_owned() } else { format!("{host}:{port}") };
        let socket = with_port.to_socket_addrs()?.next().ok_or_else(|| bad("no such host"))?;
        let target = match scheme {
            "rtmp" => {
                let (app, name) = path.split_once('/').ok_or_else(|| bad("no stream name"))?;
                let tc_url = format!("rtmp://{host}/{app}");
                Target::Rtmp { app: app.to_owned(), name: name.to_owned(), tc_url }
            }
            "http" => Target::Flv { host: host.to_owned(), path: format!("/{path}") },
            "raw" => Target::Raw,
            _ => return Err(bad("neither rtmp, http nor raw")),
        };
        Ok(Self { socket, target })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_cut_as_ffmpeg_cuts_them() {
        let rtmp = Address::parse("rtmp://127.0.0.1:1936/live/14/1/bob?token=x/y").expect("an address");
        assert_eq!(rtmp.socket.port(), 1936);
        let target = Target::Rtmp {
            app: "live".to_owned(),
            name: "14/1/bob?token=x/y".to_owned(),
            tc_url: "rtmp://127.0.0.1:1936/live".to_owned(),
        };
        assert_eq!(rtmp.target, target);
        let flv = Address::parse("http://127.0.0.1:8080/live/a.flv?t=1").expect("an address");
        assert_eq!(flv.target, Target::Flv { host: "127.0.0.1:8080".to_owned(), path: "/live/a.flv?t=1".to_owned() });
        assert_eq!(Address::parse("raw://127.0.0.1:9").expect("an address").target, Target::Raw);
        for bad in ["127.0.0.1/live/a", "rtmp://127.0.0.1/live", "rtsp://127.0.0.1/live/a", "raw://127.0.0.1"] {
            assert!(Address::parse(bad).is_err(), "{bad}");
        }
    }
}

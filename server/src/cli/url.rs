//! Ready addresses for WHIP, WHEP, RTMP and HTTP-FLV clients.

use super::{Result, Signer};
use carillon_config::Config;
use carillon_proto::id::{RoomId, UserId};
use carillon_rtmp::address::percent_encode;
use clap::{Args, ValueEnum};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

#[derive(Debug, Args)]
pub(super) struct Url {
    #[command(flatten)]
    signer: Signer,
    /// A numeric room, 1 to 4294967295
    #[arg(long, required_unless_present = "str_room", conflicts_with = "str_room", value_parser = clap::value_parser!(u32).range(1..))]
    room: Option<u32>,
    /// A room with a text as its name; "123" is another one than the room 123
    #[arg(long)]
    str_room: Option<String>,
    /// whip and rtmp-publish publish, whep, rtmp-play and flv play
    #[arg(long = "as", value_enum, default_value_t = Kind::Whip)]
    kind: Kind,
    /// whep: play this publisher only; rtmp-play, flv: play this publisher (default: --user)
    #[arg(long)]
    from: Option<String>,
    /// rtmp-play, flv: the publisher's screen
    #[arg(long)]
    screen: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Whip,
    Whep,
    RtmpPublish,
    RtmpPlay,
    Flv,
}

impl Url {
    /// WHIP and WHEP: two lines, the address, and the header that signs it. Else one line that signs itself.
    pub(super) fn make(&self, config: &Config) -> Result<String> {
        let (app, user, sig) = self.signer.sign(config)?;
        let room = match (&self.room, &self.str_room) {
            (Some(number), _) => RoomId::number(u64::from(*number)),
            (None, Some(text)) => RoomId::text(text.as_str()),
            (None, None) => None,
        };
        let room = room.ok_or("a room's name has 1 to 64 bytes and no control characters")?;
        let from = match &self.from {
            Some(from) => Some(UserId::new(from.as_str()).ok_or("--from is no user")?),
            None => None,
        };
        if from.is_some() && matches!(self.kind, Kind::Whip | Kind::RtmpPublish) {
            return Err("--from goes with whep, rtmp-play and flv".into());
        }
        let (room, publisher) = (percent_encode(&room.to_string()), from.as_ref().unwrap_or(&user));
        let whip = |kind: &str, query: String| {
            format!("{}/{kind}/{}/{room}/{user}{query}\nAuthorization: Bearer {sig}", base(config), app.0)
        };
        let live = |base: String, suffix: &str| {
            let screen = if self.screen { "&track=screen" } else { "" };
            let token = percent_encode(&sig);
            format!("{base}/live/{}/{room}/{publisher}{suffix}?user={user}&token={token}{screen}", app.0)
        };
        Ok(match self.kind {
            Kind::Whip => whip("whip", String::new()),
            Kind::Whep => whip("whep", from.map(|from| format!("?from={from}")).unwrap_or_default()),
            Kind::RtmpPublish | Kind::RtmpPlay => live(rtmp_base(config), ""),
            Kind::Flv => live(base(config), ".flv"),
        })
    }
}

/// The host of `listen.public_url` where there is one: RTMP is on the same machine.
fn rtmp_base(config: &Config) -> String {
    let listen = config.rtmp.listen;
    let public = config.listen.public_url.split_once("://").map(|(_, host)| host);
    let host = public.map(|host| match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        Some(_) | None => host,
    });
    match host {
        Some(host) => format!("rtmp://{host}:{}", listen.port()),
        None => format!("rtmp://{}", reachable(listen)),
    }
}

fn base(config: &Config) -> String {
    if !config.listen.public_url.is_empty() {
        return config.listen.public_url.clone();
    }
    let scheme = if config.listen.tls() { "https" } else { "http" };
    format!("{scheme}://{}", reachable(config.listen.http))
}

fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(public_url: &str) -> String {
        let mut config = Config::default();
        config.listen.public_url = public_url.to_owned();
        rtmp_base(&config)
    }

    #[test]
    fn rtmp_is_at_the_host_of_http() {
        assert_eq!(address(""), "rtmp://127.0.0.1:1935");
        assert_eq!(address("https://call.example.com"), "rtmp://call.example.com:1935");
        assert_eq!(address("https://call.example.com:8443"), "rtmp://call.example.com:1935");
        assert_eq!(address("https://[2001:db8::1]"), "rtmp://[2001:db8::1]:1935");
    }
}

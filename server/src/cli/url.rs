//! Ready addresses for WHIP and WHEP clients.

use super::{Result, Signer};
use carillon_config::Config;
use carillon_proto::id::{RoomId, UserId};
use clap::{Args, ValueEnum};
use std::net::{IpAddr, Ipv4Addr};

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
    /// whip publishes, whep plays
    #[arg(long = "as", value_enum, default_value_t = Kind::Whip)]
    kind: Kind,
    /// whep: play this publisher only
    #[arg(long)]
    from: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Whip,
    Whep,
}

impl Url {
    /// Two lines: the address, and the header that signs it.
    pub(super) fn make(&self, config: &Config) -> Result<String> {
        let (app, user, sig) = self.signer.sign(config)?;
        let room = match (&self.room, &self.str_room) {
            (Some(number), _) => RoomId::number(u64::from(*number)),
            (None, Some(text)) => RoomId::text(text.as_str()),
            (None, None) => None,
        };
        let room = room.ok_or("a room's name has 1 to 64 bytes and no control characters")?;
        let kind = match self.kind {
            Kind::Whip => "whip",
            Kind::Whep => "whep",
        };
        let from = match (&self.from, self.kind) {
            (Some(_), Kind::Whip) => return Err("--from goes with --as whep".into()),
            (Some(from), Kind::Whep) => format!("?from={}", UserId::new(from.as_str()).ok_or("--from is no user")?),
            (None, Kind::Whip | Kind::Whep) => String::new(),
        };
        let base = base(config);
        let room = percent_encode(&room.to_string());
        Ok(format!("{base}/{kind}/{}/{room}/{user}{from}\nAuthorization: Bearer {sig}", app.0))
    }
}

fn base(config: &Config) -> String {
    if !config.listen.public_url.is_empty() {
        return config.listen.public_url.clone();
    }
    let scheme = if config.listen.tls() { "https" } else { "http" };
    let mut address = config.listen.http;
    if address.ip().is_unspecified() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    format!("{scheme}://{address}")
}

/// RFC 3986's unreserved characters stay, and the colon, which a path segment may hold.
fn percent_encode(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' => char::from(b).to_string(),
            _ => format!("%{b:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_room_is_one_segment() {
        assert_eq!(percent_encode("str:a/b é"), "str:a%2Fb%20%C3%A9");
        assert_eq!(percent_encode("123"), "123");
    }
}

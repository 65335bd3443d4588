//! Which stream a client means, and by what right it comes: what stands in `connect`, in the stream's name and in the
//! address of an HTTP-FLV player.
//!
//! `live/{app}/{room}/{publisher}?user={who}&token={UserSig of who}`: clients cut this in two at any slash, and put the
//! query into either part. The vendor's shape for addresses that a back end signs is taken too:
//! `live/{app}/{room}/{publisher}?txSecret=…&txTime=…`.

use carillon_config::Secret;
use carillon_proto::id::{AppId, RoomId, UserId};
use std::fmt;

/// Bytes of all the parts together. A UserSig has some 200, with a PrivateMapKey twice that.
const BYTES_MAX: usize = 4_096;
/// Parameters of one query.
const PARAMETERS_MAX: usize = 16;

/// One publisher's picture and sound in one room. The screen is a stream of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamKey {
    pub app: AppId,
    pub room: RoomId,
    pub publisher: UserId,
    pub screen: bool,
}

impl StreamKey {
    /// `{app}/{room}/{publisher}` as it stands in addresses. This is what a back end signs.
    pub fn path(&self) -> String {
        format!("{}/{}/{}", self.app.0, percent_encode(&self.room.to_string()), self.publisher)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub stream: StreamKey,
    pub proof: Proof,
}

/// By what right somebody comes. Not checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// A user's own: the UserSig says who it is, the room decides.
    User { user: UserId, token: Secret, private_map_key: Option<Secret> },
    /// The operator's: a back end signed the address itself, for whoever has it.
    Signed { secret: Secret, time: String },
}

/// Why an address names no stream. The client's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadAddress {
    TooLong,
    /// Not `live/{app}/{room}/{publisher}`.
    Path,
    /// `%` without two hexadecimal digits behind it, or no UTF-8.
    Encoding,
    /// `track` is neither `main` nor `screen`.
    Track,
    /// Neither `user` and `token` nor `txSecret` and `txTime`.
    NoProof,
}

impl fmt::Display for BadAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the address is too long",
            Self::Path => "the address is not /live/{app}/{room}/{publisher}",
            Self::Encoding => "the address is not percent-encoded UTF-8",
            Self::Track => "track is main or screen",
            Self::NoProof => "the address has neither user and token nor txSecret and txTime",
        })
    }
}

impl Address {
    /// From the parts that RTMP clients send: `app` and `tcUrl` of `connect`, and the stream's name of `publish` or
    /// `play`. Where a parameter comes twice, the name's wins, then the app's.
    pub fn parse(app: &str, tc_url: &str, name: &str) -> Result<Self, BadAddress> {
        if app.len() + tc_url.len() + name.len() > BYTES_MAX {
            return Err(BadAddress::TooLong);
        }
        let (app_path, app_query) = split_query(app);
        let (name_path, name_query) = split_query(name);
        let (_, url_query) = split_query(tc_url);
        let query = Query::parse(&[name_query, app_query, url_query])?;
        let path = format!("{}/{}", app_path.trim_matches('/'), name_path.trim_matches('/'));
        let stream = stream(path.trim_matches('/'), query.get("track"))?;
        Ok(Self { stream, proof: proof(&query)? })
    }
}

/// Outside of RFC 3986's unreserved characters, and the colon that a path segment may hold, everything is `%XX`.
pub fn percent_encode(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' => char::from(b).to_string(),
            _ => format!("%{b:02X}"),
        })
        .collect()
}

/// Some clients decode the name themselves, so that a room's text may come with slashes of its own.
fn stream(path: &str, track: Option<&str>) -> Result<StreamKey, BadAddress> {
    let rest = path.strip_prefix("live/").ok_or(BadAddress::Path)?;
    let (app, rest) = rest.split_once('/').ok_or(BadAddress::Path)?;
    let (room, publisher) = rest.rsplit_once('/').ok_or(BadAddress::Path)?;
    let canonical = !app.starts_with('0') && app.bytes().all(|b| b.is_ascii_digit());
    let app = canonical.then(|| app.parse().ok()).flatten().map(AppId).ok_or(BadAddress::Path)?;
    let room = RoomId::parse_canonical(&percent_decode(room)?).ok_or(BadAddress::Path)?;
    let publisher = UserId::new(percent_decode(publisher)?).ok_or(BadAddress::Path)?;
    let screen = match track {
        None | Some("main") => false,
        Some("screen") => true,
        Some(_) => return Err(BadAddress::Track),
    };
    Ok(StreamKey { app, room, publisher, screen })
}

fn proof(query: &Query) -> Result<Proof, BadAddress> {
    if let (Some(user), Some(token)) = (query.get("user"), query.get("token")) {
        let user = UserId::new(user).ok_or(BadAddress::NoProof)?;
        let private_map_key = query.get("privateMapKey").map(Secret::new);
        return Ok(Proof::User { user, token: Secret::new(token), private_map_key });
    }
    match (query.get("txSecret"), query.get("txTime")) {
        (Some(secret), Some(time)) => Ok(Proof::Signed { secret: Secret::new(secret), time: time.to_owned() }),
        (None, _) | (_, None) => Err(BadAddress::NoProof),
    }
}

fn split_query(text: &str) -> (&str, &str) {
    text.split_once('?').unwrap_or((text, ""))
}

struct Query(Vec<(String, String)>);

impl Query {
    fn parse(parts: &[&str]) -> Result<Self, BadAddress> {
        let pairs = parts.iter().flat_map(|part| part.split('&')).filter_map(|pair| pair.split_once('='));
        let pairs = pairs.take(PARAMETERS_MAX);
        let decoded = pairs.map(|(key, value)| Ok((percent_decode(key)?, percent_decode(value)?)));
        decoded.collect::<Result<_, _>>().map(Self)
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
    }
}

fn percent_decode(text: &str) -> Result<String, BadAddress> {
    if !text.contains('%') {
        return Ok(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'%' {
            let (digits, after) = rest.split_at_checked(2).ok_or(BadAddress::Encoding)?;
            let digits = str::from_utf8(digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
            bytes.push(digits.and_then(|d| u8::from_str_radix(d, 16).ok()).ok_or(BadAddress::Encoding)?);
            rest = after;
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).map_err(|_| BadAddress::Encoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(room: RoomId, screen: bool) -> StreamKey {
        StreamKey { app: AppId(1400000001), room, publisher: UserId::new("amy").expect("a user"), screen }
    }

    fn by_token() -> Proof {
        let user = UserId::new("ben").expect("a user");
        Proof::User { user, token: Secret::new("eJ*-_x"), private_map_key: None }
    }

    #[test]
    fn address_is_found_however_a_client_cuts_it() {
        let query = "user=ben&token=eJ*-_x";
        for (app, url, name) in [
            ("live/1400000001", "rtmp://h:1935/live/1400000001", format!("7/amy?{query}")),
            ("live", "rtmp://h/live", format!("1400000001/7/amy?{query}")),
            ("live/1400000001/7", "rtmp://h/live/1400000001/7", format!("amy?{query}")),
            ("live/1400000001/7/", "", format!("/amy?{query}")),
            ("/live/1400000001/7?user=ben&token=eJ*-_x", "", "amy".into()),
            ("live/1400000001/7", "rtmp://h/live/1400000001/7?user=ben&token=eJ%2A-_x", "amy".into()),
        ] {
            let parsed = Address::parse(app, url, &name);
            let expected = Address { stream: key(RoomId::Number(7), false), proof: by_token() };
            assert_eq!(parsed, Ok(expected), "{app} {url} {name}");
        }
    }

    #[test]
    fn rooms_of_text_and_the_screen_have_their_streams() {
        let text = RoomId::text("a/b é").expect("a room");
        for room in ["str:a%2Fb%20%C3%A9", "str:a/b é"] {
            let name = format!("{room}/amy?user=ben&token=eJ*-_x&track=screen");
            let parsed = Address::parse("live/1400000001", "", &name).expect("an address");
            assert_eq!(parsed.stream, key(text.clone(), true));
        }
        assert_eq!(key(text, true).path(), "1400000001/str:a%2Fb%20%C3%A9/amy");
    }

    #[test]
    fn signed_address_names_no_user() {
        let name = "7/amy?txSecret=0f&txTime=5C271099";
        let proof = Address::parse("live/1400000001", "", name).expect("an address").proof;
        assert_eq!(proof, Proof::Signed { secret: Secret::new("0f"), time: "5C271099".into() });
    }

    #[test]
    fn what_names_no_stream_is_refused() {
        let proof = "user=ben&token=x";
        for (name, fault) in [
            (format!("live/1/7/amy?{proof}&track=left"), BadAddress::Track),
            (format!("live/1/7/a%2?{proof}"), BadAddress::Encoding),
            (format!("live/1/7/%ff?{proof}"), BadAddress::Encoding),
            (format!("live/1/0/amy?{proof}"), BadAddress::Path),
            (format!("live/01/7/amy?{proof}"), BadAddress::Path),
            (format!("live/1/amy?{proof}"), BadAddress::Path),
            (format!("live/1/7/../amy?{proof}"), BadAddress::Path),
            (format!("vod/1/7/amy?{proof}"), BadAddress::Path),
            (format!("live/1/7/a\0my?{proof}"), BadAddress::Path),
            (String::new(), BadAddress::Path),
            ("live/1/7/amy".into(), BadAddress::NoProof),
            ("live/1/7/amy?user=ben".into(), BadAddress::NoProof),
            ("live/1/7/amy?txSecret=x".into(), BadAddress::NoProof),
            (format!("live/1/7/amy?{proof}&x={}", "y".repeat(5000)), BadAddress::TooLong),
        ] {
            assert_eq!(Address::parse("", "", &name), Err(fault), "{name:.60}");
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        let address = Address::parse("", "", "live/1/7/amy?user=ben&token=hunter2").expect("an address");
        assert!(!format!("{address:?}").contains("hunter2"));
    }
}

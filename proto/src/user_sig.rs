//! UserSig and PrivateMapKey: the vendor's signed texts (TLSSigAPIv2) that say who a user is and what it may do in a
//! room. `now` is an argument: nothing here reads a clock.
//!
//! A text is zlib-packed JSON in base64 with `+` `/` `=` written as `*` `-` `_` (which is not base64url). The JSON's
//! `TLS.sig` is an HMAC-SHA256 over its other values, written as lines. The key is used as text, not as hex digits.

mod map_key;

pub use map_key::{MapKeyError, PrivateMapKey, Privileges};

use crate::gateway::{ErrorBody, code};
use crate::id::{AppId, UserId};
use crate::time::UnixMillis;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::io::{Read, Write};
use std::time::Duration;

/// A longer text is refused unread. Real ones have 200 to 300 bytes; a userbuf adds some hundred.
pub const TEXT_BYTES_MAX: usize = 8 * 1024;
/// What the text may unpack to. Deflate packs up to a thousandfold, so the packed size alone bounds nothing.
pub const JSON_BYTES_MAX: usize = 4 * 1024;
/// How far in the future `TLS.time` may lie: clocks of app servers are not exact. Larger only lengthens the life of a
/// UserSig that its maker dated ahead.
pub const CLOCK_SKEW_MAX: Duration = Duration::from_secs(5 * 60);

/// What a checked text says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserSig {
    pub app: AppId,
    pub user: UserId,
    /// When it was made, Unix seconds.
    pub time: u64,
    /// Seconds of life from `time` on.
    pub expire: u64,
    /// Present in a PrivateMapKey.
    pub userbuf: Option<Vec<u8>>,
}

/// Why a text is refused; each has a code that the vendor's clients know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SigError {
    Empty,
    /// Too long, not the alphabet, not zlib, unpacks to too much, not the JSON, another version.
    Malformed,
    /// Signed for another app.
    OtherApp,
    /// Signed for another user.
    OtherUser,
    /// The app has no key to check with.
    NoKey,
    /// No key of the app made this signature.
    WrongKey,
    Expired,
    /// Made later than now, beyond [`CLOCK_SKEW_MAX`].
    NotYetValid,
}

impl SigError {
    pub fn body(self) -> ErrorBody {
        let (code, message) = match self {
            Self::Empty => (code::USER_SIG_EMPTY, "the UserSig is empty"),
            Self::Malformed => (code::USER_SIG_MALFORMED, "the UserSig cannot be read: was it cut or re-encoded?"),
            Self::OtherApp => (code::USER_SIG_OTHER_APP, "the UserSig was made for another SDKAppID"),
            Self::OtherUser => (code::USER_SIG_OTHER_USER, "the UserSig was made for another user"),
            Self::NoKey => (code::NO_KEY, "this app has no key: add one to its `keys` in the configuration"),
            Self::WrongKey => (code::USER_SIG_WRONG_KEY, "the UserSig was made with a key that is not this app's"),
            Self::Expired => (code::USER_SIG_EXPIRED, "the UserSig has expired: make a new one"),
            Self::NotYetValid => (
                code::USER_SIG_EXPIRED,
                "the UserSig is dated in the future: compare the clocks of its maker and the server",
            ),
        };
        ErrorBody::new(code, message)
    }
}

/// The signed object, field by field as it is written. Numbers are numbers: `"1"`, `1.0` and `01` are refused, and so
/// is a field that comes twice.
#[derive(Serialize, Deserialize)]
struct Signed {
    #[serde(rename = "TLS.ver")]
    version: String,
    #[serde(rename = "TLS.identifier")]
    identifier: String,
    #[serde(rename = "TLS.sdkappid")]
    app: u32,
    #[serde(rename = "TLS.time")]
    time: u64,
    #[serde(rename = "TLS.expire")]
    expire: u64,
    #[serde(rename = "TLS.userbuf", default, skip_serializing_if = "Option::is_none")]
    userbuf: Option<String>,
    #[serde(rename = "TLS.sig")]
    sig: String,
}

const VERSION: &str = "2.0";

impl UserSig {
    /// Checks `text` as the UserSig of `user` in `app` at `now` against each of the app's keys.
    ///
    /// The signature is judged before the times, so only a genuine text is ever called expired.
    pub fn check<K: AsRef<str>>(
        text: &str,
        app: AppId,
        user: &UserId,
        keys: &[K],
        now: UnixMillis,
    ) -> Result<Self, SigError> {
        let signed = unpack(text)?;
        if signed.app != app.0 {
            return Err(SigError::OtherApp);
        }
        if signed.identifier != user.as_str() {
            return Err(SigError::OtherUser);
        }
        signed.check_signature(keys)?;
        let userbuf = signed.userbuf.as_ref().map(|text| STANDARD.decode(text)).transpose();
        let userbuf = userbuf.map_err(|_| SigError::Malformed)?;
        let sig = Self { app, user: user.clone(), time: signed.time, expire: signed.expire, userbuf };
        sig.check_times(now)?;
        Ok(sig)
    }

    /// The signed text, made with `key`.
    pub fn make(&self, key: &str) -> String {
        let mut signed = Signed {
            version: VERSION.to_owned(),
            identifier: self.user.as_str().to_owned(),
            app: self.app.0,
            time: self.time,
            expire: self.expire,
            userbuf: self.userbuf.as_ref().map(|bytes| STANDARD.encode(bytes)),
            sig: String::new(),
        };
        signed.sig = STANDARD.encode(signed.mac(key).finalize().into_bytes());
        pack(&signed)
    }

    /// The last moment at which it is good. Saturates: a life beyond the end of time is one that does not end.
    pub fn expires(&self) -> UnixMillis {
        UnixMillis::from_secs(self.time.saturating_add(self.expire))
    }

    fn check_times(&self, now: UnixMillis) -> Result<(), SigError> {
        if UnixMillis::from_secs(self.time) > now.plus(CLOCK_SKEW_MAX) {
            return Err(SigError::NotYetValid);
        }
        if now > self.expires() {
            return Err(SigError::Expired);
        }
        Ok(())
    }
}

impl Signed {
    fn check_signature<K: AsRef<str>>(&self, keys: &[K]) -> Result<(), SigError> {
        if keys.is_empty() {
            return Err(SigError::NoKey);
        }
        let sig = STANDARD.decode(&self.sig).map_err(|_| SigError::Malformed)?;
        // `verify_slice` compares in constant time (hmac, over subtle).
        let genuine = keys.iter().any(|key| self.mac(key.as_ref()).verify_slice(&sig).is_ok());
        if genuine { Ok(()) } else { Err(SigError::WrongKey) }
    }

    fn mac(&self, key: &str) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any key length");
        mac.update(format!("TLS.identifier:{}\n", self.identifier).as_bytes());
        mac.update(format!("TLS.sdkappid:{}\n", self.app).as_bytes());
        mac.update(format!("TLS.time:{}\n", self.time).as_bytes());
        mac.update(format!("TLS.expire:{}\n", self.expire).as_bytes());
        if let Some(userbuf) = &self.userbuf {
            mac.update(format!("TLS.userbuf:{userbuf}\n").as_bytes());
        }
        mac
    }
}

/// Text to JSON object, every step bounded. Whatever of it is signed is still to be checked.
fn unpack(text: &str) -> Result<Signed, SigError> {
    if text.is_empty() {
        return Err(SigError::Empty);
    }
    if text.len() > TEXT_BYTES_MAX {
        return Err(SigError::Malformed);
    }
    let standard = map_alphabet(text.as_bytes(), from_text).ok_or(SigError::Malformed)?;
    let packed = STANDARD.decode(standard).map_err(|_| SigError::Malformed)?;
    let json = inflate(&packed).ok_or(SigError::Malformed)?;
    let signed: Signed = serde_json::from_slice(&json).map_err(|_| SigError::Malformed)?;
    // The identifier's alphabet has no line end, so it cannot write a line of its own into what is signed.
    let sound = signed.version == VERSION && UserId::new(signed.identifier.as_str()).is_some();
    if sound { Ok(signed) } else { Err(SigError::Malformed) }
}

fn inflate(packed: &[u8]) -> Option<Vec<u8>> {
    let mut decoder = flate2::bufread::ZlibDecoder::new(packed);
    let mut json = Vec::new();
    decoder.by_ref().take(JSON_BYTES_MAX as u64 + 1).read_to_end(&mut json).ok()?;
    let all_read = decoder.total_in() == packed.len() as u64;
    (json.len() <= JSON_BYTES_MAX && all_read).then_some(json)
}

fn pack(signed: &Signed) -> String {
    #[expect(clippy::expect_used, reason = "text and numbers are JSON, memory takes all bytes")]
    let packed = {
        let json = serde_json::to_vec(signed).expect("plain values");
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&json).expect("memory");
        encoder.finish().expect("memory")
    };
    STANDARD.encode(packed).bytes().map(|b| char::from(to_text(b))).collect()
}

fn map_alphabet(text: &[u8], map: fn(u8) -> Option<u8>) -> Option<Vec<u8>> {
    text.iter().map(|b| map(*b)).collect()
}

/// The vendor's map. The standard alphabet's own `+`, `/` and `=` are not in the text's alphabet.
fn from_text(b: u8) -> Option<u8> {
    match b {
        b'*' => Some(b'+'),
        b'-' => Some(b'/'),
        b'_' => Some(b'='),
        b'+' | b'/' | b'=' => None,
        b => Some(b),
    }
}

fn to_text(b: u8) -> u8 {
    match b {
        b'+' => b'*',
        b'/' => b'-',
        b'=' => b'_',
        b => b,
    }
}

/// Fuzz target: any text is judged without harm, and none is genuine.
pub fn fuzz_user_sig(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let now = UnixMillis::from_secs(1_700_000_000);
    if let Some(user) = UserId::new("xiaojun") {
        let checked = UserSig::check(&text, AppId(1_400_000_000), &user, &["no text was made with this key"], now);
        assert!(checked.is_err(), "a text that nobody signed was taken");
    }
    let _ = PrivateMapKey::parse(data);
}

#[cfg(test)]
mod tests;

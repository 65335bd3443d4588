//! Addresses that a back end signs, in the vendor's shape: `txSecret` is the hexadecimal MD5 or SHA-256 of key, stream
//! and `txTime`; `txTime` is the Unix second it is good to, as hexadecimal.
//!
//! Nothing separates the three texts: the MD5 of key, `room1` and `5C271099` is that of key, `room` and `15C271099` too.
//! So a time has exactly eight digits and lies near, and a stream's path holds none but the characters of addresses:
//! then there is one way to read the text, and bytes appended by a length extension are refused.

use crate::address::StreamKey;
use carillon_config::Secret;
use carillon_proto::time::UnixMillis;
use md5::{Digest, Md5};
use sha2::Sha256;
use std::time::Duration;
use subtle::ConstantTimeEq;

/// Digits of a time: enough until 2106.
const TIME_DIGITS: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignError {
    /// The time is not eight hexadecimal digits, or further ahead than addresses may be good for.
    Time,
    Expired,
    /// No key made this signature.
    Wrong,
}

/// Whether one of `keys` signed this stream's address, and it is still good.
pub fn check(
    keys: &[Secret],
    stream: &StreamKey,
    secret: &str,
    time: &str,
    now: UnixMillis,
    life_max: Duration,
) -> Result<(), SignError> {
    let hexadecimal = time.len() == TIME_DIGITS && time.bytes().all(|b| b.is_ascii_hexdigit());
    let until = u32::from_str_radix(time, 16).ok().filter(|_| hexadecimal).ok_or(SignError::Time)?;
    if u64::from(until) > now.plus(life_max).as_secs() {
        return Err(SignError::Time);
    }
    let given = hex_decode(secret).ok_or(SignError::Wrong)?;
    // Every key is tried, found or not: the time taken says nothing.
    let good = keys.iter().fold(false, |good, key| good | is_signed(key, &stream.path(), time, &given));
    match (good, u64::from(until) >= now.as_secs()) {
        (true, true) => Ok(()),
        (true, false) => Err(SignError::Expired),
        (false, _) => Err(SignError::Wrong),
    }
}

/// The `txSecret` (SHA-256) and `txTime` of a stream.
pub fn sign(key: &Secret, stream: &StreamKey, until: UnixMillis) -> (String, String) {
    let time = format!("{:08X}", until.as_secs());
    let text = format!("{}{}{time}", key.reveal(), stream.path());
    (hex(&Sha256::digest(text)), time)
}

fn is_signed(key: &Secret, path: &str, time: &str, given: &[u8]) -> bool {
    let text = format!("{}{path}{time}", key.reveal());
    let md5 = Md5::digest(&text).ct_eq(given);
    let sha256 = Sha256::digest(&text).ct_eq(given);
    (md5 | sha256).into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn hex_decode(text: &str) -> Option<Vec<u8>> {
    let good = text.len() <= 64 && text.len().is_multiple_of(2) && text.bytes().all(|b| b.is_ascii_hexdigit());
    good.then(|| (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;

    const KEY: &str = "0123456789abcdef";
    /// 2018-12-29, the vendor's own example.
    const TIME: &str = "5C271099";

    fn stream(name: &str) -> StreamKey {
        let address = Address::parse("live", "", &format!("{name}?txSecret=0&txTime=0"));
        address.expect("an address").stream
    }

    fn before(seconds: u64) -> UnixMillis {
        UnixMillis::from_secs(0x5C27_1099 - seconds)
    }

    fn checked(name: &str, secret: &str, time: &str, now: UnixMillis) -> Result<(), SignError> {
        let keys = [Secret::new("another key, 16+"), Secret::new(KEY)];
        check(&keys, &stream(name), secret, time, now, Duration::from_secs(24 * 3600))
    }

    fn md5(text: &str) -> String {
        hex(&Md5::digest(text))
    }

    #[test]
    fn both_digests_of_either_key_are_taken_in_either_case() {
        let text = format!("{KEY}1/7/room1{TIME}");
        let sha256 = hex(&Sha256::digest(&text));
        for secret in [md5(&text), md5(&text).to_uppercase(), sha256] {
            assert_eq!(checked("1/7/room1", &secret, TIME, before(60)), Ok(()), "{secret}");
        }
        let (secret, time) = sign(&Secret::new(KEY), &stream("1/7/room1"), before(0));
        assert_eq!(time, TIME);
        assert_eq!(checked("1/7/room1", &secret, &time, before(60)), Ok(()));
    }

    #[test]
    fn signature_fits_no_other_cut_of_the_same_text() {
        let secret = md5(&format!("{KEY}1/7/room1{TIME}"));
        for (name, time) in [("1/7/room", "15C271099"), ("1/7/room15", "C271099")] {
            assert_eq!(checked(name, &secret, time, before(60)), Err(SignError::Time), "{name}");
        }
        // A digit moved and the time brought to eight digits is another text.
        assert_eq!(checked("1/7/room15", &secret, "C2710990", before(60)), Err(SignError::Time));
    }

    #[test]
    fn length_extension_is_no_address() {
        let padded = "1/7/room15C271099\u{80}\0\0\0";
        for name in [padded.to_owned(), padded.replace('\u{80}', "%80").replace('\0', "%00")] {
            assert!(Address::parse("live", "", &format!("{name}?txSecret=0&txTime=5C271099")).is_err());
        }
    }

    #[test]
    fn time_is_near_and_not_over() {
        let secret = md5(&format!("{KEY}1/7/room1{TIME}"));
        assert_eq!(checked("1/7/room1", &secret, TIME, before(25 * 3600)), Err(SignError::Time));
        let late = UnixMillis::from_secs(0x5C27_1099 + 1);
        assert_eq!(checked("1/7/room1", &secret, TIME, late), Err(SignError::Expired));
        assert_eq!(checked("1/7/room1", "00", TIME, late), Err(SignError::Wrong), "a stranger learns nothing of it");
    }

    #[test]
    fn wrong_signatures_are_refused() {
        let secret = md5(&format!("{KEY}1/7/room1{TIME}"));
        for wrong in ["", "0", "zz", &secret[..30], &format!("{secret}00"), &"é".repeat(16)] {
            assert_eq!(checked("1/7/room1", wrong, TIME, before(60)), Err(SignError::Wrong), "{wrong}");
        }
        for other in ["1/7/room2", "1/8/room1", "2/7/room1"] {
            assert_eq!(checked(other, &secret, TIME, before(60)), Err(SignError::Wrong), "{other}");
        }
    }
}

//! What an operator may set of chat: the apps with their keys, and the bounds of sign-in, messages and groups.

use crate::BadValue;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

crate::section! {
    /// Sign-in, messages, profiles, status and groups.
    pub struct Chat {
        /// A message to a user who never signed in makes that user instead of being refused (code 20003).
        pub create_users_on_message: bool = false;
        /// Devices of one user that are signed in at once. One more ends the oldest.
        pub devices_per_user_max: usize = 10, in 1..=100;
        /// A UserSig is taken for at most this long, days, whatever it says itself. The vendor allows ten years.
        pub user_sig_days_max: u64 = 3_650, in 1..=3_650;
        /// Refused UserSigs of one user within a minute after which the code is 70050. A good UserSig still passes:
        /// nobody can lock somebody else out.
        pub bad_user_sigs_per_minute: u32 = 10, in 1..=1_000;
        /// Users whose refused UserSigs are counted at once; beyond, the first ones are forgotten.
        pub bad_user_sig_users_max: usize = 10_000, in 100..=1_000_000;
        /// Messages one user may send in a second, over all devices; twice as many at once.
        pub messages_per_second: u32 = 50, in 1..=10_000;
        /// Invitations one user may send in a minute, over all devices. Hang-up and switch notices are invitations too.
        pub invitations_per_minute: u32 = 60, in 1..=10_000;
        /// A message's payload as JSON, bytes. The vendor's bound is 12 KB.
        pub payload_bytes_max: usize = 12_288, in 256..=65_536;
        /// A message's `cloudCustomData`, bytes.
        pub cloud_custom_data_bytes_max: usize = 4_096, in 0..=65_536;
        /// Messages in one page of history.
        pub history_page_max: u16 = 100, in 1..=1_000;
        /// Conversations in a list and in a snapshot: the newest ones.
        pub conversations_max: usize = 100, in 1..=1_000;
        /// Unread messages of a conversation are counted up to here: counting is work for each sign-in.
        pub unread_max: u32 = 999, in 1..=10_000;
        /// An open invitation rings devices that sign in late for this long at most, seconds, or for its own time-out
        /// if that is shorter.
        pub invitation_seconds_max: u64 = 120, in 1..=3_600;
        /// Open invitations of one user that are kept for a late device. More: the newest ring.
        pub open_invitations_max: usize = 20, in 1..=100;
        /// Messages are kept for this long, days. 0: for ever.
        pub message_days: u64 = 0, in 0..=36_500;
        /// Call records are kept for this long, days. 0: for ever.
        pub record_days: u64 = 7, in 0..=36_500;
        /// Rows that one round of clearing out deletes at most: each round holds up everybody.
        pub expire_rows_max: u32 = 1_000, in 1..=100_000;
        /// Messages that are not stored (`onlineOnly`) and remembered per user, so that a repeated send is known.
        pub unstored_remembered_max: usize = 32, in 1..=1_000;
        /// Users in one `profile.get`, `status.get` or `group.membersOf`.
        pub users_per_request_max: usize = 100, in 1..=1_000;
        /// A nick, bytes.
        pub nick_bytes_max: usize = 128, in 1..=1_024;
        /// An avatar's address, bytes.
        pub avatar_bytes_max: usize = 512, in 16..=4_096;
        /// A custom status, bytes.
        pub custom_status_bytes_max: usize = 100, in 1..=1_024;
        /// Users that one device may watch.
        pub watched_users_max: usize = 500, in 1..=10_000;
        /// Groups that one user may be in.
        pub groups_per_user_max: usize = 500, in 1..=10_000;
        /// Members of one group. Each message of a group is handed to all of them.
        pub group_members_max: u32 = 2_000, in 2..=100_000;
        /// Users in one `group.create`, `group.invite` or `group.remove`.
        pub members_per_request_max: usize = 300, in 1..=1_000;
        /// A group's name, bytes.
        pub group_name_bytes_max: usize = 100, in 1..=1_024;
        /// A group's introduction and its notification, bytes each.
        pub group_text_bytes_max: usize = 400, in 1..=4_096;
        /// Attributes of one group that clients may set.
        pub attributes_max: usize = 16, in 1..=1_000;
        /// An attribute's key, bytes.
        pub attribute_key_bytes_max: usize = 32, in 1..=256;
        /// An attribute's value, bytes.
        pub attribute_value_bytes_max: usize = 4_096, in 1..=65_536;
        /// All keys and values of a group that clients may set, bytes.
        pub attributes_bytes_max: usize = 16_384, in 1..=1_048_576;
    }
}

impl Chat {
    pub fn user_sig_life_max(&self) -> Duration {
        Duration::from_secs(self.user_sig_days_max * SECONDS_PER_DAY)
    }

    /// `None`: for ever.
    pub fn message_life(&self) -> Option<Duration> {
        (self.message_days > 0).then(|| Duration::from_secs(self.message_days * SECONDS_PER_DAY))
    }

    /// `None`: for ever.
    pub fn record_life(&self) -> Option<Duration> {
        (self.record_days > 0).then(|| Duration::from_secs(self.record_days * SECONDS_PER_DAY))
    }
}

const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

/// `[[apps]]`: applications (tenants), strictly apart from each other.
pub type Apps = Vec<App>;

/// One application: who may sign in, and with how many devices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// The SDKAppID: 1…4294967295.
    pub id: u32,
    /// Secret keys that UserSigs are made with. The first signs, all are taken: a new key goes first, the old one is
    /// removed when its last UserSig has expired.
    #[serde(default)]
    pub keys: Vec<Secret>,
    /// Which of a user's devices may be signed in together.
    #[serde(default)]
    pub devices: DevicePolicy,
    /// Users whose UserSig may use the REST face.
    #[serde(default = "administrators")]
    pub admins: Vec<String>,
    /// Callbacks: where to, and how they are signed.
    #[serde(default)]
    pub callbacks: Callbacks,
    /// Keys of stream addresses that a back end signs by txSecret and txTime.
    #[serde(default)]
    pub streams: StreamKeys,
}

/// The vendor's name for an app's first administrator.
fn administrators() -> Vec<String> {
    vec!["administrator".to_owned()]
}

impl App {
    /// With one key, and the defaults for the rest.
    pub fn new(id: u32, key: Secret) -> Self {
        let (devices, callbacks, streams) = (DevicePolicy::All, Callbacks::default(), StreamKeys::default());
        Self { id, keys: vec![key], devices, admins: administrators(), callbacks, streams }
    }
}

/// Callbacks of one app: one address for calls and presence, one for rooms and media. Empty: none.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Callbacks {
    /// Takes the calls' callbacks unless the REST verb `set_callback` names another address.
    pub url: String,
    /// Signs them: `Sign` is the hexadecimal SHA-256 of it and `RequestTime`. Empty: they are not signed.
    pub token: Secret,
    /// Takes the callbacks of rooms and media.
    pub room_url: String,
    /// Signs them: the header `Sign` is the base64 HMAC-SHA256 of the body.
    pub room_key: Secret,
}

/// Keys of stream addresses in the vendor's shape. Two of a kind let one be replaced while addresses of both are in use.
/// Those for playing never publish: a viewer has seen its address. Empty: no such address is taken.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StreamKeys {
    pub publish: Vec<Secret>,
    pub play: Vec<Secret>,
}

/// What happens to a user's other devices when one more signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DevicePolicy {
    /// They stay.
    #[default]
    All,
    /// Those of the same platform are kicked.
    OnePerPlatform,
    /// They are kicked.
    NewestWins,
}

/// Text that is never printed: no log, error or debug output shows it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself: for signing and checking only.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Keys of one app that are taken at once: each costs a check at every refused sign-in.
const KEYS_PER_APP_MAX: usize = 8;
/// Keys of one app's stream addresses, of one kind: the one in use and the one before or after it.
const STREAM_KEYS_MAX: usize = 2;
/// A key shorter than this can be guessed; the vendor's have 64 characters.
const KEY_BYTES_MIN: usize = 16;

/// What single values cannot say: ids that come twice, apps without a usable key.
pub fn validate_apps(apps: &[App]) -> Result<(), BadValue> {
    for (at, app) in apps.iter().enumerate() {
        let bad = |key: &str, value: String, allowed: &str| {
            Err(BadValue { key: format!("apps[{at}].{key}"), value, allowed: allowed.to_owned() })
        };
        if app.id == 0 {
            return bad("id", "0".to_owned(), "1..=4294967295");
        }
        if apps[..at].iter().any(|other| other.id == app.id) {
            return bad("id", app.id.to_string(), "an id that no other app has");
        }
        for (key, url) in [("callbacks.url", &app.callbacks.url), ("callbacks.room_url", &app.callbacks.room_url)] {
            if !url.is_empty() && !url.starts_with("http://") && !url.starts_with("https://") {
                return bad(key, url.clone(), "an http:// or https:// address");
            }
        }
        let streams = &app.streams;
        for (key, keys) in [("streams.publish", &streams.publish), ("streams.play", &streams.play)] {
            if keys.len() > STREAM_KEYS_MAX || keys.iter().any(|key| key.reveal().len() < KEY_BYTES_MIN) {
                return bad(key, "(secret)".to_owned(), "2 keys at most, of 16 characters or more");
            }
        }
        if streams.publish.iter().any(|key| streams.play.contains(key)) {
            return bad("streams.play", "(secret)".to_owned(), "keys that are not those of streams.publish");
        }
        if app.keys.len() > KEYS_PER_APP_MAX {
            return bad("keys", format!("{} keys", app.keys.len()), "8 keys at most");
        }
        if let Some(short) = app.keys.iter().position(|key| key.reveal().len() < KEY_BYTES_MIN) {
            return bad(&format!("keys[{short}]"), "(secret)".to_owned(), "16 characters or more");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Section;

    #[test]
    fn defaults_are_within_their_bounds() {
        assert_eq!(Chat::default().check_bounds("chat"), Ok(()));
    }

    #[test]
    fn apps_are_read_from_a_list_of_tables() {
        #[derive(Deserialize)]
        struct File {
            apps: Apps,
        }
        let file: File = toml::from_str(
            "[[apps]]\nid = 1\nkeys = ['0123456789abcdef']\n[[apps]]\nid = 2\ndevices = 'one_per_platform'",
        )
        .expect("parses");
        assert_eq!(file.apps[0].devices, DevicePolicy::All);
        assert_eq!(file.apps[1].devices, DevicePolicy::OnePerPlatform);
        assert_eq!(validate_apps(&file.apps), Ok(()));
        assert!(toml::from_str::<File>("[[apps]]\nid = 1\nsecret = 'x'").is_err(), "unknown keys are refused");
    }

    #[test]
    fn apps_that_cannot_work_are_named() {
        let app = |id, key: &str| App::new(id, Secret::new(key));
        let good = "0123456789abcdef";
        let stream_keys =
            |publish, play| StreamKeys { publish: vec![Secret::new(publish)], play: vec![Secret::new(play)] };
        let cases = [
            (vec![app(0, good)], "apps[0].id"),
            (vec![app(1, good), app(1, good)], "apps[1].id"),
            (vec![app(1, "short")], "apps[0].keys[0]"),
            (
                vec![App { callbacks: Callbacks { url: "x".into(), ..Callbacks::default() }, ..app(1, good) }],
                "apps[0].callbacks.url",
            ),
            (vec![App { keys: vec![Secret::new(good); 9], ..app(1, good) }], "apps[0].keys"),
            (vec![App { streams: stream_keys("short", good), ..app(1, good) }], "apps[0].streams.publish"),
            (vec![App { streams: stream_keys(good, good), ..app(1, good) }], "apps[0].streams.play"),
        ];
        for (apps, key) in cases {
            assert!(validate_apps(&apps).is_err_and(|e| e.key == key), "{key}");
        }
    }

    #[test]
    fn a_secret_is_never_printed() {
        assert!(!format!("{:?}", Secret::new("hunter2hunter2hunter2")).contains("hunter2"));
    }
}

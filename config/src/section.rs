//! What one section is made of: knobs with their default, bounds and reason, written once and used three times: as
//! a struct, as the check of a file, and as the printed `default.toml`.

use serde::de::DeserializeOwned;
use std::fmt;
use toml::{Table, Value};

/// One knob of a section.
#[derive(Debug, Clone, Copy)]
pub struct Knob {
    pub name: &'static str,
    /// Lines of explanation, each with its leading blank.
    pub doc: &'static [&'static str],
    /// The bounds as written in the source (`1..=64`), where there are some.
    pub allowed: Option<&'static str>,
}

/// A table of the configuration.
pub trait Section: Default {
    const DOC: &'static [&'static str];
    const KNOBS: &'static [Knob];

    /// Takes the knobs of a table over the defaults. `section` is its name in the file.
    fn read(section: &str, table: Table) -> Result<Self, BadValue>;

    /// The first value that is out of its bounds.
    fn check_bounds(&self, section: &str) -> Result<(), BadValue>;
}

/// A value that cannot be taken: which one, what it is, what would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadValue {
    /// `section.key`
    pub key: String,
    pub value: String,
    pub allowed: String,
}

impl fmt::Display for BadValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {} is not allowed; allowed: {}", self.key, self.value, self.allowed)
    }
}

impl std::error::Error for BadValue {}

/// Declares a section: `/// doc` lines, `pub name: Type = default, in lo..=hi;` (the bounds may be left out).
///
/// Makes the struct with serde (unknown keys refused, missing keys defaulted), `Default`, and [`Section`].
#[macro_export]
macro_rules! section {
    (
        $(#[doc = $doc:expr])*
        pub struct $name:ident {
            $( $(#[doc = $knob_doc:expr])* pub $knob:ident : $type:ty = $default:expr $(, in $allowed:expr)? ; )*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $( $(#[doc = $knob_doc])* pub $knob: $type, )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $knob: $default, )* }
            }
        }

        impl $crate::Section for $name {
            const DOC: &'static [&'static str] = &[$($doc),*];
            const KNOBS: &'static [$crate::Knob] = &[
                $( $crate::Knob {
                    name: stringify!($knob),
                    doc: &[$($knob_doc),*],
                    allowed: $crate::section!(@allowed $($allowed)?),
                }, )*
            ];

            fn read(section: &str, mut table: $crate::Table) -> Result<Self, $crate::BadValue> {
                let mut read = Self::default();
                let allowed = Self::KNOBS.iter().map(|knob| knob.allowed);
                $( let $knob = stringify!($knob); )*
                for (knob, allowed) in [$($knob),*].into_iter().zip(allowed) {
                    let Some(value) = table.remove(knob) else { continue };
                    $( if knob == stringify!($knob) {
                        read.$knob = $crate::read_value(section, knob, value.clone(), allowed)?;
                    } )*
                }
                $crate::refuse_unknown(section, &table, Self::KNOBS)?;
                read.check_bounds(section)?;
                Ok(read)
            }

            fn check_bounds(&self, section: &str) -> Result<(), $crate::BadValue> {
                $( $(
                    if !($allowed).contains(&self.$knob) {
                        return Err($crate::BadValue {
                            key: format!("{section}.{}", stringify!($knob)),
                            value: format!("{:?}", self.$knob),
                            allowed: stringify!($allowed).replace("..=", " to ").replace('_', ""),
                        });
                    }
                )? )*
                let _ = section;
                Ok(())
            }
        }
    };
    (@allowed) => { None };
    (@allowed $allowed:expr) => { Some(stringify!($allowed)) };
}

/// One value as its type; the error says what the type takes.
#[doc(hidden)]
pub fn read_value<T: DeserializeOwned>(
    section: &str,
    knob: &str,
    value: Value,
    allowed: Option<&str>,
) -> Result<T, BadValue> {
    let shown = value.to_string();
    value.try_into().map_err(|error: toml::de::Error| BadValue {
        key: format!("{section}.{knob}"),
        value: shown,
        allowed: allowed.map_or_else(|| describe::<T>(error.message()), written),
    })
}

/// A key that no knob has is a typing error that must not pass unseen.
#[doc(hidden)]
pub fn refuse_unknown(section: &str, rest: &Table, knobs: &[Knob]) -> Result<(), BadValue> {
    let Some((key, value)) = rest.iter().next() else { return Ok(()) };
    let names: Vec<&str> = knobs.iter().map(|knob| knob.name).collect();
    Err(BadValue {
        key: format!("{section}.{key}"),
        value: value.to_string(),
        allowed: format!("there is no such key; [{section}] has {}", names.join(", ")),
    })
}

/// Bounds as people write them: `1_000..=5_000` is 1000 to 5000.
pub(crate) fn written(range: &str) -> String {
    range.replace("..=", " to ").replace('_', "")
}

fn describe<T>(error: &str) -> String {
    match std::any::type_name::<T>() {
        "bool" => "true or false".to_owned(),
        "alloc::string::String" | "std::path::PathBuf" => "a text in quotes".to_owned(),
        "core::net::socket_addr::SocketAddr" => {
            "an IP address with a port, as \"127.0.0.1:8080\" or \"[::]:8080\"".to_owned()
        }
        "alloc::vec::Vec<core::net::ip_addr::IpAddr>" => "a list of IP addresses, as [\"203.0.113.7\"]".to_owned(),
        "alloc::vec::Vec<alloc::string::String>" => "a list of texts, as [\"a\", \"b\"]".to_owned(),
        "u16" => "0 to 65535".to_owned(),
        "u8" | "u32" | "u64" | "usize" => "a whole number, not negative".to_owned(),
        _ => error.trim().replace('\n', " "),
    }
}

//! What one section is made of: knobs with their default, bounds and reason, written once and used three times: as
//! a struct, as the check of a file, and as the printed `default.toml`.

use std::fmt;

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
pub trait Section {
    const DOC: &'static [&'static str];
    const KNOBS: &'static [Knob];

    /// The first value that is out of its bounds. `section` is its name in the file.
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

            fn check_bounds(&self, section: &str) -> Result<(), $crate::BadValue> {
                $( $(
                    if !($allowed).contains(&self.$knob) {
                        return Err($crate::BadValue {
                            key: format!("{section}.{}", stringify!($knob)),
                            value: format!("{:?}", self.$knob),
                            allowed: stringify!($allowed).to_owned(),
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

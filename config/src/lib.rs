//! What an operator of Carillon may set: plain data with defaults, units, bounds and reasons, and the sample files.
//! Engines take their own section by value, never the whole.

pub mod call;
pub mod callbacks;
pub mod chat;
pub mod gateway;
pub mod limits;
pub mod listen;
mod load;
pub mod log;
pub mod media;
mod print;
pub mod rtmp;
mod section;
mod variables;

pub use chat::{App, Apps, Callbacks, DevicePolicy, Secret, StreamKeys};
pub use load::LoadError;
pub use section::{BadValue, Knob, Section};
#[doc(hidden)]
pub use section::{read_value, refuse_unknown};
#[doc(hidden)]
pub use toml::Table;
pub use variables::UnknownVariable;

/// One section as data: for printing, and for the environment.
pub(crate) struct AnySection {
    name: &'static str,
    doc: &'static [&'static str],
    knobs: &'static [Knob],
    defaults: Table,
}

macro_rules! tree {
    ($($name:ident: $type:ty,)*) => {
        /// The whole tree.
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct Config {
            $(pub $name: $type,)*
            /// Empty: development mode.
            pub apps: Apps,
        }

        impl Config {
            pub(crate) fn sections() -> Vec<AnySection> {
                vec![$(AnySection {
                    name: stringify!($name),
                    doc: <$type as Section>::DOC,
                    knobs: <$type as Section>::KNOBS,
                    defaults: Table::try_from(<$type>::default()).unwrap_or_default(),
                },)*]
            }

            fn read_sections(mut table: Table, apps: Apps) -> Result<Self, BadValue> {
                Ok(Self {
                    $($name: <$type as Section>::read(stringify!($name), take_table(&mut table, stringify!($name))?)?,)*
                    apps,
                })
            }
        }
    };
}

tree! {
    listen: listen::Listen,
    log: log::Log,
    store: log::Store,
    gateway: gateway::Gateway,
    chat: chat::Chat,
    call: call::Call,
    rooms: call::Rooms,
    media: media::Media,
    rtmp: rtmp::Rtmp,
    callbacks: callbacks::Delivery,
    limits: limits::Limits,
}

/// The app of development mode.
pub const DEVELOPMENT_APP: u32 = 1_400_000_000;

impl Config {
    /// No app is set: the server makes one, signs everybody in on the demo page, and listens on loopback only.
    pub fn is_development(&self) -> bool {
        self.apps.is_empty()
    }
}

fn take_table(table: &mut Table, name: &str) -> Result<Table, BadValue> {
    match table.remove(name) {
        None => Ok(Table::new()),
        Some(toml::Value::Table(section)) => Ok(section),
        Some(other) => Err(BadValue {
            key: name.to_owned(),
            value: other.to_string(),
            allowed: format!("a section: [{name}] and its keys below"),
        }),
    }
}

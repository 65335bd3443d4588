//! `[log]` and `[store]`.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

crate::section! {
    /// Logs, on standard error.
    pub struct Log {
        /// error, warn, info, debug or trace; also per module, as "info,carillon::gateway=debug". Single media packets
        /// are told at trace only.
        pub level: String = "info".to_owned();
        /// "text" for people, "json" for collectors: one object per line.
        pub format: Format = Format::Text;
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Text,
    Json,
}

crate::section! {
    /// What must last.
    pub struct Store {
        /// Folder of the database; made when missing. Relative to the working folder.
        pub path: PathBuf = PathBuf::from("data");
        /// Milliseconds that a transaction which the disk refuses, for one because it is full, is tried again. Nobody is
        /// answered meanwhile, media goes on; then the process ends with an error, and everybody's media with it.
        pub give_up_within_ms: u64 = 3_600_000, in 0..=3_600_000;
    }
}

impl Store {
    pub fn give_up_within(&self) -> Duration {
        Duration::from_millis(self.give_up_within_ms)
    }
}

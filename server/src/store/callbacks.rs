//! Where an app's callbacks go.

use super::{SqliteStore, from_json, to_json};
use carillon_chat::StoreError;
use carillon_proto::id::AppId;
use rusqlite::params;

/// What `set_callback` said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackAddress {
    pub url: String,
    /// Only these; empty: all.
    pub commands: Vec<String>,
}

impl SqliteStore {
    pub fn callback(&self, app: AppId) -> Result<Option<CallbackAddress>, StoreError> {
        const QUERY: &str = "SELECT url, commands FROM callbacks WHERE app = ?1";
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
        let row = self.one(QUERY, params![app.0], read)?;
        row.map(|(url, commands)| Ok(CallbackAddress { url, commands: from_json(&commands)? })).transpose()
    }

    /// `None` forgets it.
    pub fn set_callback(&mut self, app: AppId, address: Option<&CallbackAddress>) -> Result<(), StoreError> {
        match address {
            Some(CallbackAddress { url, commands }) => {
                let values = params![app.0, url, to_json(commands)?];
                self.run("INSERT OR REPLACE INTO callbacks VALUES (?1, ?2, ?3)", values)
            }
            None => self.run("DELETE FROM callbacks WHERE app = ?1", params![app.0]),
        }
    }
}

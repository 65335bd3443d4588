//! Where an app's callbacks go, and the outbox of those that nobody has taken yet.

use super::{SqliteStore, Write, from_json, to_json};
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

/// One callback. Those of one topic are delivered in the order of their ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    pub id: i64,
    pub app: AppId,
    /// The call, room or user that it is about.
    pub topic: String,
    /// Of rooms and media: another address, another signature.
    pub room: bool,
    /// The vendor's name, or the number of the event.
    pub command: String,
    pub body: String,
    pub created_ms: u64,
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

    /// In the transaction of what it tells of.
    pub fn post(&mut self, letter: Letter) {
        self.write_or_keep(Write::Post(letter));
    }

    pub fn posted(&mut self, id: i64) {
        self.write_or_keep(Write::Posted(id));
    }

    /// All that wait, oldest first.
    pub fn outbox(&self) -> Result<Vec<Letter>, StoreError> {
        const QUERY: &str = "SELECT id, app, topic, room, command, body, created_ms FROM outbox ORDER BY id";
        self.all(QUERY, [], |row| {
            Ok(Letter {
                id: row.get(0)?,
                app: AppId(row.get(1)?),
                topic: row.get(2)?,
                room: row.get(3)?,
                command: row.get(4)?,
                body: row.get(5)?,
                created_ms: row.get::<_, i64>(6)? as u64,
            })
        })
    }

    pub(super) fn write_letter(&mut self, letter: &Letter) -> Result<(), StoreError> {
        let Letter { id, app, topic, room, command, body, created_ms } = letter;
        let row = params![id, app.0, topic, room, command, body, *created_ms as i64];
        self.run("INSERT INTO outbox VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", row)
    }
}

//! SQLite behind the chat engine's `Store`, and the call engine's records and saved state beside it.
//!
//! One connection, owned by the control thread: `begin`, a batch of commands, `commit`. WAL with `synchronous=FULL`: what
//! was committed survives a loss of power.

mod callbacks;
mod chat;
mod records;
mod redo;
mod schema;
#[cfg(test)]
mod tests;

pub use callbacks::{CallbackAddress, Letter};
pub use records::is_multi;

use carillon_chat::StoreError;
use carillon_proto::gateway::CallRecord;
use carillon_proto::id::{AppId, CallId, UserId};
use carillon_proto::time::UnixMillis;
use redo::Redo;
use rusqlite::{Connection, OptionalExtension, ToSql, params};
use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

/// How often old rows are looked for.
const CLEAN_EVERY: Duration = Duration::from_secs(60);
/// Statements kept prepared: all there are.
const STATEMENTS: usize = 96;
/// Pages of cache, KiB.
const CACHE_KIB: i64 = 32 * 1024;

/// How long rows are kept; `None`: for ever.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    pub messages: Option<Duration>,
    pub records: Option<Duration>,
    /// Rows that one round deletes of each kind: each round holds up everybody.
    pub rows: u32,
}

impl From<&carillon_config::chat::Chat> for Retention {
    fn from(config: &carillon_config::chat::Chat) -> Self {
        Self { messages: config.message_life(), records: config.record_life(), rows: config.expire_rows_max }
    }
}

/// A write of the call engine, which has no way to take its decision back.
#[derive(Debug)]
enum Write {
    Save(String, Option<String>),
    Record(AppId, CallRecord),
    Post(Letter),
    Posted(i64),
}

#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
    apps: Vec<AppId>,
    retention: Retention,
    /// A transaction was begun and not committed. SQLite may take one back by itself, on a full disk for one.
    open: bool,
    redo: Redo,
    /// What could not be written outside a command: the transaction is not committed without it.
    unwritten: VecDeque<Write>,
    cleaned: UnixMillis,
    changes: u64,
}

impl SqliteStore {
    /// Opens or makes the database `carillon.db` in `folder`, which is made when missing.
    pub fn open(folder: &Path, apps: Vec<AppId>, retention: Retention) -> Result<Self, StoreError> {
        std::fs::create_dir_all(folder).map_err(|e| StoreError::Unavailable(format!("{}: {e}", folder.display())))?;
        let connection = Connection::open(folder.join("carillon.db")).map_err(unavailable)?;
        Self::prepare(connection, apps, retention)
    }

    /// One that lasts as long as it is held.
    #[cfg(test)]
    pub(crate) fn in_memory(apps: Vec<AppId>) -> Result<Self, StoreError> {
        let retention = Retention::from(&carillon_config::chat::Chat::default());
        Self::prepare(Connection::open_in_memory().map_err(unavailable)?, apps, retention)
    }

    fn prepare(mut connection: Connection, apps: Vec<AppId>, retention: Retention) -> Result<Self, StoreError> {
        let set_up = |connection: &mut Connection| -> rusqlite::Result<()> {
            connection.busy_timeout(Duration::from_secs(5))?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
            connection.set_prepared_statement_cache_capacity(STATEMENTS);
            Ok(())
        };
        set_up(&mut connection).map_err(unavailable)?;
        schema::migrate(&mut connection, schema::MIGRATIONS)?;
        let (unwritten, cleaned) = (VecDeque::new(), UnixMillis(0));
        Ok(Self { connection, apps, retention, open: false, redo: Redo::default(), unwritten, cleaned, changes: 0 })
    }

    pub fn begin(&mut self) -> Result<(), StoreError> {
        if self.open {
            return self.reopen();
        }
        self.connection.execute_batch("BEGIN").map_err(unavailable)?;
        self.open = true;
        self.redo.clear();
        self.changes = self.connection.total_changes();
        Ok(())
    }

    /// `true`: something was written. On an error the transaction is still open and may be committed again.
    pub fn commit(&mut self) -> Result<bool, StoreError> {
        while let Some(write) = self.unwritten.pop_front() {
            if let Err(error) = self.write(&write) {
                self.unwritten.push_front(write);
                return Err(error);
            }
        }
        if self.open {
            self.reopen()?;
            self.connection.execute_batch("COMMIT").map_err(unavailable)?;
            self.open = false;
            self.redo.clear();
        }
        Ok(self.connection.total_changes() != self.changes)
    }

    /// SQLite took the open transaction back.
    fn is_lost(&self) -> bool {
        self.open && self.connection.is_autocommit()
    }

    /// Begins a transaction anew that SQLite took back, with all that was written in it. Not within a command, which is to
    /// be taken back first.
    fn reopen(&mut self) -> Result<(), StoreError> {
        if !self.is_lost() {
            return Ok(());
        }
        if self.redo.is_within_command() {
            return Err(StoreError::Unavailable("the disk failed within a command".to_owned()));
        }
        self.connection.execute_batch("BEGIN").map_err(unavailable)?;
        let done = self.redo.run(&self.connection);
        if done.is_err() && !self.connection.is_autocommit() {
            self.connection.execute_batch("ROLLBACK").map_err(unavailable)?;
        }
        done.map_err(unavailable)
    }

    /// The call engine's state; `None` forgets it.
    pub fn save(&mut self, key: &str, value: Option<&str>) {
        self.write_or_keep(Write::Save(key.to_owned(), value.map(str::to_owned)));
    }

    /// Keeps a call's record; a call has one.
    pub fn add_record(&mut self, app: AppId, record: &CallRecord) {
        self.write_or_keep(Write::Record(app, record.clone()));
    }

    fn write_or_keep(&mut self, write: Write) {
        let done = if self.unwritten.is_empty() { self.write(&write) } else { Ok(()) };
        if let Err(error) = &done {
            tracing::error!(%error, "the store refused a write; it is tried again");
        }
        if done.is_err() || !self.unwritten.is_empty() {
            self.unwritten.push_back(write);
        }
    }

    fn write(&mut self, write: &Write) -> Result<(), StoreError> {
        match write {
            Write::Save(key, Some(value)) => {
                self.run("INSERT OR REPLACE INTO saved VALUES (?1, ?2)", params![key, value])
            }
            Write::Save(key, None) => self.run("DELETE FROM saved WHERE key = ?1", params![key]),
            Write::Record(app, record) => self.write_record(*app, record),
            Write::Post(letter) => self.write_letter(letter),
            Write::Posted(id) => self.run("DELETE FROM outbox WHERE id = ?1", params![id]),
        }
    }

    /// Users first: tried again after a fault, it must not stop at the record. Who names the id of another's call gets
    /// nothing.
    fn write_record(&mut self, app: AppId, record: &CallRecord) -> Result<(), StoreError> {
        let (call, ended) = (record.call.as_str(), record.ended_ms as i64);
        // What is asked next must see what this batch wrote, though SQLite took it back.
        self.reopen()?;
        let known = "SELECT 1 FROM records WHERE app = ?1 AND call = ?2";
        if self.one(known, params![app.0, call], |_| Ok(()))?.is_some() {
            return Ok(());
        }
        for user in record.callees.iter().chain([&record.caller]) {
            let row = params![app.0, user.as_str(), ended, call];
            self.run("INSERT OR IGNORE INTO record_users VALUES (?1, ?2, ?3, ?4)", row)?;
        }
        self.run("INSERT INTO records VALUES (?1, ?2, ?3, ?4)", params![app.0, call, ended, to_json(record)?])
    }

    pub fn saved(&self) -> Result<Vec<(String, String)>, StoreError> {
        self.all("SELECT key, value FROM saved", [], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// A user's calls that ended before `before`, newest first. Several may end in one millisecond: `call` is the last
    /// one of it that was seen, and the next pages begin behind it.
    pub fn records(
        &self,
        app: AppId,
        user: &UserId,
        before: Option<u64>,
        call: Option<&CallId>,
        limit: u16,
    ) -> Result<Vec<CallRecord>, StoreError> {
        const QUERY: &str = "SELECT r.body FROM record_users u JOIN records r ON r.app = u.app AND r.call = u.call
            WHERE u.app = ?1 AND u.user = ?2 AND (u.ended_ms, u.call) < (?3, ?5) ORDER BY u.ended_ms DESC, u.call DESC LIMIT ?4";
        let before = before.map_or(i64::MAX, |b| i64::try_from(b).unwrap_or(i64::MAX));
        let values = params![app.0, user.as_str(), before, limit, call.map_or("", CallId::as_str)];
        let bodies = self.all(QUERY, values, |row| row.get::<_, String>(0))?;
        bodies.iter().map(|body| from_json(body)).collect()
    }

    /// Now and then deletes what is older than is kept. Within a transaction.
    pub fn delete_old(&mut self, now: UnixMillis) {
        if now.since(self.cleaned) < CLEAN_EVERY {
            return;
        }
        self.cleaned = now;
        for app in self.apps.clone() {
            if let Err(error) = self.clean(app, now) {
                tracing::error!(%error, "old rows could not be deleted");
            }
        }
    }

    fn clean(&mut self, app: AppId, now: UnixMillis) -> Result<(), StoreError> {
        let before = |life: Option<Duration>| life.map_or(0, |l| now.0.saturating_sub(l.as_millis() as u64));
        let rows = self.retention.rows;
        carillon_chat::Store::expire(self, app, before(self.retention.messages), now.0, rows)?;
        self.clean_records(app, before(self.retention.records), rows)
    }

    fn clean_records(&mut self, app: AppId, before_ms: u64, rows: u32) -> Result<(), StoreError> {
        const OLD: &str =
            "SELECT call, body FROM records WHERE app = ?1 AND ended_ms < ?2 ORDER BY ended_ms, call LIMIT ?3";
        const USER: &str = "DELETE FROM record_users WHERE app = ?1 AND user = ?2 AND ended_ms = ?3 AND call = ?4";
        let values = params![app.0, before_ms as i64, rows];
        let old = self.all(OLD, values, |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
        for (call, body) in old {
            // Without its record a user's row is never found again.
            if let Ok(record) = from_json::<CallRecord>(&body) {
                for user in record.callees.iter().chain([&record.caller]) {
                    self.run(USER, params![app.0, user.as_str(), record.ended_ms as i64, call])?;
                }
            }
            self.run("DELETE FROM records WHERE app = ?1 AND call = ?2", params![app.0, call])?;
        }
        Ok(())
    }

    fn run(&mut self, sql: &'static str, values: &[&dyn ToSql]) -> Result<(), StoreError> {
        self.change(sql, values).map(|_| ())
    }

    /// How many rows it changed.
    fn change(&mut self, sql: &'static str, values: &[&dyn ToSql]) -> Result<usize, StoreError> {
        self.reopen()?;
        let done = self.connection.prepare_cached(sql).and_then(|mut statement| statement.execute(values));
        let changed = done.map_err(unavailable)?;
        if self.open {
            self.redo.note(sql, values).map_err(unavailable)?;
        }
        Ok(changed)
    }

    fn one<T>(
        &self,
        sql: &str,
        values: impl rusqlite::Params,
        read: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        let row = self.connection.prepare_cached(sql).and_then(|mut s| s.query_row(values, read).optional());
        row.map_err(unavailable)
    }

    fn all<T>(
        &self,
        sql: &str,
        values: impl rusqlite::Params,
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(unavailable)?;
        let rows = statement.query_map(values, read).map_err(unavailable)?;
        rows.collect::<rusqlite::Result<_>>().map_err(unavailable)
    }
}

fn unavailable(error: rusqlite::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

fn corrupt(what: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(what.to_string())
}

fn to_json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(corrupt)
}

fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(corrupt)
}

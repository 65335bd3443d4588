//! SQLite behind the chat engine's `Store`, and the call engine's records and saved state beside it.
//!
//! One connection, owned by the control thread: `begin`, a batch of commands, `commit`. WAL with `synchronous=FULL`: what
//! was committed survives a loss of power.

mod chat;
mod schema;
#[cfg(test)]
mod tests;

use carillon_chat::StoreError;
use carillon_proto::gateway::CallRecord;
use carillon_proto::id::{AppId, UserId};
use carillon_proto::time::UnixMillis;
use rusqlite::{Connection, OptionalExtension, params};
use std::path::Path;
use std::time::Duration;

/// How often old rows are looked for.
const CLEAN_EVERY: Duration = Duration::from_secs(60);
/// Rows that one round deletes: each round holds up everybody.
const CLEAN_ROWS: u32 = 1_000;
/// Statements kept prepared: all there are.
const STATEMENTS: usize = 96;
/// Pages of cache, KiB.
const CACHE_KIB: i64 = 32 * 1024;

/// How long rows are kept; `None`: for ever.
#[derive(Debug, Clone, Copy, Default)]
pub struct Retention {
    pub messages: Option<Duration>,
    pub records: Option<Duration>,
}

#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
    apps: Vec<AppId>,
    retention: Retention,
    /// A write outside a command failed: the transaction must not be committed as if it had not.
    failed: Option<StoreError>,
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

    fn prepare(mut connection: Connection, apps: Vec<AppId>, retention: Retention) -> Result<Self, StoreError> {
        let set_up = |connection: &mut Connection| -> rusqlite::Result<()> {
            connection.busy_timeout(Duration::from_secs(5))?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
            connection.set_prepared_statement_cache_capacity(STATEMENTS);
            schema::migrate(connection)
        };
        set_up(&mut connection).map_err(unavailable)?;
        Ok(Self { connection, apps, retention, failed: None, cleaned: UnixMillis(0), changes: 0 })
    }

    pub fn begin(&mut self) -> Result<(), StoreError> {
        if self.connection.is_autocommit() {
            self.connection.execute_batch("BEGIN").map_err(unavailable)?;
            self.changes = self.connection.total_changes();
        }
        Ok(())
    }

    /// `true`: something was written. On an error the transaction is still open and may be committed again.
    pub fn commit(&mut self) -> Result<bool, StoreError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if !self.connection.is_autocommit() {
            self.connection.execute_batch("COMMIT").map_err(unavailable)?;
        }
        Ok(self.connection.total_changes() != self.changes)
    }

    /// The call engine's state; `None` forgets it.
    pub fn save(&mut self, key: &str, value: Option<&str>) {
        let done = match value {
            Some(value) => self.run("INSERT OR REPLACE INTO saved VALUES (?1, ?2)", params![key, value]),
            None => self.run("DELETE FROM saved WHERE key = ?1", params![key]),
        };
        self.remember(done);
    }

    pub fn saved(&self) -> Result<Vec<(String, String)>, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT key, value FROM saved").map_err(unavailable)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(unavailable)?;
        rows.collect::<rusqlite::Result<_>>().map_err(unavailable)
    }

    /// Keeps a call's record; a call has one.
    pub fn add_record(&mut self, app: AppId, record: &CallRecord) {
        let done = to_json(record).and_then(|body| {
            let (call, ended) = (record.call.as_str(), record.ended_ms as i64);
            self.run("INSERT OR IGNORE INTO records VALUES (?1, ?2, ?3, ?4)", params![app.0, call, ended, body])?;
            for user in record.callees.iter().chain([&record.caller]) {
                let row = params![app.0, user.as_str(), ended, call];
                self.run("INSERT OR IGNORE INTO record_users VALUES (?1, ?2, ?3, ?4)", row)?;
            }
            Ok(())
        });
        self.remember(done);
    }

    /// A user's calls that ended before `before`, newest first.
    pub fn records(
        &self,
        app: AppId,
        user: &UserId,
        before: Option<u64>,
        limit: u16,
    ) -> Result<Vec<CallRecord>, StoreError> {
        const QUERY: &str = "SELECT r.body FROM record_users u JOIN records r ON r.app = u.app AND r.call = u.call
            WHERE u.app = ?1 AND u.user = ?2 AND u.ended_ms < ?3 ORDER BY u.ended_ms DESC LIMIT ?4";
        let before = before.map_or(i64::MAX, |b| i64::try_from(b).unwrap_or(i64::MAX));
        let mut statement = self.connection.prepare_cached(QUERY).map_err(unavailable)?;
        let rows = statement
            .query_map(params![app.0, user.as_str(), before, limit], |row| row.get::<_, String>(0))
            .map_err(unavailable)?;
        rows.map(|body| from_json(&body.map_err(unavailable)?)).collect()
    }

    /// Now and then deletes what is older than is kept. Within a transaction.
    pub fn delete_old(&mut self, now: UnixMillis) {
        if now.since(self.cleaned) < CLEAN_EVERY {
            return;
        }
        self.cleaned = now;
        for app in self.apps.clone() {
            let done = self.clean(app, now);
            self.remember(done);
        }
    }

    fn clean(&mut self, app: AppId, now: UnixMillis) -> Result<(), StoreError> {
        let before = |life: Option<Duration>| life.map_or(0, |l| now.0.saturating_sub(l.as_millis() as u64));
        carillon_chat::Store::expire(self, app, before(self.retention.messages), now.0, CLEAN_ROWS)?;
        let old = before(self.retention.records) as i64;
        const RECORDS: &str = "DELETE FROM records WHERE (app, call) IN
            (SELECT app, call FROM records WHERE app = ?1 AND ended_ms < ?2 LIMIT ?3)";
        const USERS: &str = "DELETE FROM record_users WHERE app = ?1 AND ended_ms < ?2";
        self.run(RECORDS, params![app.0, old, CLEAN_ROWS])?;
        self.run(USERS, params![app.0, old])
    }

    fn run(&self, sql: &str, values: impl rusqlite::Params) -> Result<(), StoreError> {
        let done = self.connection.prepare_cached(sql).and_then(|mut statement| statement.execute(values));
        done.map(|_| ()).map_err(unavailable)
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

    fn remember(&mut self, done: Result<(), StoreError>) {
        if let Err(error) = done {
            tracing::error!(%error, "the store refused a write");
            self.failed = Some(error);
        }
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

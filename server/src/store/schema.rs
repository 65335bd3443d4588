//! The tables, as a list of migrations: `user_version` says how many of them a database has.

use super::unavailable;
use carillon_chat::StoreError;
use rusqlite::Connection;

/// Each brings a database one version further; one that was released is never changed again.
pub(super) const MIGRATIONS: &[&str] = &[VERSION_1, VERSION_2];

/// The app is the first column of every key: nothing of one app is ever found by another.
const VERSION_1: &str = "
CREATE TABLE profiles (app INTEGER, user TEXT, nick TEXT NOT NULL, avatar TEXT NOT NULL,
    PRIMARY KEY (app, user)) STRICT, WITHOUT ROWID;
CREATE TABLE threads (app INTEGER, thread TEXT, last_seq INTEGER NOT NULL, shown_seq INTEGER NOT NULL,
    shown_ms INTEGER NOT NULL, PRIMARY KEY (app, thread)) STRICT, WITHOUT ROWID;
CREATE TABLE messages (app INTEGER, thread TEXT, seq INTEGER, id TEXT NOT NULL, sender TEXT NOT NULL,
    client_id TEXT, time_ms INTEGER NOT NULL, counted INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (app, thread, seq)) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX messages_by_id ON messages (app, id);
CREATE UNIQUE INDEX messages_by_client_id ON messages (app, sender, client_id) WHERE client_id IS NOT NULL;
CREATE INDEX messages_by_time ON messages (app, time_ms);
CREATE TABLE marks (app INTEGER, user TEXT, peer TEXT, read_seq INTEGER NOT NULL, listed INTEGER NOT NULL,
    shown_ms INTEGER NOT NULL, PRIMARY KEY (app, user, peer)) STRICT, WITHOUT ROWID;
CREATE INDEX marks_by_time ON marks (app, user, shown_ms) WHERE listed = 1;
CREATE TABLE groups (app INTEGER, id TEXT, kind TEXT NOT NULL, name TEXT NOT NULL, avatar TEXT NOT NULL,
    introduction TEXT NOT NULL, notification TEXT NOT NULL, owner TEXT NOT NULL, created_ms INTEGER NOT NULL,
    first_seq INTEGER NOT NULL, member_count INTEGER NOT NULL, PRIMARY KEY (app, id)) STRICT, WITHOUT ROWID;
CREATE TABLE members (app INTEGER, grp TEXT, user TEXT, owner INTEGER NOT NULL, joined_ms INTEGER NOT NULL,
    from_seq INTEGER NOT NULL, read_seq INTEGER NOT NULL, hidden_seq INTEGER NOT NULL,
    PRIMARY KEY (app, grp, user)) STRICT, WITHOUT ROWID;
CREATE INDEX members_by_user ON members (app, user, grp);
CREATE INDEX members_by_time ON members (app, grp, joined_ms, user);
CREATE TABLE attributes (app INTEGER, grp TEXT, key TEXT, value TEXT NOT NULL,
    PRIMARY KEY (app, grp, key)) STRICT, WITHOUT ROWID;
CREATE TABLE invitations (app INTEGER, invite TEXT, invitee TEXT, inviter TEXT NOT NULL, message TEXT NOT NULL,
    until_ms INTEGER NOT NULL, PRIMARY KEY (app, invite, invitee)) STRICT, WITHOUT ROWID;
CREATE INDEX invitations_by_invitee ON invitations (app, invitee, until_ms);
CREATE TABLE records (app INTEGER, call TEXT, ended_ms INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (app, call)) STRICT, WITHOUT ROWID;
CREATE INDEX records_by_time ON records (app, ended_ms);
CREATE TABLE record_users (app INTEGER, user TEXT, ended_ms INTEGER, call TEXT,
    PRIMARY KEY (app, user, ended_ms, call)) STRICT, WITHOUT ROWID;
CREATE TABLE saved (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
";

/// Callbacks: where each app wants them, and those that nobody has taken yet, in their order.
const VERSION_2: &str = "
CREATE TABLE callbacks (app INTEGER PRIMARY KEY, url TEXT NOT NULL, commands TEXT NOT NULL) STRICT;
CREATE TABLE outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, app INTEGER NOT NULL, topic TEXT NOT NULL,
    room INTEGER NOT NULL, command TEXT NOT NULL, body TEXT NOT NULL, created_ms INTEGER NOT NULL) STRICT;
";

/// Brings the database to the newest version, each step whole or not at all.
pub(super) fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<(), StoreError> {
    let version = connection.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0));
    let version = version.map_err(unavailable)? as usize;
    let newest = migrations.len();
    if version > newest {
        let what = format!("the database has version {version}, this server knows {newest}: it needs a newer carillon");
        return Err(StoreError::Unavailable(what));
    }
    for (at, migration) in migrations.iter().enumerate().skip(version) {
        step(connection, migration, at as u32 + 1).map_err(unavailable)?;
        tracing::info!(version = at + 1, "the database was brought to a new version");
    }
    Ok(())
}

fn step(connection: &mut Connection, migration: &str, version: u32) -> rusqlite::Result<()> {
    let step = connection.transaction()?;
    step.execute_batch(migration)?;
    step.pragma_update(None, "user_version", version)?;
    step.commit()
}

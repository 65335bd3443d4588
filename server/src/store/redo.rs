//! What was written in the open transaction, until it is committed: where the disk is full or fails, SQLite takes a
//! transaction back, though the engines went on from it. It is begun anew then, with the same writes in the same order.

use rusqlite::types::{ToSqlOutput, Value};
use rusqlite::{Connection, ToSql, params_from_iter};

/// As many as one batch of inputs makes: the control thread bounds these.
#[derive(Debug, Default)]
pub(super) struct Redo {
    changes: Vec<Change>,
    /// Where the command that runs began.
    command: Option<usize>,
}

#[derive(Debug)]
struct Change {
    sql: &'static str,
    values: Vec<Value>,
}

impl Redo {
    pub(super) fn note(&mut self, sql: &'static str, values: &[&dyn ToSql]) -> rusqlite::Result<()> {
        let values = values.iter().map(|value| owned(value.to_sql()?)).collect::<rusqlite::Result<_>>()?;
        self.changes.push(Change { sql, values });
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn begin_command(&mut self) {
        self.command = Some(self.changes.len());
    }

    pub(super) fn keep_command(&mut self) {
        self.command = None;
    }

    pub(super) fn undo_command(&mut self) {
        if let Some(begin) = self.command.take() {
            self.changes.truncate(begin);
        }
    }

    pub(super) fn is_within_command(&self) -> bool {
        self.command.is_some()
    }

    /// In a transaction that has just begun.
    pub(super) fn run(&self, connection: &Connection) -> rusqlite::Result<()> {
        for Change { sql, values } in &self.changes {
            connection.prepare_cached(sql)?.execute(params_from_iter(values))?;
        }
        Ok(())
    }
}

fn owned(value: ToSqlOutput<'_>) -> rusqlite::Result<Value> {
    match value {
        ToSqlOutput::Owned(value) => Ok(value),
        ToSqlOutput::Borrowed(value) => Ok(value.into()),
        _ => Err(rusqlite::Error::ToSqlConversionFailure("a value of a kind that is not stored here".into())),
    }
}

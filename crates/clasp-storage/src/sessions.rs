//! Sessions of other protocols that outlive their connection, in one SQLite file: opaque states
//! under the subject and the client they belong to.

use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::{ErrorKind, StorageError};
use crate::files::NameLock;
use crate::own_file;

/// `subject` is `=` and the subject, or empty for a client that has none.
const TABLE: &str = "
CREATE TABLE IF NOT EXISTS mqtt_sessions (
    subject TEXT NOT NULL,
    client TEXT NOT NULL,
    state BLOB NOT NULL,
    PRIMARY KEY (subject, client)
) WITHOUT ROWID;";

/// A stored session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    /// Subject of its token, if it had one.
    pub subject: Option<String>,
    /// Client identifier.
    pub client: String,
    /// What the door has written.
    pub state: Vec<u8>,
}

/// An open file of sessions; one relay at a time has it.
#[derive(Debug)]
pub struct SqliteSessions {
    path: PathBuf,
    connection: Mutex<Connection>,
    _lock: NameLock,
}

fn refuse_other_tables(connection: &Connection, path: &Path) -> Result<(), StorageError> {
    let other = "SELECT 1 FROM sqlite_schema WHERE type = 'table' \
                 AND name NOT IN ('mqtt_sessions') AND name NOT LIKE 'sqlite_%' LIMIT 1";
    let foreign = connection.query_row(other, [], |_| Ok(())).optional();
    let failed = |error| StorageError::sqlite(path, "read its tables", &error);
    if foreign.map_err(failed)?.is_some() {
        let text = "is a SQLite file of something else, not of MQTT sessions; move it away";
        return Err(StorageError::new(ErrorKind::Foreign, path, text));
    }
    Ok(())
}

impl SqliteSessions {
    /// Opens the file, or makes it, for its owner's eyes only.
    ///
    /// # Errors
    /// The file is in use, damaged, something else, or cannot be written to.
    pub fn open(path: &Path) -> Result<SqliteSessions, StorageError> {
        let refuse = |connection: &Connection| refuse_other_tables(connection, path);
        let (connection, lock) = own_file::open(path, TABLE, refuse)?;
        Ok(SqliteSessions {
            path: path.to_owned(),
            connection: Mutex::new(connection),
            _lock: lock,
        })
    }

    /// All sessions.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn load(&self) -> Result<Vec<StoredSession>, StorageError> {
        let read = |connection: &Connection| {
            let query = "SELECT subject, client, state FROM mqtt_sessions";
            let mut statement = connection.prepare(query)?;
            let rows = statement.query_map([], |row| {
                let subject: String = row.get(0)?;
                let subject = subject.strip_prefix('=').map(str::to_owned);
                Ok(StoredSession { subject, client: row.get(1)?, state: row.get(2)? })
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        read(&self.connection.lock())
            .map_err(|error| StorageError::sqlite(&self.path, "read its sessions", &error))
    }

    /// Replaces sessions, given subject, client and state, and removes those without a state; all
    /// or nothing.
    ///
    /// # Errors
    /// Nothing was stored.
    pub fn save<'a>(
        &self,
        changed: impl Iterator<Item = (Option<&'a str>, &'a str, Option<&'a [u8]>)>,
    ) -> Result<(), StorageError> {
        let mut connection = self.connection.lock();
        let write = || {
            let transaction = connection.transaction()?;
            {
                let replace = "INSERT OR REPLACE INTO mqtt_sessions VALUES (?1, ?2, ?3)";
                let remove = "DELETE FROM mqtt_sessions WHERE subject = ?1 AND client = ?2";
                let mut replace = transaction.prepare(replace)?;
                let mut remove = transaction.prepare(remove)?;
                for (subject, client, state) in changed {
                    let subject = subject.map_or_else(String::new, |subject| format!("={subject}"));
                    match state {
                        Some(state) => replace.execute(params![subject, client, state])?,
                        None => remove.execute([&*subject, client])?,
                    };
                }
            }
            transaction.commit()
        };
        write().map_err(|error| StorageError::sqlite(&self.path, "store sessions", &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_replaced_and_removed_and_are_there_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions.db");
        let sessions = SqliteSessions::open(&path).unwrap();
        let none: Option<&str> = None;
        let first = [(none, "a", Some(&b"1"[..])), (Some("u"), "a", Some(b"2")), (none, "b", None)];
        sessions.save(first.into_iter()).unwrap();
        sessions.save([(none, "a", Some(&b"3"[..]))].into_iter()).unwrap();
        assert!(SqliteSessions::open(&path).is_err(), "one relay at a time");
        drop(sessions);
        let sessions = SqliteSessions::open(&path).unwrap();
        let mut all = sessions.load().unwrap();
        all.sort_by(|one, other| one.state.cmp(&other.state));
        let subjects: Vec<_> = all.iter().map(|session| session.subject.as_deref()).collect();
        assert_eq!(subjects, [Some("u"), None]);
        sessions.save([(none, "a", None), (Some("u"), "a", None)].into_iter()).unwrap();
        assert_eq!(sessions.load().unwrap(), []);
    }

    #[test]
    fn a_file_of_something_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other.db");
        let other = Connection::open(&path).unwrap();
        other.execute_batch("CREATE TABLE users (id TEXT)").unwrap();
        drop(other);
        let error = SqliteSessions::open(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Foreign);
    }
}

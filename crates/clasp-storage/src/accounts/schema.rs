//! The auth database's tables, their version, and how the file is opened.

use std::path::Path;
use std::time::Duration;

use clasp_auth::account::name_key;
use rusqlite::{Connection, OpenFlags, params};

use crate::error::{ErrorKind, StorageError};

/// Version of the tables; 0 is the reference implementation's, or an empty file.
const VERSION: i32 = 1;

/// How long another program may hold the file's lock.
const BUSY: Duration = Duration::from_secs(5);

/// The reference's table, as it makes it.
const USERS: &str = "
CREATE TABLE IF NOT EXISTS users (
    id TEXT PRIMARY KEY,
    username TEXT UNIQUE NOT NULL,
    password_hash TEXT NOT NULL,  -- PHC text, argon2id
    created_at INTEGER NOT NULL   -- seconds since 1970-01-01 UTC
);";

/// What this relay adds. A key is NULL where an old file has two names that read alike.
const ADDITIONS: &str = "
ALTER TABLE users ADD COLUMN username_key TEXT;
CREATE UNIQUE INDEX users_by_key ON users (username_key);
CREATE TABLE tokens (
    hash BLOB PRIMARY KEY,        -- SHA-256 of the token
    subject TEXT NOT NULL,
    name TEXT NOT NULL,
    holder TEXT NOT NULL,         -- user, guest, child or entity
    scopes TEXT NOT NULL,         -- action:pattern, one a line
    parent BLOB,                  -- hash of the token it hangs on
    owner TEXT,                   -- subject that provisioned it
    issued_at INTEGER NOT NULL,   -- seconds since 1970-01-01 UTC
    expires_at INTEGER            -- the same; NULL means never
) WITHOUT ROWID;";

/// Ids of removed accounts, which nobody may have again. Relays without it read the file, too.
const REMOVED: &str = "
CREATE TABLE IF NOT EXISTS removed_ids (
    id TEXT PRIMARY KEY
) WITHOUT ROWID;";

/// Opens a file that exists; whether it has a write-ahead log.
pub(super) fn open(path: &Path) -> Result<(Connection, bool), StorageError> {
    let failed = |error| StorageError::sqlite(path, "open it", &error);
    let mut connection = connect(path).map_err(failed)?;
    check_kind(path, &connection)
        .and_then(|()| check_structure(path, &connection))
        .map_err(|error| in_own_words(path, error))?;
    let has_log = begin_log(&connection).unwrap_or(false);
    if !has_log {
        // What has failed may have left the connection unable to write.
        connection = connect(path).map_err(failed)?;
        do_without_log(&connection).map_err(failed)?;
    }
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    let migrate = |error| StorageError::sqlite(path, "bring its tables up to date", &error);
    migrate_tables(&mut connection).map_err(migrate)?;
    Ok((connection, has_log))
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    Ok(connection)
}

/// A damaged file has a way out of its own: the journal's does not help here.
fn in_own_words(path: &Path, error: StorageError) -> StorageError {
    match error.kind() {
        ErrorKind::Damaged => {
            let text = "is damaged; restore it from a backup, or move it away to begin without \
                        accounts";
            StorageError::new(ErrorKind::Damaged, path, text)
        }
        _ => error,
    }
}

fn check_structure(path: &Path, connection: &Connection) -> Result<(), StorageError> {
    let verdict = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))
        .map_err(|error| StorageError::sqlite(path, "check it", &error))?;
    if verdict == "ok" { Ok(()) } else { Err(StorageError::damaged(path, verdict)) }
}

/// Refuses what is not an auth database, before anything is written to it.
fn check_kind(path: &Path, connection: &Connection) -> Result<(), StorageError> {
    let failed = |error| StorageError::sqlite(path, "read it", &error);
    let foreign = |text: &str| Err(StorageError::new(ErrorKind::Foreign, path, text));
    let version = version(connection).map_err(failed)?;
    let application: i32 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(failed)?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(failed)?;
    let users = "SELECT id, username, password_hash, created_at FROM users LIMIT 0";
    let is_ours = tables == 0 || connection.prepare(users).is_ok();
    if application != 0 || !is_ours {
        return foreign("holds something other than accounts; choose another file");
    }
    if version > VERSION {
        return foreign("was written by a newer relay; use that one or another file");
    }
    Ok(())
}

fn version(connection: &Connection) -> rusqlite::Result<i32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Turns the write-ahead log on; whether that works.
fn begin_log(connection: &Connection) -> rusqlite::Result<bool> {
    let mode = journal_mode(connection, "WAL")?;
    connection.execute_batch("BEGIN IMMEDIATE; COMMIT;")?;
    Ok(mode == "wal")
}

/// Goes back to a rollback journal. Alone with the file, SQLite can do so without the shared memory
/// that a log needs and that some file systems do not have.
fn do_without_log(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    journal_mode(connection, "DELETE").map(drop)
}

fn journal_mode(connection: &Connection, wanted: &str) -> rusqlite::Result<String> {
    connection.pragma_update_and_check(None, "journal_mode", wanted, |row| row.get(0))
}

fn migrate_tables(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    if version(&transaction)? < 1 {
        transaction.execute_batch(USERS)?;
        transaction.execute_batch(ADDITIONS)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.execute_batch(REMOVED)?;
    fold_names(&transaction)?;
    transaction.commit()
}

/// Gives names their keys: those from before, and those that the reference has added since. Of
/// names that read alike the oldest gets the key; the others are found by their exact spelling.
fn fold_names(connection: &Connection) -> rusqlite::Result<()> {
    let mut query = connection.prepare(
        "SELECT id, username FROM users WHERE username_key IS NULL ORDER BY created_at, rowid",
    )?;
    let mut update =
        connection.prepare("UPDATE OR IGNORE users SET username_key = ?2 WHERE id = ?1")?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let names: Vec<(String, String)> = rows.collect::<rusqlite::Result<_>>()?;
    for (id, name) in names {
        update.execute(params![id, name_key(&name)])?;
    }
    Ok(())
}

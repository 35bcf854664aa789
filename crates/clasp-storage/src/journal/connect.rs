//! How connections to a journal's file are opened: with a write-ahead log where the file system
//! allows it, else with a rollback journal, which needs no memory shared through a file.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::options::SyncMode;
use super::schema;
use crate::error::StorageError;
use crate::files;

/// How long another program may hold the file's lock.
const BUSY: Duration = Duration::from_secs(5);

/// Pages of the write-ahead log from which on they are moved into the file.
const CHECKPOINT_PAGES: u32 = 4_000;

/// Bytes that the write-ahead log keeps when it has been moved into the file.
const LOG_BYTES: u32 = 64 << 20;

/// Opens an existing file for writing and chooses how it is logged.
pub(crate) fn open_writer(path: &Path, sync: SyncMode) -> Result<Connection, StorageError> {
    let failed = |error| StorageError::sqlite(path, "open it", &error);
    if files::is_remote(path) {
        return open_without_log(path, sync).map_err(failed);
    }
    match open_with_log(path, sync) {
        // Whatever else is wrong keeps the other way from working, too.
        Err(error) if is_about_sharing(&error) => {
            open_without_log(path, sync).map_err(|_| failed(error))
        }
        opened => opened.map_err(failed),
    }
}

/// Opens a file again that is logged as was chosen when it was first opened.
pub(crate) fn reopen_writer(path: &Path, sync: SyncMode) -> Result<Connection, StorageError> {
    let failed = |error| StorageError::sqlite(path, "open it", &error);
    let connection = connect(path).map_err(failed)?;
    settle(&connection, sync).map_err(failed)?;
    Ok(connection)
}

/// Whether the file has a write-ahead log.
pub(crate) fn has_log(connection: &Connection) -> rusqlite::Result<bool> {
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    Ok(mode.eq_ignore_ascii_case("wal"))
}

/// Whether reading the file may take writing first: it has a write-ahead log, or it is one of our
/// journals and a crash may have left half a commit in it. As far as its header tells.
pub(crate) fn may_need_writing(path: &Path) -> bool {
    const READ_VERSION: usize = 19;
    const APPLICATION: usize = 68;
    let mut header = [0; APPLICATION + 4];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut header));
    let is_ours = header[APPLICATION..] == schema::APPLICATION_ID.to_be_bytes();
    read.is_ok() && (header[READ_VERSION] == 2 || is_ours)
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    // Takes effect in a file without tables only, so it has to come before everything else.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(connection)
}

fn settle(connection: &Connection, sync: SyncMode) -> rusqlite::Result<()> {
    connection.pragma_update(None, "synchronous", sync.pragma())?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)
}

fn open_with_log(path: &Path, sync: SyncMode) -> rusqlite::Result<Connection> {
    let connection = connect(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    settle(&connection, sync)?;
    // The memory that connections share is first needed here.
    connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK")?;
    Ok(connection)
}

fn open_without_log(path: &Path, sync: SyncMode) -> rusqlite::Result<Connection> {
    {
        // A connection that has the file alone keeps in its own memory what others would share.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let alone = Connection::open_with_flags(path, flags)?;
        alone.busy_timeout(BUSY)?;
        alone.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        // In a file without tables this comes before all else.
        alone.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        alone.pragma_update(None, "journal_mode", "DELETE")?;
        if has_log(&alone)? {
            return Err(rusqlite::Error::InvalidQuery);
        }
    }
    let connection = connect(path)?;
    connection.pragma_update(None, "journal_mode", "TRUNCATE")?;
    settle(&connection, sync)?;
    Ok(connection)
}

fn is_about_sharing(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::SystemIoFailure
                | ErrorCode::FileLockingProtocolFailed
        )
    )
}

/// Opens an existing file for reading only.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, StorageError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let failed = |error| StorageError::sqlite(path, "open it for reading", &error);
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(BUSY).map_err(failed)?;
    connection.pragma_update(None, "trusted_schema", false).map_err(failed)?;
    connection.pragma_update(None, "cell_size_check", true).map_err(failed)?;
    Ok(connection)
}

//! Opening a SQLite file that belongs to one relay at a time and is for its owner's eyes only.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::error::StorageError;
use crate::files::{self, NameLock};

/// How long another program may hold the file's lock.
const BUSY: Duration = Duration::from_secs(5);

/// Opens the file, or makes it, and lays `schema` down in it unless `refuse` finds it to be
/// something else. It is this process's for as long as the lock is kept.
///
/// # Errors
/// The file is in use by another relay, refused, damaged, or cannot be written to.
pub(crate) fn open(
    path: &Path,
    schema: &str,
    refuse: impl FnOnce(&Connection) -> Result<(), StorageError>,
) -> Result<(Connection, NameLock), StorageError> {
    let lock = NameLock::take(path)?;
    files::open_or_create_private(path)?;
    let failed = |doing: &'static str| move |error| StorageError::sqlite(path, doing, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed("open it"))?;
    connection.busy_timeout(BUSY).map_err(failed("open it"))?;
    refuse(&connection)?;
    let prepare = |connection: &Connection| {
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.execute_batch(schema)
    };
    prepare(&connection).map_err(failed("make its table"))?;
    Ok((connection, lock))
}

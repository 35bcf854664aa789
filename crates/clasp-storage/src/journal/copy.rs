//! Copies a journal that may be in use.

use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::reader::JournalReader;
use super::schema;
use crate::error::StorageError;
use crate::files;

/// Copies the journal as it is at one moment, and checks the copy; tells its length.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<u64, StorageError> {
    JournalReader::open(from)?;
    let source = schema::open_reader(from)?;
    files::create_private(to)?;
    let failed = |error| StorageError::sqlite(to, "copy the journal to it", &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut target = Connection::open_with_flags(to, flags).map_err(failed)?;
    {
        let backup = Backup::new(&source, &mut target).map_err(failed)?;
        // In one step: between two, the relay would write, and the copy begin again.
        let step = backup.step(-1).map_err(failed)?;
        if step != StepResult::Done {
            return Err(failed(rusqlite::Error::InvalidQuery));
        }
    }
    target.pragma_update(None, "journal_mode", "DELETE").map_err(failed)?;
    super::opening::check_structure(from, &target)?;
    target.close().map_err(|(_, error)| failed(error))?;
    Ok(files::size(to))
}

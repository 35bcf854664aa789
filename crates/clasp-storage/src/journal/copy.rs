//! Copies a journal that may be in use.

use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use uuid::Uuid;

use super::connect;
use super::reader::JournalReader;
use super::schema::About;
use crate::error::StorageError;
use crate::files;

/// A copy of a journal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JournalCopy {
    pub(crate) identity: Uuid,
    /// Up to this sequence number entries may be missing.
    pub(crate) compacted: u64,
    pub(crate) bytes: u64,
}

/// Copies the journal as it is at one moment, and checks the copy.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<JournalCopy, StorageError> {
    JournalReader::open(from)?;
    let source = connect::open_reader(from)?;
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
    let about = About::read(&target).map_err(failed)?;
    let about = about.ok_or_else(|| StorageError::damaged(from, "its heading is unreadable"))?;
    target.close().map_err(|(_, error)| failed(error))?;
    let About { identity, compacted, .. } = about;
    Ok(JournalCopy { identity, compacted, bytes: files::size(to) })
}

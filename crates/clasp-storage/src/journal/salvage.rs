//! Saves what can be read of a damaged journal into a new one.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::connect;
use super::rebuild::Rebuild;
use super::row::Row;
use super::scan::{Scanned, scan};
use super::schema::About;
use crate::error::StorageError;

/// What was saved of a damaged journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salvage {
    /// Entries that could be read.
    pub entries_kept: u64,
    /// Entries that are there but not as they were written; others may be gone without a trace.
    pub entries_damaged: u64,
    /// Whether it is still known which journal it is, and so which state files fit it.
    pub identity_kept: bool,
    /// The damaged file.
    pub kept_as: PathBuf,
}

/// Puts a journal with everything readable in the place of a damaged one.
pub(crate) fn salvage(path: &Path) -> Result<Salvage, StorageError> {
    let old = connect::open_reader(path).ok();
    if let Some(old) = &old {
        // Lets SQLite read a file that is shorter than it should be.
        old.pragma_update(None, "writable_schema", true)
            .map_err(|error| StorageError::sqlite(path, "prepare to salvage it", &error))?;
    }
    let known = old.as_ref().and_then(|old| About::read(old).ok().flatten());
    let about = About { open: false, ..known.unwrap_or_else(About::new) };
    let mut rebuild = Rebuild::begin(path, &about)?;
    let mut entries_damaged = 0;
    if let Some(old) = &old {
        let mut take = |row: Option<&Row<'_>>| match row {
            Some(row) => rebuild.add(row),
            None => {
                entries_damaged += 1;
                Ok(())
            }
        };
        read_around(old, &mut take)?;
    }
    drop(old);
    let entries_kept = rebuild.kept();
    let kept_as = rebuild.finish(".damaged")?;
    Ok(Salvage { entries_kept, entries_damaged, identity_kept: known.is_some(), kept_as })
}

/// Shows every readable row; where reading fails, goes on a little further.
fn read_around(
    old: &Connection,
    take: &mut dyn FnMut(Option<&Row<'_>>) -> Result<(), StorageError>,
) -> Result<(), StorageError> {
    let (mut after, mut step) = (0_u64, 1_u64);
    loop {
        let mut failed = None;
        let mut last = None;
        let visit = &mut |scanned: &Scanned<'_>| {
            let (sequence, taken) = match scanned {
                Scanned::Row(row) => (row.sequence, take(Some(row))),
                Scanned::Damaged(sequence) => (*sequence, take(None)),
            };
            last = Some(sequence);
            failed = taken.err();
            failed.is_none()
        };
        let read = scan(old, after, visit);
        if let Some(error) = failed {
            return Err(error);
        }
        if read.is_ok() || after > i64::MAX.cast_unsigned() {
            return Ok(());
        }
        step = if last.is_some() { 1 } else { step.saturating_mul(2) };
        after = last.unwrap_or(after).saturating_add(step);
    }
}

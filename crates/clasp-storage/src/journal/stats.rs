//! How much a journal holds.

use rusqlite::Connection;
use serde::Serialize;

use super::readers::Readers;
use super::retention::Pages;
use super::schema::About;
use crate::error::StorageError;
use crate::files::{self, beside};

/// What is in a journal's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JournalStats {
    /// Tells this journal from any other.
    pub identity: String,
    /// Entries in the file.
    pub entries: u64,
    /// Sequence number of the oldest entry, 0 if there is none.
    pub first: u64,
    /// Sequence number of the newest entry, 0 if there is none.
    pub last: u64,
    /// When the oldest entry was committed, microseconds since 1970-01-01 UTC.
    pub first_us: u64,
    /// When the newest entry was committed, microseconds since 1970-01-01 UTC.
    pub last_us: u64,
    /// Up to this sequence number state files hold what entries did.
    pub covered: u64,
    /// Up to this sequence number entries may have been removed.
    pub compacted: u64,
    /// Bytes of the file.
    pub file_bytes: u64,
    /// Bytes of its write-ahead log.
    pub log_bytes: u64,
    /// Bytes of the file that hold nothing and will be used again.
    pub free_bytes: u64,
}

pub(crate) fn read(readers: &Readers) -> Result<JournalStats, StorageError> {
    let path = readers.path();
    let (about, [entries, first, last, first_us, last_us], pages) = readers
        .read("count its entries", |connection| {
            Ok((About::read(connection)?, numbers(connection)?, Pages::of(connection)?))
        })?;
    let about = about.ok_or_else(|| StorageError::damaged(path, "its heading is unreadable"))?;
    Ok(JournalStats {
        identity: about.identity.to_string(),
        entries,
        first,
        last,
        first_us,
        last_us,
        covered: about.covered,
        compacted: about.compacted,
        file_bytes: files::size(path),
        log_bytes: files::size(&beside(path, "-wal")),
        free_bytes: pages.free * pages.bytes,
    })
}

fn numbers(connection: &Connection) -> rusqlite::Result<[u64; 5]> {
    const NUMBERS: &str = "SELECT count(*),
        ifnull(min(seq), 0), ifnull(max(seq), 0),
        ifnull((SELECT timestamp FROM entries ORDER BY seq LIMIT 1), 0),
        ifnull((SELECT timestamp FROM entries ORDER BY seq DESC LIMIT 1), 0)
        FROM entries";
    connection.query_row(NUMBERS, [], |row| {
        let mut numbers = [0; 5];
        for (place, number) in numbers.iter_mut().enumerate() {
            *number = row.get::<_, i64>(place)?.cast_unsigned();
        }
        Ok(numbers)
    })
}

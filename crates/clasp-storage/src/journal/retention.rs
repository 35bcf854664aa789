//! Removes the past: complete blocks that state files cover and that retention does not ask for.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension};

use super::options::Retention;
use super::schema::About;
use crate::error::StorageError;
use crate::files;

/// Free pages from which on a part of them is given back to the file system.
const FREE_PAGES_MAX: u64 = 4_096;

/// Pages given back at a time.
const VACUUM_PAGES: u64 = 1_024;

/// What a compaction did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compaction {
    /// Entries that were removed.
    pub entries_removed: u64,
    /// Bytes of the file before, its log included.
    pub bytes_before: u64,
    /// Bytes of the file after.
    pub bytes_after: u64,
}

/// How a file's pages are used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pages {
    pub(crate) count: u64,
    pub(crate) free: u64,
    pub(crate) bytes: u64,
}

struct Block {
    number: i64,
    last: u64,
    to_us: u64,
}

/// What decides about the oldest block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) retention: Retention,
    /// State files hold everything up to here.
    pub(crate) covered: u64,
    pub(crate) latest: u64,
}

impl Pages {
    pub(crate) fn of(connection: &Connection) -> rusqlite::Result<Pages> {
        let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        Ok(Pages {
            count: number("page_count")?.cast_unsigned(),
            free: number("freelist_count")?.cast_unsigned(),
            bytes: number("page_size")?.cast_unsigned(),
        })
    }

    pub(crate) fn used_bytes(self) -> u64 {
        self.count.saturating_sub(self.free) * self.bytes
    }
}

/// Removes the oldest block if it may go; tells how many entries went with it.
pub(crate) fn remove_block(
    connection: &mut Connection,
    about: &mut About,
    limits: Limits,
) -> rusqlite::Result<Option<u64>> {
    let Some(block) = oldest(connection)? else { return Ok(None) };
    if block.last > limits.covered || !is_outside(connection, &block, limits)? {
        return Ok(None);
    }
    let transaction = connection.transaction()?;
    let removed =
        transaction.execute("DELETE FROM entries WHERE seq <= ?", [block.last.cast_signed()])?;
    transaction.execute("DELETE FROM block_addresses WHERE block = ?", [block.number])?;
    transaction.execute("DELETE FROM blocks WHERE block = ?", [block.number])?;
    let compacted = about.compacted.max(block.last);
    let changed = About { compacted, covered: limits.covered, ..*about };
    changed.write(&transaction)?;
    transaction.commit()?;
    *about = changed;
    Ok(Some(removed as u64))
}

fn oldest(connection: &Connection) -> rusqlite::Result<Option<Block>> {
    const OLDEST: &str = "SELECT block, last, to_us FROM blocks ORDER BY block LIMIT 1";
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Block {
            number: row.get(0)?,
            last: row.get::<_, i64>(1)?.cast_unsigned(),
            to_us: row.get::<_, i64>(2)?.cast_unsigned(),
        })
    };
    connection.query_row(OLDEST, [], read).optional()
}

/// Whether retention lets a block go.
fn is_outside(connection: &Connection, block: &Block, limits: Limits) -> rusqlite::Result<bool> {
    let Retention { age_s_max, bytes_max, entries_max } = limits.retention;
    let since_us = |age_s: u64| unix_us().saturating_sub(age_s.saturating_mul(1_000_000));
    if age_s_max.is_some_and(|age_s| block.to_us < since_us(age_s)) {
        return Ok(true);
    }
    if entries_max.is_some_and(|max| limits.latest.saturating_sub(block.last) >= max) {
        return Ok(true);
    }
    match bytes_max {
        Some(max) => Ok(Pages::of(connection)?.used_bytes() > max),
        None => Ok(false),
    }
}

fn unix_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Gives some free pages back if there are many; whether it did.
pub(crate) fn vacuum_some(connection: &Connection) -> rusqlite::Result<bool> {
    let many = Pages::of(connection)?.free > FREE_PAGES_MAX;
    if many {
        vacuum(connection, VACUUM_PAGES)?;
    }
    Ok(many)
}

fn vacuum(connection: &Connection, pages: u64) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut rows = statement.query([])?;
    // Each step gives back one page.
    while rows.next()?.is_some() {}
    Ok(())
}

/// Removes every block that may go and gives all free pages back.
pub(crate) fn compact(
    connection: &mut Connection,
    about: &mut About,
    (path, limits): (&Path, Limits),
) -> Result<Compaction, StorageError> {
    let failed = |error: rusqlite::Error| StorageError::sqlite(path, "compact it", &error);
    let bytes_before = files::size(path) + files::size(&files::beside(path, "-wal"));
    let mut entries_removed = 0;
    while let Some(removed) = remove_block(connection, about, limits).map_err(failed)? {
        entries_removed += removed;
    }
    // 0 means all.
    vacuum(connection, 0).map_err(failed)?;
    checkpoint(connection).map_err(failed)?;
    let bytes_after = files::size(path) + files::size(&files::beside(path, "-wal"));
    Ok(Compaction { entries_removed, bytes_before, bytes_after })
}

/// Moves the write-ahead log into the file and empties it, if no reader stands in the way.
pub(crate) fn checkpoint(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

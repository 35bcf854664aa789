//! Reads entries one after the other, as recovery and salvage need them.

use rusqlite::Connection;

use super::row::{COLUMNS, Row};

/// What was found at a place.
#[derive(Debug)]
pub(crate) enum Scanned<'a> {
    Row(Row<'a>),
    /// The sequence number of something that is not as it was written.
    Damaged(u64),
}

impl Scanned<'_> {
    pub(crate) fn sequence(&self) -> u64 {
        match self {
            Scanned::Row(row) => row.sequence,
            Scanned::Damaged(sequence) => *sequence,
        }
    }
}

/// Shows everything after a sequence number in order, until `visit` answers `false`.
pub(crate) fn scan(
    connection: &Connection,
    after: u64,
    visit: &mut dyn FnMut(&Scanned<'_>) -> bool,
) -> rusqlite::Result<()> {
    let text = format!("SELECT {COLUMNS} FROM entries WHERE seq > ? ORDER BY seq");
    let mut statement = connection.prepare(&text)?;
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let mut rows = statement.query([after])?;
    while let Some(row) = rows.next()? {
        let scanned = match Row::read(row)? {
            Some(row) => Scanned::Row(row),
            None => Scanned::Damaged(row.get::<_, i64>(0)?.cast_unsigned()),
        };
        if !visit(&scanned) {
            break;
        }
    }
    Ok(())
}

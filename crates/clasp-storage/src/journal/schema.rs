//! The journal's tables and their version.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use crate::error::{ErrorKind, StorageError};

/// Written into the header of the file: "CLSP".
pub(crate) const APPLICATION_ID: i32 = 0x434C_5350;

/// Version of the tables.
const VERSION: i32 = 1;

const TABLES: &str = "
-- The relay's journal: what was committed, in commit order.
CREATE TABLE entries (
    seq INTEGER PRIMARY KEY,      -- commit order, from 1
    grp INTEGER,                  -- seq of the first entry of its group; NULL if it came alone
    timestamp INTEGER NOT NULL,   -- microseconds since 1970-01-01 UTC
    author NOT NULL,              -- session id: UUID as 16 bytes, anything else as text
    address TEXT NOT NULL,
    op INTEGER NOT NULL,          -- 33 SET, 32 PUBLISH, 1 expired, 2 evicted
    signal INTEGER,               -- PUBLISH: 0 param, 1 event, 2 stream, 3 gesture, 4 timeline
    revision INTEGER,
    ttl INTEGER,                  -- SET: the TTL word; NULL means the relay's default
    data BLOB NOT NULL,           -- SET: type code and value as on the wire; PUBLISH: its payload
    crc INTEGER NOT NULL          -- CRC-32 of all this
);
-- Runs of entries that are complete, by seq / 4096, so that queries can pass over them.
CREATE TABLE blocks (
    block INTEGER PRIMARY KEY,
    last INTEGER NOT NULL,        -- seq of its last entry
    from_us INTEGER NOT NULL,     -- least and greatest timestamp
    to_us INTEGER NOT NULL,
    kinds INTEGER NOT NULL        -- bit of each signal type in it; 128: deletions
);
CREATE TABLE block_addresses (
    block INTEGER NOT NULL,
    address TEXT NOT NULL,
    first INTEGER NOT NULL,       -- seq of the first and the last entry there
    last INTEGER NOT NULL,
    PRIMARY KEY (block, address)
) WITHOUT ROWID;
CREATE TABLE journal (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    identity BLOB NOT NULL,       -- UUID of this journal
    open INTEGER NOT NULL,        -- 1 while a relay writes; then its end was not orderly
    covered INTEGER NOT NULL,     -- up to this seq, state files hold what entries did
    compacted INTEGER NOT NULL,   -- up to this seq, entries may have been removed
    crc INTEGER NOT NULL
);
";

/// What the file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// Nothing yet.
    Empty,
    /// A journal as this relay writes it.
    Journal,
    /// A journal of the reference implementation (relay.md 15.2).
    Reference,
}

/// What a journal knows about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct About {
    pub(crate) identity: Uuid,
    pub(crate) open: bool,
    pub(crate) covered: u64,
    pub(crate) compacted: u64,
}

/// Tells what a file is, or why it is not for us.
pub(crate) fn content(connection: &Connection, path: &Path) -> Result<Content, StorageError> {
    let failed = |error| StorageError::sqlite(path, "read its tables", &error);
    let integer = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let version = integer("user_version").map_err(failed)?;
    let application = integer("application_id").map_err(failed)?;
    let foreign = |text: String| Err(StorageError::new(ErrorKind::Foreign, path, text));
    if application == APPLICATION_ID {
        return match version {
            VERSION => Ok(Content::Journal),
            version => foreign(format!(
                "was written by a newer relay (version {version}, this one knows {VERSION}); use \
                 that relay or choose another file"
            )),
        };
    }
    let has = |name: &str| has_table(connection, name).map_err(failed);
    if has("journal_entries")? {
        return Ok(Content::Reference);
    }
    if has("entries")? && has("blocks")? {
        return Err(StorageError::damaged(path, "its header is not as it was written"));
    }
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(failed)?;
    match tables {
        0 => Ok(Content::Empty),
        _ => foreign("is a database, but not a journal; choose another file".to_owned()),
    }
}

fn has_table(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    const FIND: &str = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?";
    connection.query_row(FIND, [name], |_| Ok(())).optional().map(|found| found.is_some())
}

/// Makes the tables of a new journal.
pub(crate) fn create(connection: &mut Connection, about: &About) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    about.write(&transaction)?;
    transaction.commit()
}

impl About {
    /// Of a journal that begins now.
    pub(crate) fn new() -> About {
        About { identity: Uuid::new_v4(), open: false, covered: 0, compacted: 0 }
    }

    /// `None` if it is not what was once written.
    pub(crate) fn read(connection: &Connection) -> rusqlite::Result<Option<About>> {
        const READ: &str = "SELECT identity, open, covered, compacted, crc FROM journal";
        let read = connection.query_row(READ, [], |row| {
            let identity: [u8; 16] = row.get(0)?;
            let about = About {
                identity: Uuid::from_bytes(identity),
                open: row.get(1)?,
                covered: row.get::<_, i64>(2)?.cast_unsigned(),
                compacted: row.get::<_, i64>(3)?.cast_unsigned(),
            };
            Ok((about, row.get::<_, i32>(4)?))
        });
        match read {
            Ok((about, crc)) => Ok((about.crc() == crc).then_some(about)),
            Err(
                rusqlite::Error::QueryReturnedNoRows
                | rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::InvalidColumnType(..),
            ) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        const WRITE: &str = "INSERT OR REPLACE INTO journal
            (id, identity, open, covered, compacted, crc) VALUES (1, ?, ?, ?, ?, ?)";
        let (covered, compacted) = (self.covered.cast_signed(), self.compacted.cast_signed());
        let identity = self.identity.as_bytes();
        connection.execute(WRITE, params![identity, self.open, covered, compacted, self.crc()])?;
        Ok(())
    }

    fn crc(&self) -> i32 {
        let mut bytes = self.identity.as_bytes().to_vec();
        bytes.push(u8::from(self.open));
        bytes.extend_from_slice(&self.covered.to_le_bytes());
        bytes.extend_from_slice(&self.compacted.to_le_bytes());
        crc32fast::hash(&bytes).cast_signed()
    }
}

/// Sequence number of the newest entry in the tables, and when it was committed.
pub(crate) fn newest(connection: &Connection) -> rusqlite::Result<Option<(u64, u64)>> {
    const NEWEST: &str = "SELECT seq, timestamp FROM entries ORDER BY seq DESC LIMIT 1";
    let read = |row: &rusqlite::Row<'_>| {
        Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, i64>(1)?.cast_unsigned()))
    };
    connection.query_row(NEWEST, [], read).optional()
}

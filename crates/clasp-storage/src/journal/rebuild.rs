//! Writes a journal anew beside another file and then takes its place.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::blocks::OpenBlock;
use super::chunk::Chunk;
use super::connect;
use super::options::SyncMode;
use super::row::Row;
use super::schema::{self, About};
use super::writer;
use crate::error::StorageError;
use crate::files::{self, beside};

/// Entries of one transaction.
const BATCH: usize = 8_192;

/// A journal that grows as `NAME.new`.
pub(crate) struct Rebuild {
    path: PathBuf,
    new: PathBuf,
    connection: Connection,
    block: OpenBlock,
    chunk: Chunk,
    last: u64,
    kept: u64,
}

impl Rebuild {
    pub(crate) fn begin(path: &Path, about: &About) -> Result<Rebuild, StorageError> {
        let new = beside(path, ".new");
        for suffix in ["", "-wal", "-shm", "-journal"] {
            files::remove_if_there(&beside(&new, suffix))?;
        }
        files::create_private(&new)?;
        // Synced once, at the end.
        let mut connection = connect::open_writer(&new, SyncMode::Off)?;
        schema::create(&mut connection, about)
            .map_err(|error| StorageError::sqlite(&new, "make its tables", &error))?;
        let (path, block) = (path.to_owned(), OpenBlock::default());
        Ok(Rebuild { path, new, connection, block, chunk: Chunk::default(), last: 0, kept: 0 })
    }

    /// Adds a row; one that is not after the last one is left out.
    pub(crate) fn add(&mut self, row: &Row<'_>) -> Result<(), StorageError> {
        if row.sequence <= self.last {
            return Ok(());
        }
        self.last = row.sequence;
        self.kept += 1;
        self.chunk.push_row(row);
        if self.chunk.len() < BATCH { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), StorageError> {
        let chunk = std::mem::take(&mut self.chunk);
        writer::insert(&mut self.connection, &mut self.block, chunk.rows())
            .map_err(|error| StorageError::sqlite(&self.new, "write to it", &error))
    }

    /// Rows that were added.
    pub(crate) fn kept(&self) -> u64 {
        self.kept
    }

    /// Takes the place of the old file, which is kept with this suffix; tells its new name.
    pub(crate) fn finish(mut self, suffix: &str) -> Result<PathBuf, StorageError> {
        self.flush()?;
        let Rebuild { path, new, connection, .. } = self;
        let failed = |error| StorageError::sqlite(&new, "write to it", &error);
        super::retention::checkpoint(&connection).map_err(failed)?;
        connection.close().map_err(|(_, error)| failed(error))?;
        files::sync(&files::open_or_create_private(&new)?, &new)?;
        let kept = files::free_name(&path, suffix);
        files::keep_as(&path, &kept)?;
        // A log of the old file would be taken for one of the new file.
        for suffix in ["-wal", "-journal"] {
            let log = beside(&path, suffix);
            if log.exists() {
                files::rename(&log, &beside(&kept, suffix))?;
            }
        }
        files::remove_if_there(&beside(&path, "-shm"))?;
        files::rename(&new, &path)?;
        files::sync_directory(&path)?;
        Ok(kept)
    }
}

//! A journal opened for reading only, also while a relay writes it.

use std::io::Write;
use std::path::Path;

use clasp_router::journal::{Query, Scan, Stored};
use uuid::Uuid;

use super::connect;
use super::queue::Pending;
use super::readers::Readers;
use super::schema::{self, About, Content};
use super::{JournalStats, export, query, stats};
use crate::error::{ErrorKind, StorageError};

/// Reads the file of a journal; sees what is stored in it at each call.
#[derive(Debug)]
pub struct JournalReader {
    readers: Readers,
    identity: Uuid,
}

impl JournalReader {
    /// Opens an existing journal.
    ///
    /// # Errors
    /// The file cannot be read, or is not a journal of this relay.
    pub fn open(path: &Path) -> Result<JournalReader, StorageError> {
        let connection = connect::open_reader(path)?;
        if schema::content(&connection, path)? != Content::Journal {
            let text = "is not a journal of this relay; a journal of the reference implementation \
                        is converted when the relay is started with it";
            return Err(StorageError::new(ErrorKind::Foreign, path, text));
        }
        let about = About::read(&connection)
            .map_err(|error| StorageError::sqlite(path, "read it", &error))?
            .ok_or_else(|| StorageError::damaged(path, "its heading is unreadable"))?;
        Ok(JournalReader { readers: Readers::new(path), identity: about.identity })
    }

    /// Tells this journal from any other.
    pub fn identity(&self) -> Uuid {
        self.identity
    }

    /// How much it holds.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn stats(&self) -> Result<JournalStats, StorageError> {
        stats::read(&self.readers)
    }

    /// Shows what a query asks for among what is stored, page by page as
    /// [`clasp_router::journal::Journal::query`] does.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn query(
        &self,
        query: &Query<'_>,
        visit: &mut dyn FnMut(&Stored<'_>) -> bool,
    ) -> Result<Scan, StorageError> {
        let newest = self.readers.read("read its newest entry", schema::newest)?;
        let latest = newest.map_or(0, |(sequence, _)| sequence);
        let pending = Pending { chunks: Vec::new(), stored: latest, latest };
        query::run(&self.readers, &pending, query, visit)
    }

    /// Writes what a query asks for as NDJSON, an entry a line; tells how many.
    ///
    /// # Errors
    /// The file cannot be read, or `out` not written.
    pub fn export_ndjson(
        &self,
        out: &mut dyn Write,
        query: &Query<'_>,
    ) -> Result<u64, StorageError> {
        let mut page = |query: &Query<'_>, visit: &mut query::Visit<'_>| self.query(query, visit);
        export::write(self.readers.path(), &mut page, (out, query))
    }
}

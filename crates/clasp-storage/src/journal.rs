//! The journal in a SQLite file: one thread writes, in commit order and group by group; reading has
//! connections of its own (spec: routing.md 11.1, relay.md 15).

mod blocks;
mod chunk;
mod connect;
mod copy;
mod export;
mod migrate;
mod opening;
mod options;
mod query;
mod queue;
mod reader;
mod readers;
mod rebuild;
mod retention;
mod row;
mod salvage;
mod scan;
mod schema;
mod shared;
mod stats;
mod writer;

pub(crate) use copy::{JournalCopy, copy};
pub(crate) use scan::Scanned;

pub use migrate::Migration;
pub use opening::Opening;
pub use options::{JournalOptions, Retention, SyncMode};
pub use reader::JournalReader;
pub use retention::Compaction;
pub use salvage::Salvage;
pub use stats::JournalStats;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;

use clasp_router::Now;
use clasp_router::journal::{Entry, Journal, JournalError, Query, Scan, Stored, Watcher};
use parking_lot::Mutex;
use uuid::Uuid;

use crate::error::{ErrorKind, StorageError};
use crate::files::NameLock;
use queue::Command;
use readers::Readers;
use shared::Shared;
use writer::Writer;

/// A journal that outlives the process. Closing or dropping it stores what still waits.
pub struct SqliteJournal {
    path: PathBuf,
    shared: Arc<Shared>,
    readers: Readers,
    identity: Uuid,
    opening: Opening,
    thread: Mutex<Option<JoinHandle<Result<(), StorageError>>>>,
    _lock: NameLock,
}

impl std::fmt::Debug for SqliteJournal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteJournal").field("path", &self.path).finish_non_exhaustive()
    }
}

impl SqliteJournal {
    /// Opens a journal, made if there is none, for this process alone.
    ///
    /// A file whose last end was not orderly is checked first. A journal of the reference
    /// implementation is converted; its file is kept as `NAME.bak`.
    ///
    /// # Errors
    /// The file cannot be opened or written, is in use by another relay, is something else, or is
    /// damaged and [`JournalOptions::salvage`] is off.
    pub fn open(path: &Path, options: JournalOptions) -> Result<SqliteJournal, StorageError> {
        let lock = NameLock::take(path)?;
        let opened = opening::open(path, &options)?;
        let about = opened.about;
        let points = (about.covered, about.compacted);
        let shared = Arc::new(Shared::new(opened.latest, points, options));
        let writer = Writer::new(Arc::clone(&shared), path.to_owned(), opened.connection, about)?;
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| StorageError::io(path, "start the thread that writes it", &error))?;
        Ok(SqliteJournal {
            path: path.to_owned(),
            shared,
            readers: Readers::new(path),
            identity: about.identity,
            opening: opened.opening,
            thread: Mutex::new(Some(thread)),
            _lock: lock,
        })
    }

    /// Stores what still waits and ends the writer; appending is not allowed any more.
    ///
    /// # Errors
    /// What kept the last entries from being stored; they are lost. Told once.
    pub fn close(&self) -> Result<(), StorageError> {
        let Some(thread) = self.thread.lock().take() else {
            return Ok(());
        };
        self.readers.close();
        self.shared.queue.close();
        thread.join().unwrap_or_else(|_| Err(self.ended()))
    }

    /// Waits until everything appended so far is stored.
    ///
    /// # Errors
    /// Storing does not work, and may not for a while.
    pub fn flush(&self) -> Result<(), StorageError> {
        let shared = &self.shared;
        if shared.queue.flush(|| shared.failure().is_some() || shared.has_ended()) {
            return Ok(());
        }
        Err(shared.failure().unwrap_or_else(|| self.ended()))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What opening it found.
    pub fn opening(&self) -> &Opening {
        &self.opening
    }

    /// Tells this journal from any other.
    pub fn identity(&self) -> Uuid {
        self.identity
    }

    /// Entries that wait for the disk.
    pub fn queued(&self) -> usize {
        self.shared.queue.entries()
    }

    /// Says that state files hold what entries did up to this sequence number: retention may
    /// remove those entries. Not lower than the number of a state file that may still be needed.
    pub fn cover(&self, sequence: u64) {
        self.shared.cover(sequence);
    }

    /// Lets sequence numbers go on after this one, if they are not there yet: a state file may know
    /// entries that the journal lost.
    pub fn skip_to(&self, sequence: u64) {
        self.shared.queue.skip_to(sequence);
    }

    /// Removes what retention does not ask for and gives its room back to the file system.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn compact(&self) -> Result<Compaction, StorageError> {
        let (reply, answer) = sync_channel(1);
        if !self.shared.queue.ask(Command::Compact(reply)) {
            return Err(self.ended());
        }
        answer.recv().unwrap_or_else(|_| Err(self.ended()))
    }

    /// How much it holds.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn stats(&self) -> Result<JournalStats, StorageError> {
        stats::read(&self.readers)
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
        let mut page = |query: &Query<'_>, visit: &mut query::Visit<'_>| {
            query::run(&self.readers, &self.shared.queue.pending(), query, visit)
        };
        export::write(&self.path, &mut page, (out, query))
    }

    pub(crate) fn compacted(&self) -> u64 {
        self.shared.compacted()
    }

    /// Sequence number and time of the newest stored entry.
    pub(crate) fn newest(&self) -> Result<Option<(u64, u64)>, StorageError> {
        self.readers.read("read its newest entry", schema::newest)
    }

    /// Shows every stored entry after a sequence number, until `visit` answers `false`.
    pub(crate) fn scan(
        &self,
        after: u64,
        visit: &mut dyn FnMut(&Scanned<'_>) -> bool,
    ) -> Result<(), StorageError> {
        self.readers.read("read its entries", |connection| scan::scan(connection, after, visit))
    }

    fn ended(&self) -> StorageError {
        let text = "is not written to any more: the journal was closed, or its thread has died";
        StorageError::new(ErrorKind::Io, &self.path, text)
    }
}

impl Journal for SqliteJournal {
    fn append_group(&self, entries: &[Entry<'_>], now: Now) -> u64 {
        if entries.is_empty() {
            return self.latest();
        }
        self.shared.queue.append(entries, now)
    }

    fn query(
        &self,
        query: &Query<'_>,
        visit: &mut dyn FnMut(&Stored<'_>) -> bool,
    ) -> Result<Scan, JournalError> {
        let pending = self.shared.queue.pending();
        query::run(&self.readers, &pending, query, visit).map_err(JournalError::from)
    }

    fn latest(&self) -> u64 {
        self.shared.queue.latest()
    }

    fn durable(&self) -> u64 {
        self.shared.queue.durable()
    }

    fn due_us(&self) -> u64 {
        self.shared.queue.due_us()
    }

    fn is_full(&self) -> bool {
        self.shared.queue.is_full()
    }

    fn health(&self) -> Result<(), JournalError> {
        match self.shared.failure() {
            Some(error) => Err(JournalError::new(format!(
                "{error}; until it works again, entries wait in memory"
            ))),
            None if self.shared.has_ended() => Err(self.ended().into()),
            None => Ok(()),
        }
    }

    fn watch(&self, watcher: Watcher) {
        self.shared.watch(watcher);
    }
}

impl Drop for SqliteJournal {
    fn drop(&mut self) {
        // Whoever wants to know calls `close`.
        let _lost = self.close();
    }
}

//! What the relay keeps across restarts: the journal in SQLite, the state file, recovery from both,
//! and backups (spec: routing.md 11, relay.md 15 and 16). Knows files and threads, no sockets.

mod error;
mod files;
mod journal;
mod json;

pub use error::{ErrorKind, StorageError};
pub use journal::{
    Compaction, JournalOptions, JournalReader, JournalStats, Migration, Opening, Retention,
    Salvage, SqliteJournal, SyncMode,
};

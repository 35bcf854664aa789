//! What the relay keeps across restarts: the journal in SQLite, the state file, recovery from both,
//! and backups (spec: routing.md 11, relay.md 15 and 16). Knows files and threads, no sockets.

mod accounts;
mod backup;
mod entities;
mod error;
mod files;
mod journal;
mod own_file;
mod recovery;
mod sessions;
mod state_file;

pub use accounts::AuthDatabase;
pub use backup::{BackupContent, RelayFiles, backup, restore};
pub use entities::SqliteEntities;
pub use error::{ErrorKind, StorageError};
pub use files::state_beside;
pub use journal::{
    Compaction, JournalOptions, JournalReader, JournalStats, Migration, Opening, Retention,
    Salvage, SqliteJournal, SyncMode,
};
pub use recovery::{Progress, Recovery, Report, Stage, StateSource};
pub use sessions::{SqliteSessions, StoredSession};
pub use state_file::{JournalPoint, Saved, StateFile, StateHeader};

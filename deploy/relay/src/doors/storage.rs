//! Journal and state file on disk.

mod commands;
mod files;
mod meter;

pub(crate) use commands::maintain;

use std::fs::DirBuilder;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clasp_router::journal::{Journal, MemoryJournal};
use clasp_storage::{JournalOptions, Retention, SqliteJournal, StateFile, SyncMode, state_beside};

use crate::options::{JournalSync, RetentionOptions, StorageOptions};
use crate::relay::StartError;
use crate::storage::Storage;
use files::Files;

/// Entries and bytes of a journal in memory.
const RING_ENTRIES: usize = 10_000;
const RING_BYTES: usize = 64 << 20;

/// Opens what the options ask for; blocks.
pub(crate) fn storage(options: &StorageOptions) -> Result<Storage, StartError> {
    if let Some(directory) = &options.data_dir
        && options.wish().is_some()
    {
        make_private(directory)?;
    }
    let journal = open_journal(options)?;
    let state_path = state_path(options);
    let mut state = state_path.as_deref().map(|path| StateFile::new(path, journal.clone()));
    if let Some(state) = &mut state {
        state.claim().map_err(refused)?;
    }
    tell(options, state_path.as_deref());
    let save_every = Duration::from_secs(options.persist_interval.into());
    let history: Option<Arc<dyn Journal>> = match &journal {
        Some(journal) => Some(Arc::clone(journal) as _),
        None if options.wants_memory() => {
            Some(Arc::new(MemoryJournal::new(RING_ENTRIES, RING_BYTES)))
        }
        None => None,
    };
    let save_every = state.is_some().then_some(save_every);
    let allow_data_loss = options.allow_data_loss;
    let keeps = journal.is_some() || state.is_some();
    let former = former_state(options, state_path.as_deref());
    let files = Files { journal, state, state_path: former.or(state_path), allow_data_loss };
    Ok(Storage { journal: history, keep: keeps.then(|| Box::new(files) as _), save_every })
}

/// Where the state is saved. A journal has one of its own if no other was asked for: without it the
/// journal could never forget anything.
fn state_path(options: &StorageOptions) -> Option<PathBuf> {
    let own = || options.journal.as_deref().map(|path| state_beside(&options.resolve(path)));
    options.persist.as_deref().map(|path| options.resolve(path)).or_else(own)
}

/// The journal's own state file, if another was asked for that was never saved.
fn former_state(options: &StorageOptions, state_path: Option<&Path>) -> Option<PathBuf> {
    let own = state_beside(&options.resolve(options.journal.as_deref()?));
    let is_new = !StateFile::exists(state_path?);
    (is_new && StateFile::exists(&own)).then_some(own)
}

fn open_journal(options: &StorageOptions) -> Result<Option<Arc<SqliteJournal>>, StartError> {
    let Some(path) = &options.journal else { return Ok(None) };
    if options.wants_memory() {
        let text = "a journal is kept in memory or in a file: leave out --journal, or \
                    --journal-memory and --journal-backend memory";
        return Err(StartError::Storage(text.to_owned()));
    }
    let path = options.resolve(path);
    tracing::debug!("opening the journal {}", path.display());
    let journal = SqliteJournal::open(&path, journal_options(options)).map_err(refused)?;
    let opening = journal.opening();
    let name = path.display();
    if opening.unclean {
        tracing::info!("journal: {name} was not closed in order; it was checked and is sound");
    }
    if opening.without_log {
        tracing::warn!(
            "journal: {name} is on a file system without a write-ahead log: commits are slower, \
             and long reads such as a backup hold them up; a local disk does better"
        );
    }
    if let Some(migrated) = &opening.migrated {
        tracing::info!("journal: {name} was converted: {migrated:?}");
    }
    if let Some(salvage) = &opening.salvaged {
        tracing::warn!(
            "journal: {name} was damaged: {} entries were saved, {} were not; the damaged file is \
             kept as {}",
            salvage.entries_kept,
            salvage.entries_damaged,
            salvage.kept_as.display()
        );
    }
    Ok(Some(Arc::new(journal)))
}

fn journal_options(options: &StorageOptions) -> JournalOptions {
    JournalOptions {
        batch_entries: options.journal_batch_size as usize,
        flush_ms: options.journal_flush_ms,
        sync: match options.journal_sync {
            JournalSync::Full => SyncMode::Full,
            JournalSync::Normal => SyncMode::Normal,
            JournalSync::Off => SyncMode::Off,
        },
        retention: retention(&options.retention),
        salvage: options.allow_data_loss,
        ..JournalOptions::default()
    }
}

fn retention(options: &RetentionOptions) -> Retention {
    Retention {
        age_s_max: options.journal_compact_age.map(|age| age.0),
        bytes_max: Some(options.journal_max_bytes.0).filter(|bytes| *bytes > 0),
        entries_max: None,
    }
}

/// The lines of the log that say what is kept where.
fn tell(options: &StorageOptions, state_path: Option<&Path>) {
    match &options.journal {
        Some(path) => tracing::info!("journal: {}", options.resolve(path).display()),
        None if options.wants_memory() => {
            tracing::info!("journal: the newest {RING_ENTRIES} entries, in memory");
        }
        None if options.journal_backend.is_some() => {
            tracing::warn!("--journal-backend sqlite does nothing without --journal PATH");
        }
        None => {}
    }
    if let Some(path) = state_path {
        let when = match options.persist_interval {
            0 => "at the end".to_owned(),
            seconds => format!("every {seconds} s"),
        };
        tracing::info!("state: {}, saved {when}", path.display());
    }
}

/// Makes a directory that only its owner may enter, if it is not there.
pub(super) fn make_private(directory: &Path) -> Result<(), StartError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory).map_err(|error| {
        let name = directory.display();
        StartError::Storage(format!("{name}: cannot make this directory: {error}; see --data-dir"))
    })
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn refused(error: clasp_storage::StorageError) -> StartError {
    StartError::Storage(error.to_string())
}

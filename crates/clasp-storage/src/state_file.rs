//! The state file: every param as it is, written beside and then renamed, so that at any instant a
//! complete one is there (spec: routing.md 11.3, relay.md 16).

mod format;
mod reader;
mod reference;

pub use format::{JournalPoint, StateHeader};
pub(crate) use reader::{StateReader, salvage};

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clasp_router::{Now, Router};

use crate::error::{ErrorKind, StorageError};
use crate::files::{self, NameLock, beside};
use crate::journal::SqliteJournal;
use format::{HEADER_BYTES, SectionHeader};

/// Journal entries since the last save from which on a new one is worth it though no param changed:
/// a start has to read them all.
const TAIL_ENTRIES_MAX: u64 = 100_000;

/// Shards of so few params are copied without a rest.
const SHARD_PARAMS_SMALL: u32 = 100;

/// Rest after each shard: whoever is due meanwhile gets the processor.
const SHARD_PAUSE: Duration = Duration::from_millis(1);

/// Writes the state of a router into one file, again and again. The file before the last one is
/// kept as `NAME.previous`.
#[derive(Debug)]
pub struct StateFile {
    path: PathBuf,
    journal: Option<Arc<SqliteJournal>>,
    last: Option<Last>,
    /// Held for its effect.
    lock: Option<NameLock>,
}

/// What this process saved last.
#[derive(Debug, Clone, Copy)]
struct Last {
    changes: u64,
    sequence: u64,
}

/// What a save did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// Nothing has changed since the last one.
    Unchanged,
    /// The file was replaced by one with this header.
    Written(StateHeader),
}

impl StateFile {
    /// A state file at this path; `journal` is the one the router appends to, if any.
    pub fn new(path: &Path, journal: Option<Arc<SqliteJournal>>) -> StateFile {
        StateFile { path: path.to_owned(), journal, last: None, lock: None }
    }

    /// Whether a state was ever saved here.
    pub fn exists(path: &Path) -> bool {
        path.exists() || beside(path, ".previous").exists()
    }

    /// Keeps other relays away from the file and checks that it could be written, before anything
    /// depends on it.
    ///
    /// # Errors
    /// It could not, or another relay has it.
    pub fn claim(&mut self) -> Result<(), StorageError> {
        self.lock = Some(NameLock::take(&self.path)?);
        let temporary = self.temporary();
        files::create_private(&temporary)?;
        files::remove_if_there(&temporary)
    }

    /// Reads a whole state file, checks it and tells its header.
    ///
    /// # Errors
    /// It cannot be read, is damaged, or is not of this relay.
    pub fn inspect(path: &Path) -> Result<StateHeader, StorageError> {
        let reader = StateReader::open(path)?;
        let header = reader.as_ref().and_then(StateReader::header).copied();
        header.ok_or_else(|| {
            let text = match reader {
                Some(_) => "is a state file of the reference implementation",
                None => "does not exist",
            };
            StorageError::new(ErrorKind::Foreign, path, text)
        })
    }

    /// Writes the state, unless nothing changed. Blocks while it writes; the router goes on, but
    /// for the shard that is being copied.
    ///
    /// # Errors
    /// The file cannot be written; the one before is still there.
    pub fn save(&mut self, router: &Router, now: Now) -> Result<Saved, StorageError> {
        let changes = router.changes();
        if self.is_up_to_date(changes) {
            return Ok(Saved::Unchanged);
        }
        let temporary = self.temporary();
        let header = match self.write(&temporary, router, now) {
            Ok(header) => header,
            Err(error) => {
                files::remove_if_there(&temporary)?;
                return Err(error);
            }
        };
        if let Some(journal) = &self.journal {
            // Else a crash could leave one half of a bundle: the one that was copied later. A
            // journal that fails has been told of elsewhere.
            let _failed = journal.flush();
        }
        let previous = self.rotate()?;
        files::rename(&temporary, &self.path)?;
        files::sync_directory(&self.path)?;
        if let (Some(journal), Some(sequence)) = (&self.journal, previous) {
            journal.cover(sequence);
        }
        let sequence = header.journal.map_or(0, |point| point.sequence);
        self.last = Some(Last { changes, sequence });
        Ok(Saved::Written(header))
    }

    fn temporary(&self) -> PathBuf {
        beside(&self.path, ".tmp")
    }

    fn is_up_to_date(&self, changes: u64) -> bool {
        use clasp_router::journal::Journal;
        let latest = self.journal.as_ref().map_or(0, |journal| journal.latest());
        let same = |last: Last| {
            last.changes == changes && latest.saturating_sub(last.sequence) < TAIL_ENTRIES_MAX
        };
        self.last.is_some_and(same) && self.path.exists()
    }

    fn write(&self, path: &Path, router: &Router, now: Now) -> Result<StateHeader, StorageError> {
        let failed = |error: std::io::Error| StorageError::io(path, "write to it", &error);
        let mut file = files::create_private(path)?;
        file.write_all(&[0; HEADER_BYTES]).map_err(failed)?;
        let mut header = StateHeader {
            created_us: now.unix_us,
            journal: None,
            revision_floor: 0,
            params: 0,
            bytes: HEADER_BYTES as u64,
        };
        let (mut sequence, mut through) = (u64::MAX, 0);
        let mut body = Vec::new();
        for shard in 0..Router::SHARDS {
            let mut params = 0;
            body.clear();
            let point = router.export(shard, now, &mut |param| {
                params += 1;
                format::encode(param, &mut body);
            });
            sequence = sequence.min(point.sequence);
            through = through.max(point.sequence);
            header.params += u64::from(params);
            header.bytes += write_section(&mut file, params, &body).map_err(failed)?;
            if params > SHARD_PARAMS_SMALL {
                std::thread::sleep(SHARD_PAUSE);
            }
        }
        // Read last: a param that left the store meanwhile must not be missing from both.
        header.revision_floor = router.revision_floor();
        header.journal = self.journal.as_ref().map(|journal| JournalPoint {
            identity: journal.identity(),
            sequence,
            through,
        });
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        file.write_all(&header.encode()).map_err(failed)?;
        files::sync(&file, path)?;
        Ok(header)
    }

    /// Keeps the file that is about to be replaced; tells from which sequence number on the
    /// journal is still needed beside it.
    fn rotate(&self) -> Result<Option<u64>, StorageError> {
        if let Some(last) = self.last
            && self.path.exists()
        {
            files::keep_as(&self.path, &beside(&self.path, ".previous"))?;
            return Ok(Some(last.sequence));
        }
        // Nobody knows yet what a former process left.
        let suffix = match StateReader::open(&self.path) {
            Ok(None) => return Ok(None),
            Ok(Some(reader)) => match reader.header() {
                Some(header) => {
                    files::keep_as(&self.path, &beside(&self.path, ".previous"))?;
                    return Ok(self.sequence_of(header));
                }
                None => ".bak",
            },
            Err(error) if error.kind() == ErrorKind::Damaged => ".damaged",
            Err(error) => return Err(error),
        };
        files::keep_as(&self.path, &files::free_name(&self.path, suffix))?;
        Ok(None)
    }

    fn sequence_of(&self, header: &StateHeader) -> Option<u64> {
        let (journal, point) = (self.journal.as_ref()?, header.journal?);
        (journal.identity() == point.identity).then_some(point.sequence)
    }
}

fn write_section(file: &mut File, params: u32, body: &[u8]) -> std::io::Result<u64> {
    let header = SectionHeader::of(params, body).encode();
    file.write_all(&header)?;
    file.write_all(body)?;
    Ok((header.len() + body.len()) as u64)
}

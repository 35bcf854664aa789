//! State file and journal together in one file, made while a relay runs or not.

mod parts;

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::{ErrorKind, StorageError};
use crate::files::{self, NameLock, beside};
use crate::journal::{self, JournalCopy};
use crate::state_file::StateReader;
use parts::{Part, PartWriter};

/// How often files are taken again that did not fit together.
const ATTEMPTS: usize = 5;

/// The files of a relay.
#[derive(Debug, Clone, Copy, Default)]
pub struct RelayFiles<'a> {
    /// The state file; without one that of [`files::state_beside`] counts, if there is a journal.
    pub state_file: Option<&'a Path>,
    /// The journal.
    pub journal: Option<&'a Path>,
}

/// What is in a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BackupContent {
    /// Bytes of the state file, if it is in it.
    pub state_bytes: Option<u64>,
    /// Bytes of the journal, if it is in it.
    pub journal_bytes: Option<u64>,
}

/// Copies the files of a relay, which may be running, into one.
///
/// The state file is opened first, and the journal copied then, at one point of its order: it ends
/// after whatever the state file holds. If it was compacted beyond the state file in between, both
/// are taken again.
///
/// # Errors
/// One of the files cannot be read or is damaged, they do not fit together, or the backup cannot be
/// written. A backup that was there before stays.
pub fn backup(from: RelayFiles<'_>, to: &Path) -> Result<BackupContent, StorageError> {
    let copy = Temporary::beside(to, ".journal.tmp");
    let (mut state, journal) = take(from, &copy.0)?;
    let temporary = Temporary::beside(to, ".tmp");
    let failed = |error: io::Error| StorageError::io(&temporary.0, "write to it", &error);
    let mut out = BufWriter::new(files::create_private(&temporary.0)?);
    let mut writer = PartWriter::begin(&mut out).map_err(failed)?;
    let mut content = BackupContent::default();
    if let Some(state) = &mut state {
        let bytes = state.bytes();
        writer.part(Part::State, bytes, |out| state.copy_to(out)).map_err(failed)?;
        content.state_bytes = Some(bytes);
    }
    if let Some(journal) = journal {
        let mut file = files::open_or_create_private(&copy.0)?;
        let bytes = journal.bytes;
        let copied = writer.part(Part::Journal, bytes, |out| io::copy(&mut file, out));
        copied.map_err(failed)?;
        content.journal_bytes = Some(bytes);
    }
    writer.end().map_err(failed)?;
    let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
    files::sync(&file, &temporary.0)?;
    files::rename(&temporary.0, to)?;
    files::sync_directory(to)?;
    Ok(content)
}

/// Opens the state file and copies the journal so that they fit together.
fn take(
    from: RelayFiles<'_>,
    copy: &Path,
) -> Result<(Option<StateReader>, Option<JournalCopy>), StorageError> {
    let own = from.journal.map(files::state_beside).filter(|path| path.exists());
    let state_file = from.state_file.or(own.as_deref());
    for _ in 0..ATTEMPTS {
        let state = state_file.map(open_state).transpose()?;
        let journal = from.journal.map(|journal| journal::copy(journal, copy)).transpose()?;
        let point = state.as_ref().and_then(StateReader::header).and_then(|header| header.journal);
        match (point, &journal) {
            (Some(point), Some(journal))
                if point.identity == journal.identity && point.sequence < journal.compacted => {}
            _ if state.is_none() => {
                return refuse_remnant(from.journal, journal).map(|journal| (None, journal));
            }
            _ => return Ok((state, journal)),
        }
    }
    let path = state_file.unwrap_or(copy);
    let text = "is older than what the journal has forgotten: it is not the state file of the \
                relay that writes this journal";
    Err(StorageError::new(ErrorKind::Mismatch, path, text))
}

/// A journal that has forgotten something is of no use without the state file that knows it.
fn refuse_remnant(
    path: Option<&Path>,
    journal: Option<JournalCopy>,
) -> Result<Option<JournalCopy>, StorageError> {
    match (path, journal) {
        (Some(path), Some(journal)) if journal.compacted > 0 => {
            let text = "does not hold everything any more; give its state file with --persist, too";
            Err(StorageError::new(ErrorKind::Mismatch, path, text))
        }
        (_, journal) => Ok(journal),
    }
}

fn open_state(path: &Path) -> Result<StateReader, StorageError> {
    StateReader::open(path)?.ok_or_else(|| {
        let text = "does not exist; it is written when the relay has run for a moment";
        StorageError::new(ErrorKind::Io, path, text)
    })
}

/// Makes the files of a relay from a backup. Where no name is given, that part is left out; a state
/// without a name of its own goes beside the journal.
///
/// # Errors
/// The backup is damaged or lacks a part that a name is given for, a file of that name exists, or
/// cannot be written. Nothing was changed then.
pub fn restore(from: &Path, to: RelayFiles<'_>) -> Result<BackupContent, StorageError> {
    let own = to.journal.map(files::state_beside);
    let state_file = to.state_file.or(own.as_deref());
    for path in [state_file, to.journal].into_iter().flatten() {
        refuse_existing(path)?;
    }
    let _lock = to.journal.map(NameLock::take).transpose()?;
    let mut file = BufReader::new(
        File::open(from).map_err(|error| StorageError::io(from, "open it for reading", &error))?,
    );
    // The journal appears first: alone it is refused or whole, where a state alone is a past.
    let targets = [(Part::Journal, to.journal), (Part::State, state_file)]
        .into_iter()
        .filter_map(|(part, path)| Some((part, path?, Temporary::beside(path?, ".restored"))));
    let targets: Vec<(Part, &Path, Temporary)> = targets.collect();
    let mut content = BackupContent::default();
    parts::read(&mut file, from, &mut |part, bytes, data| {
        let target = targets.iter().find(|(wanted, ..)| *wanted == part);
        if let Some((.., temporary)) = target {
            write_private(&temporary.0, data)?;
            *content.of(part) = Some(bytes);
        }
        Ok(())
    })?;
    for (part, path, temporary) in &targets {
        if content.of(*part).is_none() {
            if *part == Part::State && to.state_file.is_none() {
                continue;
            }
            let text = format!("has nothing in it for {}", path.display());
            return Err(StorageError::new(ErrorKind::Mismatch, from, text));
        }
        files::rename(&temporary.0, path)?;
        files::sync_directory(path)?;
    }
    Ok(content)
}

impl BackupContent {
    fn of(&mut self, part: Part) -> &mut Option<u64> {
        match part {
            Part::State => &mut self.state_bytes,
            Part::Journal => &mut self.journal_bytes,
        }
    }
}

/// Restoring may not replace anything, nor leave an older file that would be taken for a part.
fn refuse_existing(path: &Path) -> Result<(), StorageError> {
    for suffix in ["", "-wal", "-shm", "-journal", ".previous"] {
        let path = beside(path, suffix);
        if path.exists() {
            let text = "exists; move it away first";
            return Err(StorageError::new(ErrorKind::InUse, &path, text));
        }
    }
    Ok(())
}

fn write_private(path: &Path, data: &mut dyn io::Read) -> Result<(), StorageError> {
    let mut file = files::create_private(path)?;
    io::copy(data, &mut file).map_err(|error| StorageError::io(path, "write to it", &error))?;
    file.flush().map_err(|error| StorageError::io(path, "write to it", &error))?;
    files::sync(&file, path)
}

/// A file that does not outlive the work on it, unless it is renamed.
struct Temporary(PathBuf);

impl Temporary {
    fn beside(path: &Path, suffix: &str) -> Temporary {
        Temporary(beside(path, suffix))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            // If it cannot be removed now, the next backup replaces it.
            let _stays = files::remove_if_there(&beside(&self.0, suffix));
        }
    }
}

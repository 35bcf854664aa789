//! Why something could not be stored or read, worded for whoever runs the relay.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use clasp_router::journal::JournalError;
use rusqlite::ErrorCode;

/// What to do about a file that cannot be read.
const WAY_OUT: &str = "restore it from a backup, or start once with --allow-data-loss to go on \
                       with what can be read (the damaged file is kept beside it)";

/// A file could not be written, read or made sense of; the text names it and says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageError {
    kind: ErrorKind,
    path: PathBuf,
    text: String,
}

/// What went wrong, as far as a program may want to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The operating system refused.
    Io,
    /// There is no room left.
    DiskFull,
    /// Another process holds the file.
    InUse,
    /// The file is there, but not as it was written.
    Damaged,
    /// The file is something else, or was written by a newer relay.
    Foreign,
    /// The files do not belong together, or something between them is missing.
    Mismatch,
}

impl StorageError {
    pub(crate) fn new(kind: ErrorKind, path: &Path, text: impl Into<String>) -> StorageError {
        StorageError { kind, path: path.to_owned(), text: text.into() }
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The file it is about.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn damaged(path: &Path, what: impl fmt::Display) -> StorageError {
        Self::new(ErrorKind::Damaged, path, format!("is damaged: {what}; {WAY_OUT}"))
    }

    pub(crate) fn io(path: &Path, doing: &str, error: &io::Error) -> StorageError {
        let (kind, remedy) = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                (ErrorKind::DiskFull, "; free some space on its disk")
            }
            io::ErrorKind::FileTooLarge => {
                (ErrorKind::DiskFull, "; raise the limit on the size of files")
            }
            io::ErrorKind::NotFound => (ErrorKind::Io, "; create its directory"),
            io::ErrorKind::PermissionDenied => {
                (ErrorKind::Io, "; give the relay's user the right to do so")
            }
            io::ErrorKind::ReadOnlyFilesystem => {
                (ErrorKind::Io, "; choose a place that can be written to")
            }
            _ => (ErrorKind::Io, ""),
        };
        Self::new(kind, path, format!("cannot {doing}: {error}{remedy}"))
    }

    pub(crate) fn sqlite(path: &Path, doing: &str, error: &rusqlite::Error) -> StorageError {
        let (kind, remedy) = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => {
                (ErrorKind::DiskFull, "; free some space on its disk".to_owned())
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                let text = "; close the other program that is writing to it";
                (ErrorKind::InUse, text.to_owned())
            }
            Some(ErrorCode::DatabaseCorrupt) => (ErrorKind::Damaged, format!("; {WAY_OUT}")),
            Some(ErrorCode::NotADatabase) => {
                (ErrorKind::Damaged, format!(" (it does not begin as SQLite files do); {WAY_OUT}"))
            }
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                let text = "; give the relay's user the right to write to it and its directory";
                (ErrorKind::Io, text.to_owned())
            }
            Some(ErrorCode::CannotOpen) => {
                let text = "; check that its directory exists and may be written to";
                (ErrorKind::Io, text.to_owned())
            }
            Some(ErrorCode::SystemIoFailure) => {
                (ErrorKind::Io, "; check its disk and the system's log".to_owned())
            }
            _ => (ErrorKind::Io, String::new()),
        };
        Self::new(kind, path, format!("cannot {doing}: {error}{remedy}"))
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.text)
    }
}

impl std::error::Error for StorageError {}

impl From<StorageError> for JournalError {
    fn from(error: StorageError) -> JournalError {
        JournalError::new(error.to_string())
    }
}

//! Opens the file of a journal: makes it, converts it, checks it or saves what is left of it.

use std::path::Path;

use rusqlite::Connection;

use super::connect;
use super::migrate::{self, Migration};
use super::options::JournalOptions;
use super::salvage::{self, Salvage};
use super::scan::{Scanned, scan};
use super::schema::{self, About, Content};
use crate::error::{ErrorKind, StorageError};
use crate::files;

/// A file of at most so many bytes is always checked: that takes a moment only.
const CHECKED_BYTES_MAX: u64 = 32 << 20;

/// What opening a journal found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Opening {
    /// There was no journal before.
    pub created: bool,
    /// Its last end was not orderly.
    pub unclean: bool,
    /// Its structure was checked and is sound.
    pub checked: bool,
    /// Its file system offers no write-ahead log: commits are slower, and readers and the writer
    /// wait for each other.
    pub without_log: bool,
    /// It was a journal of the reference implementation.
    pub migrated: Option<Migration>,
    /// It was damaged.
    pub salvaged: Option<Salvage>,
}

/// A journal that is ready to be written.
pub(crate) struct Opened {
    pub(crate) connection: Connection,
    pub(crate) about: About,
    pub(crate) latest: u64,
    pub(crate) opening: Opening,
}

/// Opens a journal whose name is locked.
pub(crate) fn open(path: &Path, options: &JournalOptions) -> Result<Opened, StorageError> {
    files::open_or_create_private(path)?;
    match open_as_is(path, options) {
        Err(error) if error.kind() == ErrorKind::Damaged && options.salvage => {
            let salvaged = Some(salvage::salvage(path)?);
            let mut opened = open_as_is(path, options)?;
            opened.opening.salvaged = salvaged;
            Ok(opened)
        }
        opened => opened,
    }
}

fn open_as_is(path: &Path, options: &JournalOptions) -> Result<Opened, StorageError> {
    // Asked without writing anything: the file may not be ours.
    let asked = connect::open_reader(path).and_then(|reader| schema::content(&reader, path));
    let content = match asked {
        Err(error) if error.kind() == ErrorKind::Io && connect::may_need_writing(path) => {
            let writer = connect::open_writer(path, options.sync)?;
            schema::content(&writer, path)?
        }
        asked => asked?,
    };
    let mut connection = connect::open_writer(path, options.sync)?;
    let mut opening = Opening::default();
    match content {
        Content::Journal => {}
        Content::Empty => {
            schema::create(&mut connection, &About::new())
                .map_err(|error| StorageError::sqlite(path, "make its tables", &error))?;
            files::sync_directory(path)?;
            opening.created = true;
        }
        Content::Reference => {
            opening.migrated = Some(migrate::migrate(path, connection)?);
            connection = connect::open_writer(path, options.sync)?;
        }
    }
    finish(path, options, (connection, opening))
}

fn finish(
    path: &Path,
    options: &JournalOptions,
    (connection, mut opening): (Connection, Opening),
) -> Result<Opened, StorageError> {
    let failed = |error| StorageError::sqlite(path, "read it", &error);
    opening.without_log = !connect::has_log(&connection).map_err(failed)?;
    let about = About::read(&connection).map_err(failed)?;
    let mut about =
        about.ok_or_else(|| StorageError::damaged(path, "its heading is unreadable"))?;
    opening.unclean = about.open;
    if about.open || options.salvage || files::size(path) <= CHECKED_BYTES_MAX {
        check_structure(path, &connection)?;
        opening.checked = true;
    }
    if options.salvage {
        check_entries(path, &connection)?;
    }
    let newest = schema::newest(&connection).map_err(failed)?;
    let latest = newest.map_or(0, |(sequence, _)| sequence).max(about.compacted);
    about.open = true;
    about.write(&connection).map_err(|error| StorageError::sqlite(path, "write to it", &error))?;
    Ok(Opened { connection, about, latest, opening })
}

pub(crate) fn check_structure(path: &Path, connection: &Connection) -> Result<(), StorageError> {
    let verdict = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))
        .map_err(|error| StorageError::sqlite(path, "check it", &error))?;
    if verdict == "ok" { Ok(()) } else { Err(StorageError::damaged(path, verdict)) }
}

fn check_entries(path: &Path, connection: &Connection) -> Result<(), StorageError> {
    let mut damaged = None;
    let visit = &mut |scanned: &Scanned<'_>| {
        if let Scanned::Damaged(sequence) = scanned {
            damaged = Some(*sequence);
        }
        damaged.is_none()
    };
    scan(connection, 0, visit).map_err(|error| StorageError::sqlite(path, "check it", &error))?;
    match damaged {
        Some(sequence) => {
            Err(StorageError::damaged(path, format!("entry {sequence} is not as it was written")))
        }
        None => Ok(()),
    }
}

//! Connections for reading, each used by one query at a time.

use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use rusqlite::Connection;

use super::connect;
use crate::error::StorageError;

/// Connections that are kept open.
const IDLE_MAX: usize = 4;

#[derive(Debug)]
pub(crate) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(crate) fn new(path: &Path) -> Readers {
        Readers { path: path.to_owned(), idle: Mutex::default() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads at one point of the file's history; `doing` is for the error's text.
    pub(crate) fn read<T>(
        &self,
        doing: &str,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StorageError> {
        let idle = self.idle.lock().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => connect::open_reader(&self.path)?,
        };
        let result = connection.unchecked_transaction().and_then(|transaction| {
            let result = read(&transaction)?;
            transaction.rollback().map(|()| result)
        });
        let result = result.map_err(|error| StorageError::sqlite(&self.path, doing, &error))?;
        let mut idle = self.idle.lock();
        if idle.len() < IDLE_MAX {
            idle.push(connection);
        }
        Ok(result)
    }

    pub(crate) fn close(&self) {
        self.idle.lock().clear();
    }
}

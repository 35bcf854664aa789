//! The thread that stores entries: batch after batch, each in one transaction, and again until it
//! works. Between batches it removes what need not be kept.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use super::blocks::{OpenBlock, Seen};
use super::chunk::Chunk;
use super::queue::{Command, Work};
use super::retention::{self, Compaction, Limits};
use super::row;
use super::schema::{self, About};
use super::shared::Shared;
use crate::error::{ErrorKind, StorageError};

const DELAY_MIN: Duration = Duration::from_millis(20);
const DELAY_MAX: Duration = Duration::from_secs(1);

/// Owns the connection that writes.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    path: PathBuf,
    /// Absent after a failure, until it is opened again.
    connection: Option<Connection>,
    block: OpenBlock,
    about: About,
}

impl Writer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        path: PathBuf,
        connection: Connection,
        about: About,
    ) -> Result<Writer, StorageError> {
        let block = OpenBlock::load(&connection)
            .map_err(|error| StorageError::sqlite(&path, "read its newest entries", &error))?;
        Ok(Writer { shared, path, connection: Some(connection), block, about })
    }

    /// Works until the journal is closed.
    ///
    /// # Errors
    /// What kept the last entries from being stored; they are lost.
    pub(crate) fn run(mut self) -> Result<(), StorageError> {
        let mut is_left = true;
        loop {
            match self.shared.queue.next(is_left) {
                Work::Batch(chunks) => {
                    self.store(&chunks)?;
                    is_left = true;
                }
                Work::Command(command) => self.answer(command),
                Work::Idle => is_left = self.clear_away(),
                Work::Close => return self.end(),
            }
        }
    }

    /// Stores a batch, however often it has to be tried.
    fn store(&mut self, chunks: &[Arc<Chunk>]) -> Result<(), StorageError> {
        let mut delay = DELAY_MIN;
        let mut is_closing = false;
        while let Err(error) = self.try_store(chunks) {
            self.shared.fail(error.clone());
            for command in self.shared.queue.commands() {
                reply(command, Err(error.clone()));
            }
            if is_closing {
                return Err(error);
            }
            is_closing = !self.shared.queue.pause(delay);
            delay = (delay * 2).min(DELAY_MAX);
        }
        self.shared.queue.stored(chunks.len());
        self.shared.succeed();
        Ok(())
    }

    fn try_store(&mut self, chunks: &[Arc<Chunk>]) -> Result<(), StorageError> {
        let mut connection = self.take_connection()?;
        let stored = insert(&mut connection, &mut self.block, chunks.iter().map(|chunk| &**chunk))
            .map_err(|error| StorageError::sqlite(&self.path, "write to it", &error));
        if let Err(error) = &stored {
            // After a failed write nobody knows what a connection still has in memory.
            if error.kind() != ErrorKind::DiskFull {
                return stored;
            }
            self.block = OpenBlock::load(&connection)
                .map_err(|error| StorageError::sqlite(&self.path, "read it", &error))?;
        }
        self.connection = Some(connection);
        stored
    }

    fn take_connection(&mut self) -> Result<Connection, StorageError> {
        if let Some(connection) = self.connection.take() {
            return Ok(connection);
        }
        let connection = schema::open_writer(&self.path, self.shared.options.sync)?;
        self.block = OpenBlock::load(&connection)
            .map_err(|error| StorageError::sqlite(&self.path, "read it", &error))?;
        Ok(connection)
    }

    fn limits(&self) -> Limits {
        Limits {
            retention: self.shared.options.retention,
            covered: self.shared.covered(),
            latest: self.shared.queue.durable(),
        }
    }

    /// Does one piece of housekeeping; whether there is more.
    fn clear_away(&mut self) -> bool {
        let limits = self.limits();
        let Some(connection) = &mut self.connection else { return false };
        let done: rusqlite::Result<bool> = (|| {
            if self.about.covered < limits.covered {
                let about = About { covered: limits.covered, ..self.about };
                about.write(connection)?;
                self.about = about;
            }
            if retention::remove_block(connection, &mut self.about, limits)?.is_some() {
                return Ok(true);
            }
            retention::vacuum_some(connection)
        })();
        self.shared.set_compacted(self.about.compacted);
        // What fails here is tried again later; what matters shows when the next batch is stored.
        done.unwrap_or(false)
    }

    fn answer(&mut self, command: Command) {
        let done = match self.take_connection() {
            Ok(mut connection) => {
                let how = (&*self.path, self.limits());
                let done = retention::compact(&mut connection, &mut self.about, how);
                self.connection = Some(connection);
                done
            }
            Err(error) => Err(error),
        };
        self.shared.set_compacted(self.about.compacted);
        reply(command, done);
    }

    /// Leaves a file that says that its end was orderly.
    fn end(mut self) -> Result<(), StorageError> {
        let connection = self.take_connection()?;
        let covered = self.shared.covered().max(self.about.covered);
        let about = About { open: false, covered, ..self.about };
        about
            .write(&connection)
            .and_then(|()| retention::checkpoint(&connection))
            .and_then(|()| connection.close().map_err(|(_, error)| error))
            .map_err(|error| StorageError::sqlite(&self.path, "close it", &error))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.end();
    }
}

fn reply(command: Command, done: Result<Compaction, StorageError>) {
    let Command::Compact(reply) = command;
    // Whoever asked may have gone.
    let _gone = reply.send(done);
}

/// Writes chunks in one transaction.
pub(crate) fn insert<'c>(
    connection: &mut Connection,
    block: &mut OpenBlock,
    chunks: impl Iterator<Item = &'c Chunk>,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut statement = transaction.prepare(row::INSERT)?;
        for row in chunks.flat_map(Chunk::rows) {
            block.add(&Seen::of(&row), row.address, &transaction)?;
            row.insert(&mut statement)?;
        }
    }
    transaction.commit()
}

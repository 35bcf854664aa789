//! The thread that stores entries: batch after batch, each in one transaction, and again until it
//! works. Between batches it removes what need not be kept.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use super::blocks::{self, OpenBlock, Seen};
use super::chunk::Chunk;
use super::connect;
use super::queue::{Command, Work};
use super::retention::{self, Compaction, Limits};
use super::row::{self, Row};
use super::schema::{self, About};
use super::shared::Shared;
use crate::error::{ErrorKind, StorageError};

const DELAY_MIN: Duration = Duration::from_millis(20);
const DELAY_MAX: Duration = Duration::from_secs(1);

/// Blocks that are removed after a batch at most.
const BLOCKS_PER_BATCH: u64 = 8;

/// Owns the connection that writes.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    path: PathBuf,
    /// Absent after a failure, until it is opened again.
    connection: Option<Connection>,
    block: OpenBlock,
    /// Sequence number of the newest entry in the tables when they were opened.
    newest: u64,
    about: About,
}

impl Writer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        path: PathBuf,
        connection: Connection,
        about: About,
    ) -> Result<Writer, StorageError> {
        let mut writer = Writer {
            shared,
            path,
            connection: None,
            block: OpenBlock::default(),
            newest: 0,
            about,
        };
        writer.load(&connection)?;
        writer.connection = Some(connection);
        Ok(writer)
    }

    /// Finds out what the tables hold.
    fn load(&mut self, connection: &Connection) -> Result<(), StorageError> {
        let failed = |error| StorageError::sqlite(&self.path, "read its newest entries", &error);
        self.block = OpenBlock::load(connection).map_err(failed)?;
        let newest = schema::newest(connection).map_err(failed)?;
        self.newest = newest.map_or(0, |(sequence, _)| sequence);
        Ok(())
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
                    // Under load nothing is ever idle, and what comes in has to go out as well.
                    for _ in 0..self.completed_blocks(&chunks) {
                        is_left = self.clear_away();
                    }
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
        // A commit that failed may have reached the disk all the same.
        let newest = self.newest;
        let rows = chunks.iter().flat_map(|chunk| chunk.rows());
        let rows = rows.filter(|row| row.sequence > newest);
        let stored = insert(&mut connection, &mut self.block, rows)
            .map_err(|error| StorageError::sqlite(&self.path, "write to it", &error));
        if let Err(error) = &stored {
            // After any other failure nobody knows what a connection still has in memory.
            if error.kind() != ErrorKind::DiskFull {
                return stored;
            }
            self.load(&connection)?;
        }
        self.connection = Some(connection);
        stored
    }

    fn take_connection(&mut self) -> Result<Connection, StorageError> {
        if let Some(connection) = self.connection.take() {
            return Ok(connection);
        }
        let connection = connect::reopen_writer(&self.path, self.shared.options.sync)?;
        self.load(&connection)?;
        Ok(connection)
    }

    fn limits(&self) -> Limits {
        Limits {
            retention: self.shared.options.retention,
            covered: self.shared.covered(),
            latest: self.shared.queue.durable(),
        }
    }

    /// How many blocks these entries have completed.
    fn completed_blocks(&self, chunks: &[Arc<Chunk>]) -> u64 {
        let first = chunks.first().and_then(|chunk| chunk.first()).unwrap_or(0);
        let last = chunks.last().and_then(|chunk| chunk.last()).unwrap_or(0);
        let before = blocks::number_of(first.saturating_sub(1));
        (blocks::number_of(last) - before).min(BLOCKS_PER_BATCH)
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

/// Writes rows in one transaction.
pub(crate) fn insert<'r>(
    connection: &mut Connection,
    block: &mut OpenBlock,
    rows: impl Iterator<Item = Row<'r>>,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut statement = transaction.prepare(row::INSERT)?;
        for row in rows {
            block.add(&Seen::of(&row), row.address, &transaction)?;
            row.insert(&mut statement)?;
        }
    }
    transaction.commit()
}

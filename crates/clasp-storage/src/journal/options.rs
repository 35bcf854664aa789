//! Settings of a journal.

use std::time::Duration;

/// How a journal writes and what it keeps.
#[derive(Debug, Clone)]
pub struct JournalOptions {
    /// Entries that are committed at once without waiting for [`Self::flush_ms`].
    pub batch_entries: usize,
    /// How long after an entry came it is committed, together with others, if the disk keeps up;
    /// in milliseconds. Writes that came within this time may be lost although they were confirmed
    /// with QoS 1 (see [`clasp_router::journal::Journal::due_us`]).
    pub flush_ms: u64,
    /// What a commit outlives.
    pub sync: SyncMode,
    /// Entries waiting for the disk from which on producers should pause.
    pub queued_entries_max: usize,
    /// Bytes waiting for the disk from which on producers should pause.
    pub queued_bytes_max: usize,
    /// What is kept of the past.
    pub retention: Retention,
    /// Look at every byte when opening, and go on with what can be read of a damaged file.
    pub salvage: bool,
}

impl Default for JournalOptions {
    fn default() -> JournalOptions {
        JournalOptions {
            batch_entries: 500,
            flush_ms: 5,
            sync: SyncMode::Full,
            queued_entries_max: 65_536,
            queued_bytes_max: 64 << 20,
            retention: Retention::default(),
            salvage: false,
        }
    }
}

impl JournalOptions {
    pub(crate) fn flush(&self) -> Duration {
        Duration::from_millis(self.flush_ms)
    }
}

/// What an entry outlives once it counts as durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SyncMode {
    /// A loss of power: every commit waits for the disk.
    Full,
    /// The death of the process; a loss of power may take the last seconds.
    Normal,
    /// The death of the process; a loss of power may damage the file.
    Off,
}

impl SyncMode {
    pub(crate) fn pragma(self) -> &'static str {
        match self {
            SyncMode::Full => "FULL",
            SyncMode::Normal => "NORMAL",
            SyncMode::Off => "OFF",
        }
    }
}

/// Limits on the past: entries beyond any of them go, oldest first and a few thousand at a time,
/// as soon as a state file covers them (see [`crate::SqliteJournal::cover`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Greatest age in seconds.
    pub age_s_max: Option<u64>,
    /// Bytes of the file that are in use.
    pub bytes_max: Option<u64>,
    /// Entries.
    pub entries_max: Option<u64>,
}

impl Default for Retention {
    /// A gibibyte.
    fn default() -> Retention {
        Retention { age_s_max: None, bytes_max: Some(1 << 30), entries_max: None }
    }
}

//! What outlives the process: the journal, the state file, and where their files are.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};

use super::units::{Bytes, Seconds};

/// What outlives the process.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Storage")]
pub struct StorageOptions {
    /// Record every change and every signal in this SQLite file, and recover from it at the start
    #[arg(long, env = "CLASP_JOURNAL", value_name = "PATH", hide_env_values = true)]
    pub journal: Option<PathBuf>,

    /// Keep a journal of the newest 10,000 entries in memory, for REPLAY; lost at the end
    #[arg(long, env = "CLASP_JOURNAL_MEMORY", value_parser = BoolishValueParser::new())]
    #[arg(hide_env_values = true)]
    pub journal_memory: bool,

    /// How the journal is kept: sqlite, in the file of --journal, or memory
    #[arg(long, env = "CLASP_JOURNAL_BACKEND", value_name = "sqlite|memory")]
    #[arg(hide_env_values = true)]
    pub journal_backend: Option<JournalBackend>,

    /// Entries are committed so long after they came, many together; a confirmation of QoS 2 takes
    /// as much longer, and of those of QoS 1 a crash takes at most as much
    #[arg(long, env = "CLASP_JOURNAL_FLUSH_MS", value_name = "MS", default_value_t = 5)]
    #[arg(value_parser = clap::value_parser!(u64).range(0..=60_000), hide_env_values = true)]
    pub journal_flush_ms: u64,

    /// So many entries are committed at once without waiting
    #[arg(long, env = "CLASP_JOURNAL_BATCH_SIZE", value_name = "N", default_value_t = 500)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=65_536), hide_env_values = true)]
    pub journal_batch_size: u32,

    /// What a confirmed write survives: a power cut (full), or the relay's own end only (normal and
    /// off; with off a power cut may also damage the file)
    #[arg(long, env = "CLASP_JOURNAL_SYNC", value_name = "HOW", default_value = "full")]
    #[arg(value_enum, hide_env_values = true, hide_possible_values = false)]
    pub journal_sync: JournalSync,

    /// What of the journal is kept.
    #[command(flatten)]
    pub retention: RetentionOptions,

    /// Save all params in this file, and recover from it at the start; with --journal alone they
    /// are saved beside it, as PATH.state
    #[arg(long, env = "CLASP_PERSIST", value_name = "PATH", hide_env_values = true)]
    pub persist: Option<PathBuf>,

    /// Save every so many seconds if something changed; 0 = only at the end
    #[arg(long, env = "CLASP_PERSIST_INTERVAL", value_name = "SECONDS", default_value_t = 30)]
    #[arg(hide_env_values = true)]
    pub persist_interval: u32,

    /// Start with what can be read of damaged files, which are kept beside the new ones; without it
    /// the relay refuses
    #[arg(long, env = "CLASP_ALLOW_DATA_LOSS", value_parser = BoolishValueParser::new())]
    #[arg(hide_env_values = true)]
    pub allow_data_loss: bool,

    /// Directory that relative paths of files start from; made if it does not exist
    #[arg(long, env = "CLASP_DATA_DIR", value_name = "PATH", hide_env_values = true)]
    pub data_dir: Option<PathBuf>,
}

/// What of the journal is kept.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Storage")]
pub struct RetentionOptions {
    /// Entries older than this may go once the state file holds what they did: 30d, 12h, 90m or
    /// seconds
    #[arg(long, env = "CLASP_JOURNAL_COMPACT_AGE", value_name = "DURATION")]
    #[arg(hide_env_values = true)]
    pub journal_compact_age: Option<Seconds>,

    /// When the journal holds more, the oldest entries may go once the state file holds what they
    /// did: bytes, or 512M, 2G; 0 = never
    #[arg(long, env = "CLASP_JOURNAL_MAX_BYTES", value_name = "SIZE", default_value = "1G")]
    #[arg(hide_env_values = true)]
    pub journal_max_bytes: Bytes,
}

impl StorageOptions {
    /// A path as the operator means it: a relative one starts from `--data-dir`.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        below(self.data_dir.as_deref(), path)
    }

    /// The first option that asks for a file or a journal, if any does.
    pub fn wish(&self) -> Option<&'static str> {
        let wishes = [
            (self.journal.is_some(), "--journal"),
            (self.wants_memory(), "--journal-memory"),
            (self.persist.is_some(), "--persist"),
        ];
        wishes.into_iter().find_map(|(wanted, flag)| wanted.then_some(flag))
    }

    /// Whether a journal in memory was asked for, in either way.
    pub fn wants_memory(&self) -> bool {
        self.journal_memory || self.journal_backend == Some(JournalBackend::Memory)
    }
}

/// A path with a relative one starting from `data_dir`.
pub fn below(data_dir: Option<&Path>, path: &Path) -> PathBuf {
    data_dir.map_or_else(|| path.to_owned(), |directory| directory.join(path))
}

/// How the journal is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JournalBackend {
    /// In a SQLite file.
    Sqlite,
    /// The newest entries, in memory.
    Memory,
}

impl FromStr for JournalBackend {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "sqlite" => Ok(Self::Sqlite),
            "memory" => Ok(Self::Memory),
            _ => {
                Err("the journal is kept by sqlite, in the file of --journal, or in memory; this \
                      relay has no other backend")
            }
        }
    }
}

/// What a commit of the journal survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum JournalSync {
    /// A power cut: every commit waits for the disk
    Full,
    /// The relay's end; a power cut may take the last seconds
    Normal,
    /// The relay's end; a power cut may damage the file
    Off,
}

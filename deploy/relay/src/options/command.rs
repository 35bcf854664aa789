//! What the executable does other than serve: look after the files of a relay, check a config,
//! write what helps to use it.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::pages::{COMPLETIONS_HELP, CompletionOptions, MANUAL_HELP, ManualOptions};
use super::{CheckOptions, RetentionOptions};

/// Something else than serving.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Work on the files of a relay.
    #[command(flatten)]
    Storage(StorageCommand),
    /// Tell what an app config grants, or everything that is wrong with it
    #[command(after_help = CHECK_HELP)]
    CheckConfig(CheckOptions),
    /// Write the script with which a shell completes commands and options
    #[command(after_help = COMPLETIONS_HELP)]
    Completions(CompletionOptions),
    /// Write the manual pages, one for each command
    #[command(after_help = MANUAL_HELP)]
    Manual(ManualOptions),
    /// Look for what would keep the relay from working. Takes every option of the relay.
    #[command(skip)]
    Doctor,
    /// Ask the relay whether it is ready. Takes every option of the relay.
    #[command(skip)]
    Healthcheck,
    /// Write this text, which tells the options that hold.
    #[command(skip)]
    Print(String),
}

const CHECK_HELP: &str = "\
What a relay only warns of when it starts, such as a member that it does not know, is an error here.

Exit codes: 0 all is well, 1 something is wrong, 2 a mistake in the options";

/// Work on the files of a relay.
#[derive(Debug, Clone, Subcommand)]
pub enum StorageCommand {
    /// Copy the journal and the state file of a relay, which may be running, into one file
    #[command(after_help = BACKUP_HELP)]
    Backup(BackupOptions),
    /// Make the journal and the state file of a relay from a backup
    #[command(after_help = RESTORE_HELP)]
    Restore(BackupOptions),
    /// Look into a journal, or make it smaller
    #[command(subcommand)]
    Journal(JournalCommand),
}

const BACKUP_HELP: &str = "\
The backup is complete or not there at all: it is written beside FILE and then renamed. Both files
in it fit each other. With CLASP_JOURNAL and CLASP_PERSIST set as for the relay no option is
needed.

Exit codes: 0 done, 1 not done and why, 2 a mistake in the options";

const RESTORE_HELP: &str = "\
Nothing is replaced: move the old files away first, and stop the relay. The backup's checksums are
verified before anything appears. Then start the relay with the same options.

Exit codes: 0 done, 1 not done and why, 2 a mistake in the options";

const EXPORT_HELP: &str = "\
Each line is a JSON object: seq, timestamp (microseconds since 1970), author, address, signal_type,
value, revision, op (set, publish, expired, evicted), and where they apply group, ttl.

  clasp-relay journal export --journal journal.db --pattern '/lights/**' | jq .value

Exit codes: 0 done, 1 not done and why, 2 a mistake in the options";

/// Which files, and which backup.
#[derive(Debug, Clone, Args)]
pub struct BackupOptions {
    /// The backup
    #[arg(value_name = "FILE")]
    pub backup: PathBuf,
    /// The relay's files.
    #[command(flatten)]
    pub files: FileOptions,
    /// Directory that relative paths of the relay's files start from
    #[arg(long, env = "CLASP_DATA_DIR", value_name = "PATH", hide_env_values = true)]
    pub data_dir: Option<PathBuf>,
}

/// The files of a relay, at least one of them.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = true)]
pub struct FileOptions {
    /// The relay's journal
    #[arg(long, env = "CLASP_JOURNAL", value_name = "PATH", hide_env_values = true)]
    pub journal: Option<PathBuf>,
    /// The relay's state file
    #[arg(long, env = "CLASP_PERSIST", value_name = "PATH", hide_env_values = true)]
    pub persist: Option<PathBuf>,
}

/// Work on a journal.
#[derive(Debug, Clone, Subcommand)]
pub enum JournalCommand {
    /// Tell how much is in a journal, also while a relay writes it
    Stats(StatsOptions),
    /// Remove what need not be kept and give its room back; the relay must not run
    Compact(CompactOptions),
    /// Write entries as lines of JSON to standard output, also while a relay writes the journal
    #[command(after_help = EXPORT_HELP)]
    Export(ExportOptions),
}

/// Which journal.
#[derive(Debug, Clone, Args)]
pub struct JournalFile {
    /// The journal
    #[arg(long, env = "CLASP_JOURNAL", value_name = "PATH", hide_env_values = true)]
    pub journal: PathBuf,
    /// Directory that a relative path starts from
    #[arg(long, env = "CLASP_DATA_DIR", value_name = "PATH", hide_env_values = true)]
    pub data_dir: Option<PathBuf>,
}

/// How to tell what is in a journal.
#[derive(Debug, Clone, Args)]
pub struct StatsOptions {
    /// Which journal.
    #[command(flatten)]
    pub file: JournalFile,
    /// Write one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

/// What to remove.
#[derive(Debug, Clone, Args)]
pub struct CompactOptions {
    /// Which journal.
    #[command(flatten)]
    pub file: JournalFile,
    /// What is kept.
    #[command(flatten)]
    pub retention: RetentionOptions,
}

/// What to export.
#[derive(Debug, Clone, Args)]
pub struct ExportOptions {
    /// Which journal.
    #[command(flatten)]
    pub file: JournalFile,
    /// Addresses, as in SUBSCRIBE
    #[arg(long, value_name = "PATTERN", default_value = "/**")]
    pub pattern: String,
    /// First entry's time, microseconds since 1970
    #[arg(long, value_name = "US")]
    pub from: Option<u64>,
    /// Last entry's time, microseconds since 1970
    #[arg(long, value_name = "US")]
    pub to: Option<u64>,
    /// At most so many entries
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
}

//! Work on the files of a relay: backup, restore, and what is in a journal.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use clasp_protocol::Pattern;
use clasp_router::journal::Query;
use clasp_storage::{
    BackupContent, JournalOptions, JournalReader, JournalStats, RelayFiles, SqliteJournal,
};

use super::meter::{grouped, size, watched};
use super::retention;
use crate::options::{
    BackupOptions, CompactOptions, ExportOptions, JournalCommand, JournalFile, StatsOptions,
    StorageCommand, below,
};

/// Carries a command out and writes its result to standard output; blocks.
///
/// # Errors
/// Why it was not carried out.
pub(crate) fn maintain(command: &StorageCommand) -> Result<(), String> {
    match command {
        StorageCommand::Backup(options) => backup(options),
        StorageCommand::Restore(options) => restore(options),
        StorageCommand::Journal(JournalCommand::Stats(options)) => stats(options),
        StorageCommand::Journal(JournalCommand::Compact(options)) => compact(options),
        StorageCommand::Journal(JournalCommand::Export(options)) => export(options),
    }
}

fn backup(options: &BackupOptions) -> Result<(), String> {
    let (journal, state) = paths(options);
    let from = RelayFiles { state_file: state.as_deref(), journal: journal.as_deref() };
    let to = options.backup.as_path();
    let so_far = || format!("backing up: {} written", size(bytes_beside(to)));
    let content = watched(so_far, || clasp_storage::backup(from, to)).map_err(told)?;
    print(&format!("{} holds {}\n", to.display(), contents(content)))
}

fn restore(options: &BackupOptions) -> Result<(), String> {
    let (journal, state) = paths(options);
    let to = RelayFiles { state_file: state.as_deref(), journal: journal.as_deref() };
    let from = options.backup.as_path();
    let work = || clasp_storage::restore(from, to);
    let content = watched(|| "restoring".to_owned(), work).map_err(told)?;
    let rows = [("journal", journal), ("state file", state)]
        .map(|(name, path)| path.map(|path| (name, path.display().to_string())));
    let table = table(&rows.into_iter().flatten().collect::<Vec<_>>());
    print(&format!("restored {} from {}\n{table}", contents(content), from.display()))
}

fn stats(options: &StatsOptions) -> Result<(), String> {
    let path = journal_path(&options.file);
    let reader = JournalReader::open(&path).map_err(told)?;
    let stats = watched(|| "counting".to_owned(), || reader.stats()).map_err(told)?;
    if options.json {
        let json = serde_json::to_string(&stats).map_err(|error| error.to_string())?;
        return print(&format!("{json}\n"));
    }
    print(&table(&stats_rows(&path, &stats)))
}

fn stats_rows(path: &Path, stats: &JournalStats) -> Vec<(&'static str, String)> {
    let entry = |sequence: u64, time_us: u64| match sequence {
        0 => "none".to_owned(),
        sequence => format!("{}, {}", grouped(sequence), ago(time_us)),
    };
    vec![
        ("journal", path.display().to_string()),
        ("identity", stats.identity.clone()),
        ("entries", grouped(stats.entries)),
        ("oldest entry", entry(stats.first, stats.first_us)),
        ("newest entry", entry(stats.last, stats.last_us)),
        ("in state file up to", grouped(stats.covered)),
        ("removed up to", grouped(stats.compacted)),
        ("file", size(stats.file_bytes)),
        ("free in file", size(stats.free_bytes)),
        ("write-ahead log", size(stats.log_bytes)),
    ]
}

fn compact(options: &CompactOptions) -> Result<(), String> {
    let path = journal_path(&options.file);
    // Opening a journal for writing would make one that does not exist, and convert another's.
    drop(JournalReader::open(&path).map_err(told)?);
    let retention = retention(&options.retention);
    let work = || {
        let options = JournalOptions { retention, ..JournalOptions::default() };
        let journal = SqliteJournal::open(&path, options)?;
        let done = journal.compact()?;
        journal.close().map(|()| done)
    };
    let done = watched(|| "compacting".to_owned(), work).map_err(told)?;
    print(&table(&[
        ("entries removed", grouped(done.entries_removed)),
        ("size before", size(done.bytes_before)),
        ("size after", size(done.bytes_after)),
    ]))
}

fn export(options: &ExportOptions) -> Result<(), String> {
    let pattern = Pattern::parse(&options.pattern)
        .map_err(|error| format!("--pattern {}: {error}", options.pattern))?;
    let reader = JournalReader::open(&journal_path(&options.file)).map_err(told)?;
    let query = Query {
        from_us: options.from,
        to_us: options.to,
        deletions: true,
        limit: options.limit.unwrap_or(usize::MAX),
        ..Query::of(&pattern)
    };
    let lines = Arc::new(AtomicU64::new(0));
    let out = Pipe { out: io::stdout(), lines: Arc::clone(&lines), broken: false };
    let work = || {
        let mut out = BufWriter::with_capacity(1 << 16, out);
        let written = reader.export_ndjson(&mut out, &query).map_err(told);
        let flushed = out.flush().map_err(|error| format!("standard output: {error}"));
        // Whoever read the output may stop when he has enough.
        if out.get_ref().broken { Ok(()) } else { written.and(flushed) }
    };
    if io::stdout().is_terminal() {
        return work();
    }
    watched(|| format!("exporting: {} entries", grouped(lines.load(Ordering::Relaxed))), work)
}

/// Standard output, which may be closed at any time; counts lines.
struct Pipe<W> {
    out: W,
    lines: Arc<AtomicU64>,
    broken: bool,
}

impl<W: Write> Write for Pipe<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes);
        self.broken |= is_broken(&written);
        let done = *written.as_ref().unwrap_or(&0);
        let lines = bytes[..done].iter().filter(|byte| **byte == b'\n').count();
        self.lines.fetch_add(lines as u64, Ordering::Relaxed);
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.out.flush();
        self.broken |= is_broken(&flushed);
        flushed
    }
}

fn is_broken<T>(outcome: &io::Result<T>) -> bool {
    outcome.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn paths(options: &BackupOptions) -> (Option<PathBuf>, Option<PathBuf>) {
    let resolve = |path: &PathBuf| below(options.data_dir.as_deref(), path);
    (options.files.journal.as_ref().map(resolve), options.files.persist.as_ref().map(resolve))
}

fn journal_path(file: &JournalFile) -> PathBuf {
    below(file.data_dir.as_deref(), &file.journal)
}

fn contents(content: BackupContent) -> String {
    let parts = [("a journal", content.journal_bytes), ("a state", content.state_bytes)]
        .map(|(name, bytes)| bytes.map(|bytes| format!("{name} of {}", size(bytes))));
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join(" and ")
}

/// Bytes of the files that are being written beside a name: those whose names go on after it.
fn bytes_beside(path: &Path) -> u64 {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let (Some(name), Ok(entries)) = (path.file_name(), fs::read_dir(directory)) else { return 0 };
    let begins = |entry: &fs::DirEntry| {
        let other = entry.file_name();
        other != name && other.as_encoded_bytes().starts_with(name.as_encoded_bytes())
    };
    let sizes = entries.flatten().filter(begins).filter_map(|entry| entry.metadata().ok());
    sizes.map(|metadata| metadata.len()).sum()
}

/// Rows of a name and a value; the values line up.
fn table(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, value) in rows {
        // Writing to a String does not fail.
        let _ok = writeln!(text, "{name:width$}  {value}");
    }
    text
}

/// A time as a reader of the table can use it: with the number that `export` takes.
fn ago(time_us: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_us = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
    let seconds = now_us.saturating_sub(time_us) / 1_000_000;
    let age = match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    };
    format!("{age} ago (at {time_us} us)")
}

fn print(text: &str) -> Result<(), String> {
    let written = io::stdout().write_all(text.as_bytes());
    if is_broken(&written) {
        return Ok(());
    }
    written.map_err(|error| format!("standard output: {error}"))
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn told(error: clasp_storage::StorageError) -> String {
    error.to_string()
}

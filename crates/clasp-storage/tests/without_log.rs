//! A journal on a file system that offers no memory shared through a file: a folder that stands in
//! the place of that file has the same effect on SQLite.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};

use clasp_router::journal::Journal as _;
use clasp_storage::{JournalReader, RelayFiles, SqliteJournal, backup};
use support::{Folder, all, open, options, set};

fn block_sharing(folder: &Folder) -> PathBuf {
    std::fs::create_dir(folder.join("j.db-shm")).unwrap();
    folder.join("j.db")
}

fn fill(journal: &SqliteJournal, times: std::ops::RangeInclusive<u64>) {
    for time in times {
        journal.append(&set("/a", time));
    }
    journal.flush().unwrap();
}

fn entries(path: &Path) -> usize {
    let journal = open(path);
    assert!(journal.opening().without_log);
    all(&journal, "/**").len()
}

#[test]
fn a_new_journal_works_and_is_read_and_backed_up_while_it_is_written() {
    let folder = Folder::new();
    let path = block_sharing(&folder);
    let journal = open(&path);
    assert!(journal.opening().without_log && journal.opening().created);
    fill(&journal, 1..=5_000);
    assert_eq!(all(&journal, "/**").len(), 5_000);
    assert_eq!(JournalReader::open(&path).unwrap().stats().unwrap().entries, 5_000);
    let from = RelayFiles { journal: Some(&path), state_file: None };
    backup(from, &folder.join("backup")).unwrap();
    fill(&journal, 5_001..=5_002);
    journal.close().unwrap();
    drop(journal);
    assert_eq!(entries(&path), 5_002);
}

#[test]
fn a_journal_with_a_log_that_was_moved_there_goes_on() {
    let folder = Folder::new();
    let path = folder.join("j.db");
    let journal = open(&path);
    assert!(!journal.opening().without_log);
    fill(&journal, 1..=100);
    let crashed = Folder::new();
    for name in ["j.db", "j.db-wal"] {
        std::fs::copy(folder.join(name), crashed.join(name)).unwrap();
    }
    journal.close().unwrap();
    drop(journal);
    block_sharing(&folder);
    assert_eq!(entries(&path), 100, "after an orderly end");
    assert_eq!(entries(&block_sharing(&crashed)), 100, "after a crash");
}

#[test]
fn a_rollback_journal_that_a_crash_left_is_used() {
    let folder = Folder::new();
    let path = block_sharing(&folder);
    let journal = open(&path);
    fill(&journal, 1..=100);
    journal.close().unwrap();
    drop(journal);
    // Half a transaction: its first pages are in the file, what they were is in the journal.
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("PRAGMA cache_size=1; PRAGMA cache_spill=1; BEGIN").unwrap();
    connection.execute("UPDATE entries SET data = zeroblob(8000)", []).unwrap();
    let crashed = Folder::new();
    let copy = block_sharing(&crashed);
    std::fs::copy(&path, &copy).unwrap();
    std::fs::copy(folder.join("j.db-journal"), crashed.join("j.db-journal")).unwrap();
    drop(connection);
    let journal = SqliteJournal::open(&copy, options()).unwrap();
    assert_eq!(all(&journal, "/**").len(), 100);
}

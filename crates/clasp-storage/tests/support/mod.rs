//! Folders, journals and entries for the tests of this crate.

#![allow(dead_code, reason = "no test program uses everything")]

pub(crate) mod relay;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use clasp_protocol::{Pattern, RawValue};
use clasp_router::journal::{Entry, Journal, Query, Record, Stored};
use clasp_storage::{JournalOptions, SqliteJournal};

pub(crate) const AUTHOR: &str = "6f0a7c1e-1f43-4f0c-9d1c-0a7f5f3f0001";

/// A folder of its own, removed at the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("clasp-storage-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Folder(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _left_behind = std::fs::remove_dir_all(&self.0);
    }
}

/// Small batches, so that tests do not wait.
pub(crate) fn options() -> JournalOptions {
    JournalOptions { flush_ms: 1, ..JournalOptions::default() }
}

pub(crate) fn open(path: &Path) -> SqliteJournal {
    SqliteJournal::open(path, options()).unwrap()
}

/// A SET at this time, with the time as revision and value.
pub(crate) fn set(address: &str, timestamp_us: u64) -> Entry<'_> {
    let value = RawValue::int(timestamp_us.cast_signed());
    let record = Record::Set { value, revision: timestamp_us, ttl: None };
    Entry { timestamp_us, author: AUTHOR, address, record }
}

/// Waits until something about the journal is so, looking again whenever it tells of progress.
pub(crate) fn wait_until(journal: &SqliteJournal, mut is_so: impl FnMut(&SqliteJournal) -> bool) {
    let told = Arc::new((Mutex::new(0_u64), Condvar::new()));
    let tell = Arc::clone(&told);
    journal.watch(Box::new(move |_| {
        *tell.0.lock().unwrap() += 1;
        tell.1.notify_all();
    }));
    let mut seen = 0;
    while !is_so(journal) {
        let guard = told.0.lock().unwrap();
        seen = *told.1.wait_while(guard, |count| *count == seen).unwrap();
    }
}

/// An entry without borrowing: sequence number, group, address, revision or 0, value or payload.
pub(crate) type Plain = (u64, Option<u64>, String, u64, Vec<u8>);

pub(crate) fn plain(stored: &Stored<'_>) -> Plain {
    let (revision, data) = match &stored.entry.record {
        Record::Set { value, revision, .. } => (*revision, value.data().to_vec()),
        Record::Publish { payload, .. } => (0, payload.to_vec()),
        Record::Delete { revision, .. } => (*revision, Vec::new()),
    };
    (stored.sequence, stored.group, stored.entry.address.to_owned(), revision, data)
}

/// Everything a journal shows of a pattern, deletions included, page by page.
pub(crate) fn all(journal: &SqliteJournal, pattern: &str) -> Vec<Plain> {
    let pattern = Pattern::parse(pattern).unwrap();
    collect(journal, &Query { deletions: true, ..Query::of(&pattern) })
}

/// All pages of a query.
pub(crate) fn collect(journal: &SqliteJournal, query: &Query<'_>) -> Vec<Plain> {
    let mut query = *query;
    let mut seen = Vec::new();
    loop {
        let visit = &mut |stored: &Stored<'_>| {
            seen.push(plain(stored));
            true
        };
        let scan = journal.query(&query, visit).unwrap();
        if scan.complete {
            return seen;
        }
        query.after = scan.through;
    }
}

//! The journal does what every journal has to do, and outlives the process.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

/// As the one of the standard library; `[]` alone has no type where serde_json is linked.
macro_rules! assert_eq {
    ($left:expr, []) => {
        assert!($left.is_empty())
    };
    ($($other:tt)*) => {
        std::assert_eq!($($other)*)
    };
}

#[path = "../../clasp-router/src/journal/suite.rs"]
mod suite;
mod support;

use std::borrow::Cow;
use std::cell::Cell;

use clasp_protocol::Pattern;
use clasp_protocol::message::{SignalType, TypeMask};
use clasp_router::Now;
use clasp_router::journal::{
    DeleteReason, Entry, Journal, JournalError, MemoryJournal, Query, Record, Scan, Stored, Watcher,
};
use clasp_storage::{ErrorKind, JournalOptions, JournalReader, SqliteJournal, SyncMode};
use support::{Folder, all, open, options, set};

/// A journal whose entries are all in the tables when `append` returns.
struct Settled(SqliteJournal);

impl Journal for Settled {
    fn append_group(&self, entries: &[Entry<'_>], now: Now) -> u64 {
        let last = self.0.append_group(entries, now);
        self.0.flush().unwrap();
        last
    }

    fn query(
        &self,
        query: &Query<'_>,
        visit: &mut dyn FnMut(&Stored<'_>) -> bool,
    ) -> Result<Scan, JournalError> {
        self.0.query(query, visit)
    }

    fn latest(&self) -> u64 {
        self.0.latest()
    }

    fn durable(&self) -> u64 {
        self.0.durable()
    }

    fn is_full(&self) -> bool {
        self.0.is_full()
    }

    fn health(&self) -> Result<(), JournalError> {
        self.0.health()
    }

    fn watch(&self, watcher: Watcher) {
        self.0.watch(watcher);
    }
}

/// Makes journals under new names.
fn numbered(folder: &Folder, options: &JournalOptions) -> impl Fn() -> SqliteJournal {
    let number = Cell::new(0);
    move || {
        number.set(number.get() + 1);
        let path = folder.join(&format!("{}.db", number.get()));
        SqliteJournal::open(&path, options.clone()).unwrap()
    }
}

#[test]
fn passes_the_suite_while_entries_are_being_stored() {
    suite::run(numbered(&Folder::new(), &options()));
}

#[test]
fn passes_the_suite_from_memory_alone() {
    let options = JournalOptions { flush_ms: 60_000, batch_entries: 1 << 20, ..options() };
    suite::run(numbered(&Folder::new(), &options));
}

#[test]
fn passes_the_suite_from_the_tables_alone() {
    let folder = Folder::new();
    let options = JournalOptions { sync: SyncMode::Off, ..options() };
    let new = numbered(&folder, &options);
    suite::run(|| Settled(new()));
}

const ADDRESSES: [&str; 7] = ["/a", "/a/b", "/a/b/c", "/a_b/x", "/A/b", "/long/tail", "/z"];

/// Fills journals alike: three blocks and a bit, groups and gaps of silence in it.
fn fill(journals: &[&dyn Journal]) {
    for step in 1..=13_000_u64 {
        let address = match step {
            5_000..=9_000 => ADDRESSES[step as usize % 3],
            _ => ADDRESSES[step as usize % ADDRESSES.len()],
        };
        let time = if step % 1_000 == 0 { step - 900 } else { step };
        let delete = Record::Delete { revision: step, reason: DeleteReason::Evicted };
        let payload = Cow::Owned(step.to_le_bytes().to_vec());
        let publish = Record::Publish { signal: SignalType::Stream, payload };
        let entries = match step % 50 {
            0 => vec![Entry { record: delete, ..suite::set(address, time) }],
            1..10 => vec![Entry { record: publish, ..suite::set(address, time) }],
            10..13 => vec![suite::set(address, time), suite::set("/g", time)],
            _ => vec![suite::set(address, time)],
        };
        for journal in journals {
            journal.append_group(&entries, Now::default());
        }
    }
}

#[test]
fn long_queries_find_what_the_journal_in_memory_finds() {
    let folder = Folder::new();
    let journal = open(&folder.join("j.db"));
    let model = MemoryJournal::new(usize::MAX, usize::MAX);
    fill(&[&journal, &model]);
    let mut patterns: Vec<&str> = ADDRESSES.to_vec();
    patterns.extend(["/**", "/a/**", "/*", "/*/b", "/long/*", "/a*", "/g", "/none/**", "/**/c"]);
    for text in patterns {
        let pattern = Pattern::parse(text).unwrap();
        let all = Query::of(&pattern);
        let stream = TypeMask::of(&[SignalType::Stream]);
        let queries = [
            all,
            Query { deletions: true, ..all },
            Query { types: stream, ..all },
            Query { from_us: Some(4_000), to_us: Some(4_200), ..all },
            Query { from_us: Some(12_900), ..all },
            Query { after: 8_191, limit: 7, ..all },
            Query { newest_per_address: Some(3), ..all },
            Query { newest_per_address: Some(1), to_us: Some(4_500), types: stream, ..all },
            Query { newest_per_address: Some(2), limit: 5, deletions: true, ..all },
        ];
        for query in queries {
            assert_eq!(pages(&journal, &query), pages(&model, &query), "{query:?}");
        }
    }
}

/// What all pages of a query show, up to its limit.
fn pages(journal: &dyn Journal, query: &Query<'_>) -> Vec<support::Plain> {
    let mut seen = Vec::new();
    let mut asked = *query;
    loop {
        let visit = &mut |stored: &Stored<'_>| {
            seen.push(support::plain(stored));
            true
        };
        let scan = journal.query(&asked, visit).unwrap();
        if scan.complete || seen.len() >= query.limit {
            return seen;
        }
        asked.after = scan.through;
    }
}

#[test]
fn everything_is_there_after_closing_and_dropping() {
    let folder = Folder::new();
    let path = folder.join("j.db");
    let journal = open(&path);
    journal.append_group(&[set("/a", 1), set("/b", 2)], Now::default());
    assert_eq!(journal.close(), Ok(()));
    assert_eq!(journal.close(), Ok(()));
    assert!(journal.health().is_err());
    drop(journal);
    let again = open(&path);
    assert!(!again.opening().created && !again.opening().unclean);
    assert_eq!((again.latest(), again.durable()), (2, 2));
    again.append(&set("/a", 3));
    let before = all(&again, "/**");
    drop(again);
    assert_eq!(all(&open(&path), "/**"), before);
    assert_eq!(before.iter().map(|entry| entry.0).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(before[1].1, Some(1));
}

#[test]
fn one_relay_at_a_time_and_readers_besides() {
    let folder = Folder::new();
    let path = folder.join("j.db");
    let journal = open(&path);
    let refused = SqliteJournal::open(&path, options()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InUse);
    journal.append(&set("/a", 1));
    journal.flush().unwrap();
    let reader = JournalReader::open(&path).unwrap();
    assert_eq!(reader.identity(), journal.identity());
    let stats = reader.stats().unwrap();
    assert_eq!((stats.entries, stats.first, stats.last, stats.last_us), (1, 1, 1, 1));
    let mut out = Vec::new();
    let pattern = Pattern::parse("/**").unwrap();
    assert_eq!(reader.export_ndjson(&mut out, &Query::of(&pattern)).unwrap(), 1);
    let line: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!((&line["seq"], &line["value"], &line["op"]), (&1.into(), &1.into(), &"set".into()));
}

#[test]
fn many_threads_append_in_one_order() {
    let folder = Folder::new();
    let journal = open(&folder.join("j.db"));
    let numbers: Vec<Vec<u64>> = std::thread::scope(|scope| {
        let append = |address| {
            let journal = &journal;
            scope.spawn(move || {
                (1..=2_000).map(|time| journal.append(&set(address, time))).collect()
            })
        };
        ["/a", "/b", "/c"].map(append).into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    journal.flush().unwrap();
    for (address, numbers) in ["/a", "/b", "/c"].iter().zip(numbers) {
        let stored: Vec<_> = all(&journal, address).iter().map(|one| (one.0, one.3)).collect();
        let given: Vec<_> = numbers.into_iter().zip(1..=2_000).collect();
        assert_eq!(stored, given);
    }
}

#[test]
fn a_full_queue_says_so_and_takes_entries_all_the_same() {
    let folder = Folder::new();
    let slow = JournalOptions {
        flush_ms: 60_000,
        batch_entries: 1 << 20,
        queued_entries_max: 10,
        ..options()
    };
    let journal = SqliteJournal::open(&folder.join("j.db"), slow).unwrap();
    for time in 1..=10 {
        assert!(!journal.is_full());
        journal.append(&set("/a", time));
    }
    assert!(journal.is_full());
    assert_eq!(journal.append(&set("/a", 11)), 11);
    assert_eq!(journal.queued(), 11);
    drop(journal);
    assert_eq!(open(&folder.join("j.db")).latest(), 11);
}

#[test]
fn numbers_go_on_after_those_a_state_file_knows() {
    let folder = Folder::new();
    let journal = open(&folder.join("j.db"));
    journal.append(&set("/a", 1));
    journal.flush().unwrap();
    journal.skip_to(50_000);
    assert_eq!((journal.latest(), journal.durable()), (50_000, 50_000));
    assert_eq!(journal.append(&set("/a", 2)), 50_001);
    journal.skip_to(7);
    assert_eq!(journal.latest(), 50_001);
    journal.flush().unwrap();
    let numbers: Vec<_> = all(&journal, "/a").iter().map(|entry| entry.0).collect();
    assert_eq!(numbers, [1, 50_001]);
}

#[cfg(unix)]
#[test]
fn its_files_are_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let path = folder.join("j.db");
    let journal = open(&path);
    journal.append(&set("/a", 1));
    journal.flush().unwrap();
    for suffix in ["", "-wal", "-shm", ".lock"] {
        let path = folder.join(&format!("j.db{suffix}"));
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
}

//! The past goes when a state file covers it and nobody asked to keep it, and not before.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use clasp_router::journal::Journal;
use clasp_storage::{JournalOptions, Retention, SqliteJournal};
use support::{Folder, all, options, set};

const NONE: Retention = Retention { age_s_max: None, bytes_max: None, entries_max: None };

fn filled(folder: &Folder, retention: Retention) -> SqliteJournal {
    let options = JournalOptions { retention, ..options() };
    let journal = SqliteJournal::open(&folder.join("j.db"), options).unwrap();
    let addresses: Vec<String> = (0..1_000).map(|number| format!("/some/param/{number}")).collect();
    for time in 1..=20_000 {
        journal.append(&set(&addresses[time as usize % addresses.len()], time));
    }
    journal.flush().unwrap();
    journal
}

fn first_kept(retention: Retention, covered: u64) -> u64 {
    let folder = Folder::new();
    let journal = filled(&folder, retention);
    journal.cover(covered);
    journal.compact().unwrap();
    let stats = journal.stats().unwrap();
    assert_eq!(stats.last, 20_000);
    assert_eq!(stats.entries, stats.last - stats.first + 1);
    assert_eq!(stats.compacted, stats.first - 1);
    assert_eq!(all(&journal, "/**").first().unwrap().0, stats.first);
    stats.first
}

#[test]
fn whole_blocks_go_that_are_covered_and_outside_retention() {
    let old = Retention { age_s_max: Some(60), ..NONE };
    assert_eq!(first_kept(old, 20_000), 16_384);
    assert_eq!(first_kept(old, 10_000), 8_192);
    assert_eq!(first_kept(old, 0), 1);
    assert_eq!(first_kept(NONE, 20_000), 1);
    let some = Retention { entries_max: Some(9_000), ..NONE };
    assert_eq!(first_kept(some, 20_000), 8_192);
    let young = Retention { age_s_max: Some(u64::MAX), ..NONE };
    assert_eq!(first_kept(young, 20_000), 1);
    let large = Retention { bytes_max: Some(1 << 40), ..NONE };
    assert_eq!(first_kept(large, 20_000), 1);
    let small = Retention { bytes_max: Some(700_000), ..NONE };
    assert!((4_096..16_384).contains(&first_kept(small, 20_000)));
}

#[test]
fn what_went_leaves_a_smaller_file() {
    let folder = Folder::new();
    let journal = filled(&folder, Retention { entries_max: Some(0), ..NONE });
    let nothing = journal.compact().unwrap();
    assert_eq!(nothing.entries_removed, 0);
    journal.cover(20_000);
    let done = journal.compact().unwrap();
    // The writer may have begun before it was asked.
    assert!(done.entries_removed <= 16_383);
    assert!(done.bytes_after < nothing.bytes_after / 2, "{done:?} after {nothing:?}");
    let stats = journal.stats().unwrap();
    assert_eq!((stats.free_bytes, stats.covered), (0, 20_000));
    drop(journal);
    let journal = SqliteJournal::open(&folder.join("j.db"), options()).unwrap();
    assert_eq!(journal.latest(), 20_000);
    assert_eq!(journal.stats().unwrap().first, 16_384);
}

#[test]
fn the_past_goes_by_itself() {
    let folder = Folder::new();
    let journal = filled(&folder, Retention { entries_max: Some(0), ..NONE });
    journal.cover(20_000);
    // Nothing is idle here.
    for time in 1..=20_000 {
        journal.append(&set("/b", time));
    }
    journal.cover(40_000);
    journal.flush().unwrap();
    assert!(journal.stats().unwrap().first > 4_000);
    assert_eq!(all(&journal, "/b").last().unwrap().0, 40_000);
}

#[test]
fn numbers_go_on_when_everything_was_removed() {
    let folder = Folder::new();
    let retention = Retention { entries_max: Some(0), ..NONE };
    let journal = filled(&folder, retention);
    journal.skip_to(1_000_000);
    journal.append(&set("/a", 1));
    journal.flush().unwrap();
    journal.cover(2_000_000);
    journal.compact().unwrap();
    assert_eq!(journal.stats().unwrap().entries, 1);
    drop(journal);
    let journal = SqliteJournal::open(&folder.join("j.db"), options()).unwrap();
    assert_eq!(journal.append(&set("/a", 2)), 1_000_002);
}

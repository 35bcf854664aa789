//! A disk that is full or cannot be written: nothing is lost that fits into memory, everything else
//! goes on, and storing begins again by itself.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stdout, reason = "a test that cannot run says why")]

mod support;

use std::path::Path;
use std::process::Command;

use clasp_router::journal::Journal;
use clasp_storage::{ErrorKind, JournalOptions, SqliteJournal, StateFile, backup};
use support::relay::{Place, Relay, Setup, params};
use support::{Folder, all, open, options, set, wait_until};

/// A small disk of its own, gone at the end.
struct SmallDisk {
    folder: Folder,
}

impl SmallDisk {
    /// `None`, with the reason printed, where nobody may mount anything.
    fn mount(kib: usize) -> Option<SmallDisk> {
        let folder = Folder::new();
        let size = format!("size={kib}k");
        let mount = |command: &mut Command| command.output();
        let mounted = mount(
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()),
        );
        match mounted {
            Ok(output) if output.status.success() => Some(SmallDisk { folder }),
            Ok(output) => {
                println!("skipped: {}", String::from_utf8_lossy(&output.stderr).trim());
                None
            }
            Err(error) => {
                println!("skipped: mount cannot be run: {error}");
                None
            }
        }
    }

    fn grow(&self, kib: usize) {
        let size = format!("remount,size={kib}k");
        let grown = Command::new("mount").args(["-o", &size]).arg(self.folder.path()).status();
        assert!(grown.unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _unmounted = Command::new("umount").arg("-l").arg(self.folder.path()).status();
    }
}

/// Appends until the journal says that it cannot store.
fn fill(journal: &SqliteJournal) {
    let address = format!("/{}", "x".repeat(200));
    let mut time = 0;
    while journal.health().is_ok() {
        time += 1;
        journal.append(&set(&address, time));
        if time % 100 == 0 {
            // Fails when the disk is full, which is what this waits for.
            let _full = journal.flush();
        }
    }
}

#[test]
fn a_full_disk_heals_and_nothing_is_lost() {
    let Some(disk) = SmallDisk::mount(1_024) else { return };
    let path = disk.folder.join("j.db");
    let journal = open(&path);
    fill(&journal);
    let text = journal.health().unwrap_err().to_string();
    assert!(text.contains(&*path.to_string_lossy()), "{text}");
    assert!(text.contains("full") && text.contains("free some space"), "{text}");
    assert!(journal.flush().is_err());
    let last = journal.append(&set("/while/full", 1));
    assert!(journal.durable() < last);
    assert_eq!(all(&journal, "/while/full").len(), 1);
    disk.grow(65_536);
    wait_until(&journal, |journal| journal.durable() >= last && journal.health().is_ok());
    drop(journal);
    let numbers: Vec<u64> = all(&open(&path), "/**").iter().map(|entry| entry.0).collect();
    assert_eq!(numbers, (1..=last).collect::<Vec<u64>>());
}

#[test]
fn a_small_queue_is_full_while_the_disk_is() {
    let Some(disk) = SmallDisk::mount(1_024) else { return };
    let options = JournalOptions { queued_entries_max: 5, ..options() };
    let journal = SqliteJournal::open(&disk.folder.join("j.db"), options).unwrap();
    fill(&journal);
    for time in 1..=5 {
        journal.append(&set("/a", time));
    }
    assert!(journal.is_full());
    disk.grow(65_536);
    wait_until(&journal, |journal| !journal.is_full());
}

#[test]
fn what_a_full_disk_kept_out_at_the_end_is_told() {
    let Some(disk) = SmallDisk::mount(1_024) else { return };
    let journal = open(&disk.folder.join("j.db"));
    fill(&journal);
    assert_eq!(journal.close().unwrap_err().kind(), ErrorKind::DiskFull);
    drop(journal);
    disk.grow(65_536);
    assert!(open(&disk.folder.join("j.db")).latest() > 0);
}

#[test]
fn a_state_file_that_does_not_fit_leaves_the_one_before() {
    let Some(disk) = SmallDisk::mount(64) else { return };
    let setup = Setup { with_journal: false, ..Setup::default() };
    let mut relay = Relay::start(Place::new(), &setup).unwrap();
    relay.set("/a", 1, None);
    let path = disk.folder.join("state.db");
    let mut state = StateFile::new(&path, None);
    state.save(&relay.router, relay.now).unwrap();
    let before = StateFile::inspect(&path).unwrap();
    for number in 0..2_000 {
        relay.set(&format!("/a/{number}"), number, None);
    }
    let error = state.save(&relay.router, relay.now).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DiskFull);
    assert_eq!(StateFile::inspect(&path).unwrap(), before);
    let names: Vec<_> = std::fs::read_dir(disk.folder.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "{names:?}");
    disk.grow(65_536);
    state.save(&relay.router, relay.now).unwrap();
    let saved = StateFile::inspect(&path).unwrap();
    assert_eq!(saved.params, params(&relay.router, relay.now).len() as u64);
}

#[test]
fn places_that_cannot_be_written_are_refused_by_name() {
    let folder = Folder::new();
    let file = folder.join("file");
    std::fs::write(&file, b"").unwrap();
    for place in [file.as_path(), Path::new("/proc/self"), &folder.join("missing")] {
        let path = place.join("j.db");
        let error = SqliteJournal::open(&path, options()).unwrap_err();
        assert!(error.to_string().contains(&*place.to_string_lossy()), "{error}");
        let mut state = StateFile::new(&path, None);
        let error = state.claim().unwrap_err();
        assert!(error.to_string().contains(&*place.to_string_lossy()), "{error}");
        assert!(backup(clasp_storage::RelayFiles::default(), &path).is_err());
    }
}

#[test]
fn a_file_of_something_else_is_left_alone() {
    let folder = Folder::new();
    let path = folder.join("other.db");
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE things (name TEXT)").unwrap();
    drop(other);
    let before = std::fs::read(&path).unwrap();
    let salvage = JournalOptions { salvage: true, ..options() };
    for options in [options(), salvage] {
        let error = SqliteJournal::open(&path, options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Foreign);
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

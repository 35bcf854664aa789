//! A backup of a running relay is a relay at one moment.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;

use clasp_storage::{BackupContent, ErrorKind, RelayFiles, backup, restore};
use support::Folder;
use support::relay::{Place, Relay, Setup, assert_same};

fn files(place: &Place) -> (std::path::PathBuf, std::path::PathBuf) {
    (place.state(), place.journal())
}

#[test]
fn a_running_relay_is_backed_up_and_comes_back() {
    let folder = Folder::new();
    let file = folder.join("backup");
    let mut relay = Relay::start(Place::new(), &Setup::default()).unwrap();
    relay.set("/a", 1, None);
    relay.save();
    relay.set("/a", 2, None);
    relay.bundle(&[("/b", 1), ("/c", 1)]);
    relay.journal.as_ref().unwrap().flush().unwrap();
    let before = relay.params();
    let (state, journal) = files(&relay.place);
    let from = RelayFiles { state_file: Some(&state), journal: Some(&journal) };
    let content = backup(from, &file).unwrap();
    relay.set("/a", 3, None);
    assert_eq!(content.state_bytes, Some(fs::metadata(&state).unwrap().len()));
    let place = Place::new();
    let (state, journal) = files(&place);
    let into = RelayFiles { state_file: Some(&state), journal: Some(&journal) };
    assert_eq!(restore(&file, into).unwrap(), content);
    let setup = Setup { now: relay.now, ..Setup::default() };
    let again = Relay::start(place, &setup).unwrap();
    assert_same(&again.params(), &before);
    assert_eq!(again.report.notes, Vec::<String>::new());
}

#[test]
fn a_backup_made_while_a_relay_writes_saves_and_compacts_is_whole() {
    let folder = Folder::new();
    let mut setup = Setup::default();
    setup.options.retention.entries_max = Some(0);
    let mut relay = Relay::start(Place::new(), &setup).unwrap();
    relay.set("/a", 0, None);
    relay.save();
    let (state, journal) = files(&relay.place);
    let backups: Vec<_> = (0..5).map(|number| folder.join(&number.to_string())).collect();
    let now = std::thread::scope(|scope| {
        let made = scope.spawn(|| {
            let from = RelayFiles { state_file: Some(&state), journal: Some(&journal) };
            for file in &backups {
                backup(from, file).unwrap();
            }
        });
        let mut round = 0;
        while !made.is_finished() {
            round += 1;
            relay.bundle(&[("/a", round), ("/b", round)]);
            if round % 500 == 0 {
                relay.save();
            }
        }
        relay.now
    });
    for file in &backups {
        let place = Place::new();
        let (state, journal) = files(&place);
        restore(file, RelayFiles { state_file: Some(&state), journal: Some(&journal) }).unwrap();
        let again = Relay::start(place, &Setup { now, ..setup.clone() }).unwrap();
        let params = again.params();
        if let Some(b) = params.get("/b") {
            assert_eq!(params["/a"].value, b.value, "half a bundle");
        }
        assert!(!again.report.lossy);
    }
}

#[test]
fn restoring_replaces_nothing_and_a_running_relay_even_less() {
    let folder = Folder::new();
    let file = folder.join("backup");
    let mut relay = Relay::start(Place::new(), &Setup::default()).unwrap();
    relay.set("/a", 1, None);
    relay.save();
    let (state, journal) = files(&relay.place);
    let both = RelayFiles { state_file: Some(&state), journal: Some(&journal) };
    backup(RelayFiles { journal: None, ..both }, &file).unwrap();
    for into in [both, RelayFiles { state_file: None, ..both }] {
        assert_eq!(restore(&file, into).unwrap_err().kind(), ErrorKind::InUse);
    }
    let other = folder.join("journal.db");
    let into = RelayFiles { state_file: None, journal: Some(&other) };
    assert_eq!(restore(&file, into).unwrap_err().kind(), ErrorKind::Mismatch);
    assert!(!other.exists());
    let nothing = restore(&file, RelayFiles::default()).unwrap();
    assert_eq!(nothing, BackupContent::default());
    assert_eq!(restore(&state, RelayFiles::default()).unwrap_err().kind(), ErrorKind::Foreign);
}

#[test]
fn a_damaged_file_is_not_backed_up() {
    let folder = Folder::new();
    let file = folder.join("backup");
    let mut relay = Relay::start(Place::new(), &Setup::default()).unwrap();
    relay.set("/a", 1, None);
    let place = relay.stop();
    let (state, journal) = files(&place);
    let from = RelayFiles { state_file: Some(&state), journal: Some(&journal) };
    backup(from, &file).unwrap();
    let before = fs::read(&file).unwrap();
    let mut bytes = fs::read(&state).unwrap();
    bytes[100] ^= 1;
    fs::write(&state, bytes).unwrap();
    assert_eq!(backup(from, &file).unwrap_err().kind(), ErrorKind::Damaged);
    assert_eq!(fs::read(&file).unwrap(), before);
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "{names:?}");
}

//! Torn, cut and flipped files: a relay goes on with all that was promised, or says which file is
//! damaged and how to go on; it never takes something wrong for right.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;
use std::path::Path;

use clasp_router::Now;
use clasp_router::journal::Journal;
use clasp_storage::{
    ErrorKind, JournalOptions, RelayFiles, SqliteJournal, StateFile, StorageError, SyncMode,
    backup, restore,
};
use support::relay::{Place, Relay, Setup, assert_same};
use support::{Folder, Plain, all, set};

/// Positions in a file that are as good as random and the same every time.
fn positions(length: usize, count: usize) -> impl Iterator<Item = (usize, u8)> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ((state >> 8) as usize % length, 1_u8 << (state % 8))
    })
    .take(count)
}

/// Without waiting for the disk: what is on it is made by hand here.
fn options() -> JournalOptions {
    JournalOptions { sync: SyncMode::Off, ..support::options() }
}

fn salvaging() -> JournalOptions {
    JournalOptions { salvage: true, ..options() }
}

/// What a journal holds, if it opens.
fn read(path: &Path, options: JournalOptions) -> Result<Vec<Plain>, StorageError> {
    let journal = SqliteJournal::open(path, options)?;
    Ok(all(&journal, "/**"))
}

fn assert_helpful(error: &StorageError, path: &Path) {
    let text = error.to_string();
    assert!(text.contains(&*path.to_string_lossy()), "{text}");
    assert!(matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Foreign), "{error:?}");
}

/// Every entry that is there is one that was written, in order.
fn assert_part_of(found: &[Plain], whole: &[Plain]) {
    let mut rest = whole.iter();
    for entry in found {
        assert!(rest.any(|other| other == entry), "{entry:?} was never written");
    }
}

/// Commits of several sizes, groups among them, all still in the log.
fn fill(journal: &SqliteJournal) -> Vec<Plain> {
    let addresses: Vec<String> = (0..40).map(|number| format!("/param/{number}")).collect();
    for (time, address) in (1..).zip(&addresses) {
        journal.append(&set(address, time));
        let group = [set(address, time + 100), set("/shared", time), set("/other", time)];
        journal.append_group(&group[..time as usize % 4], Now::default());
        if time % 5 == 0 {
            journal.flush().unwrap();
        }
    }
    journal.flush().unwrap();
    all(journal, "/**")
}

#[test]
fn a_torn_log_yields_what_was_committed_before() {
    let folder = Folder::new();
    let journal = SqliteJournal::open(&folder.join("j.db"), options()).unwrap();
    let whole = fill(&journal);
    let file = fs::read(folder.join("j.db")).unwrap();
    let log = fs::read(folder.join("j.db-wal")).unwrap();
    let torn = Folder::new();
    let mut longest = 0;
    for end in (0..=log.len()).step_by(512).chain([log.len()]) {
        let path = torn.join(&format!("{end}.db"));
        fs::write(&path, &file).unwrap();
        fs::write(torn.join(&format!("{end}.db-wal")), &log[..end]).unwrap();
        match read(&path, options()) {
            Ok(found) => {
                assert_eq!(found, whole[..found.len()]);
                let next = whole.get(found.len()).and_then(|next| next.1.zip(Some(next.0)));
                assert!(next.is_none_or(|(group, number)| group == number), "half a group");
                assert!(longest <= found.len());
                longest = found.len();
            }
            // The file itself was not finished before its first log was.
            Err(error) => assert_helpful(&error, &path),
        }
    }
    assert_eq!(longest, whole.len());
}

#[test]
fn a_cut_journal_is_refused_and_can_be_salvaged() {
    let folder = Folder::new();
    let path = folder.join("j.db");
    let journal = SqliteJournal::open(&path, options()).unwrap();
    let whole = fill(&journal);
    drop(journal);
    let bytes = fs::read(&path).unwrap();
    let cut = Folder::new();
    let mut most = 0;
    for end in (512..bytes.len()).step_by(512) {
        let path = cut.join(&format!("{end}.db"));
        fs::write(&path, &bytes[..end]).unwrap();
        let error = read(&path, options()).unwrap_err();
        assert_helpful(&error, &path);
        let rest = read(&path, salvaging()).unwrap();
        assert_part_of(&rest, &whole);
        assert!(cut.join(&format!("{end}.db.damaged")).exists());
        most = most.max(rest.len());
    }
    assert!(most > whole.len() / 2, "at most {most} entries were salvaged");
}

#[test]
fn a_flipped_bit_is_found_or_does_no_harm() {
    let folder = Folder::new();
    let path = folder.join("j.db");
    let journal = SqliteJournal::open(&path, options()).unwrap();
    let whole = fill(&journal);
    drop(journal);
    let bytes = fs::read(&path).unwrap();
    let flipped = Folder::new();
    let (mut refused, mut complete) = (0, 0);
    for (number, (place, bit)) in positions(bytes.len(), 150).enumerate() {
        let mut bytes = bytes.clone();
        bytes[place] ^= bit;
        let path = flipped.join(&format!("{number}.db"));
        fs::write(&path, &bytes).unwrap();
        match read(&path, options()) {
            Ok(found) => assert_part_of(&found, &whole),
            Err(error) => assert_helpful(&error, &path),
        }
        fs::write(&path, &bytes).unwrap();
        match read(&path, salvaging()) {
            Ok(found) => {
                assert_part_of(&found, &whole);
                complete += usize::from(found.len() == whole.len());
            }
            // Nobody can tell a flipped version from a newer one.
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Foreign, "byte {place}: {error}");
                refused += 1;
            }
        }
        fs::remove_file(&path).unwrap();
    }
    assert!(refused <= 2, "{refused} files cannot be salvaged");
    assert!(complete > 50, "{complete} files are complete");
}

/// A relay's files with many params, and its params.
fn relay(setup: &Setup) -> (Place, std::collections::BTreeMap<String, support::relay::Param>) {
    let mut relay = Relay::start(Place::new(), setup).unwrap();
    for number in 0..400_i64 {
        relay.set(&format!("/param/{}", number % 150), number, None);
        if number == 200 && setup.with_state {
            relay.save();
        }
    }
    let params = relay.params();
    relay.journal.as_ref().unwrap().flush().unwrap();
    if let Some(journal) = &relay.journal {
        journal.compact().unwrap();
    }
    (relay.kill(), params)
}

#[test]
fn recovery_never_takes_a_flipped_bit_for_a_value() {
    let setup = Setup { with_state: false, options: options(), ..Setup::default() };
    let (place, before) = relay(&setup);
    let bytes = fs::read(place.journal()).unwrap();
    let mut found = 0;
    for (byte, bit) in positions(bytes.len(), 150) {
        let mut bytes = bytes.clone();
        bytes[byte] ^= bit;
        let copy = place.copy();
        fs::write(copy.journal(), bytes).unwrap();
        let name = copy.journal();
        match Relay::start(copy, &setup) {
            Ok(relay) => assert_same(&relay.params(), &before),
            Err(error) => {
                assert_helpful(&error, &name);
                found += 1;
            }
        }
    }
    assert!(found > 25, "{found} flipped bits were found");
}

#[test]
fn any_change_of_a_state_file_is_found() {
    let (place, _) = relay(&Setup::default());
    let bytes = fs::read(place.state()).unwrap();
    let folder = Folder::new();
    let path = folder.join("state.db");
    let check = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        assert_helpful(&StateFile::inspect(&path).unwrap_err(), &path);
    };
    let flips = positions(bytes.len(), 1_000).chain((0..80).map(|byte| (byte, 1)));
    for (place, bit) in flips {
        let mut bytes = bytes.clone();
        bytes[place] ^= bit;
        check(&bytes);
    }
    (0..bytes.len()).step_by(512).for_each(|end| check(&bytes[..end]));
    check(&[&bytes[..], b"x"].concat());
}

#[test]
fn any_change_of_a_backup_is_found() {
    let (place, _) = relay(&Setup::default());
    let folder = Folder::new();
    let (state, journal) = (place.state(), place.journal());
    let files = RelayFiles { state_file: Some(&state), journal: Some(&journal) };
    let path = folder.join("backup");
    backup(files, &path).unwrap();
    let bytes = fs::read(&path).unwrap();
    let (state, journal) = (folder.join("state.db"), folder.join("journal.db"));
    let into = RelayFiles { state_file: Some(&state), journal: Some(&journal) };
    let check = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let error = restore(&path, into).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Foreign), "{error}");
        assert!(!state.exists() && !journal.exists());
    };
    for (place, bit) in positions(bytes.len(), 200).chain((0..30).map(|byte| (byte, 1))) {
        let mut bytes = bytes.clone();
        bytes[place] ^= bit;
        check(&bytes);
    }
    (0..bytes.len()).step_by(4_096).for_each(|end| check(&bytes[..end]));
}

#[test]
fn a_salvaged_journal_goes_on() {
    let folder = Folder::new();
    let path = folder.join("j.db");
    let journal = SqliteJournal::open(&path, options()).unwrap();
    let (whole, identity) = (fill(&journal), journal.identity());
    drop(journal);
    let mut bytes = fs::read(&path).unwrap();
    let places: Vec<_> =
        (0..bytes.len() - 9).filter(|place| bytes[*place..].starts_with(b"/param/20")).collect();
    places.iter().for_each(|place| bytes[*place] ^= 1);
    fs::write(&path, bytes).unwrap();
    let journal = SqliteJournal::open(&path, salvaging()).unwrap();
    let salvaged = journal.opening().salvaged.clone().unwrap();
    let lost = whole.iter().filter(|entry| entry.2 == "/param/20").count() as u64;
    assert_eq!(salvaged.entries_damaged, lost);
    assert_eq!(salvaged.entries_kept, whole.len() as u64 - lost);
    assert!(salvaged.identity_kept && journal.identity() == identity);
    let last = journal.latest();
    assert_eq!(journal.append(&set("/a", 1)), last + 1);
    drop(journal);
    let journal = SqliteJournal::open(&path, salvaging()).unwrap();
    assert_eq!((journal.latest(), journal.opening().salvaged.clone()), (last + 1, None));
}

//! Work on files that is killed half way: whatever is there afterwards is whole, or is refused.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use clasp_protocol::message::Set;
use clasp_protocol::{Message, Qos, RawValue};
use tokio::process::Command;

use crate::client::{Client, State, integer, state};
use crate::folder::{Folder, strs};
use crate::support::{Relay, run};

/// Kills of each kind, spread over the time that the work takes.
const KILLS: u32 = 8;

/// Entries that make the work last.
const WRITES: i64 = 20_000;

/// Starts the executable and kills it after a while.
async fn kill_after(pause: Duration, arguments: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clasp-relay"));
    command.args(arguments).env_clear().stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    tokio::time::sleep(pause).await;
    child.kill().await.unwrap();
}

/// A folder's files, in a folder of their own.
fn copy(folder: &Folder) -> Folder {
    let copy = Folder::new();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    copy
}

/// How long the executable takes over something when nobody disturbs it.
async fn duration(arguments: &[&str]) -> Duration {
    let begun = std::time::Instant::now();
    let ended = run(arguments, &[]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    begun.elapsed()
}

/// Files of a relay that was ended twice in order, and what they hold.
async fn filled() -> (Folder, State) {
    let folder = Folder::new();
    let relay = Relay::start(&strs(&folder.guide())).await;
    let mut client = Client::join(relay.address).await;
    let set = |value: i64| Set::new(format!("/p/{}", value % 100), RawValue::int(value));
    client.send_all((0..WRITES).map(|value| Message::Set(set(value))), Qos::Fire).await;
    client.set("/last", 1, Qos::Commit).await;
    assert_eq!(relay.stop().await.0, Some(0));
    let relay = Relay::start(&strs(&folder.guide())).await;
    Client::join(relay.address).await.set("/last", 2, Qos::Commit).await;
    let before = state(relay.address).await;
    assert_eq!(relay.stop().await.0, Some(0));
    (folder, before)
}

#[tokio::test]
async fn a_killed_compaction_loses_nothing() {
    let (folder, before) = filled().await;
    let mut whole = Duration::ZERO;
    for kill in 0..=KILLS {
        let folder = copy(&folder);
        let path = folder.file("journal.db");
        let compact = ["journal", "compact", "--journal", &path, "--journal-compact-age", "0s"];
        if kill == 0 {
            whole = duration(&compact).await;
        } else {
            kill_after(whole * kill / KILLS, &compact).await;
        }
        let relay = Relay::start(&strs(&folder.guide())).await;
        assert_eq!(state(relay.address).await, before);
    }
}

#[tokio::test]
async fn a_killed_restore_is_refused_whole_or_done_again() {
    let (folder, before) = filled().await;
    let backup = folder.file("backup");
    let (journal, persist) = (folder.file("journal.db"), folder.file("state.db"));
    let files = ["--journal", &journal, "--persist", &persist];
    let ended = run(&[&["backup", &backup], &files[..]].concat(), &[]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let mut whole = Duration::ZERO;
    for kill in 0..=KILLS {
        let folder = Folder::new();
        let (journal, persist) = (folder.file("journal.db"), folder.file("state.db"));
        let restore = ["restore", &backup, "--journal", &journal, "--persist", &persist];
        if kill == 0 {
            whole = duration(&restore).await;
        } else {
            kill_after(whole * kill / KILLS, &restore).await;
        }
        let names = ["journal.db", "state.db"].map(|name| folder.path().join(name));
        if !names.iter().any(|path| path.exists()) {
            assert_eq!(run(&restore, &[]).await.code, Some(0), "as if nothing had happened");
        }
        if names.iter().all(|path| path.exists()) {
            let relay = Relay::start(&strs(&folder.guide())).await;
            assert_eq!(state(relay.address).await, before);
        } else {
            assert_eq!(run(&restore, &[]).await.code, Some(1), "what is there is not replaced");
            std::fs::remove_file(&names[0]).unwrap();
            assert_eq!(run(&restore, &[]).await.code, Some(0), "and then it works");
        }
    }
}

/// A journal of the reference implementation, in which each address was written several times.
fn reference(path: &Path) {
    let mut journal = rusqlite::Connection::open(path).unwrap();
    journal
        .execute_batch(
            "PRAGMA journal_mode = WAL;
             CREATE TABLE journal_entries (seq INTEGER PRIMARY KEY AUTOINCREMENT,
             timestamp INTEGER NOT NULL, author TEXT NOT NULL, address TEXT NOT NULL,
             signal_type TEXT NOT NULL, value_json TEXT NOT NULL, revision INTEGER,
             msg_type INTEGER NOT NULL, hmac TEXT);
             CREATE TABLE snapshots (id INTEGER PRIMARY KEY AUTOINCREMENT,
             created_at INTEGER NOT NULL, seq_at INTEGER NOT NULL, data_json TEXT NOT NULL);",
        )
        .unwrap();
    let transaction = journal.transaction().unwrap();
    for number in 1..=WRITES {
        let address = format!("/p/{}", number % 100);
        let revision = (number + 99) / 100;
        transaction
            .execute(
                "INSERT INTO journal_entries (timestamp, author, address, signal_type, value_json,
                 revision, msg_type) VALUES (?, 'a', ?, 'param', ?, ?, 33)",
                (1_700_000_000_000_000 + number, address, number.to_string(), revision),
            )
            .unwrap();
    }
    transaction.commit().unwrap();
}

#[tokio::test]
async fn a_killed_conversion_begins_again() {
    let folder = Folder::new();
    reference(&folder.path().join("journal.db"));
    let check = async |folder: &Folder| {
        let arguments = [folder.journal(), vec!["--param-ttl".into(), "0".into()]].concat();
        let begun = std::time::Instant::now();
        let relay = Relay::start(&strs(&arguments)).await;
        let whole = begun.elapsed();
        let state = state(relay.address).await;
        assert_eq!(state.len(), 100);
        for (address, param) in state {
            let number: i64 = address["/p/".len()..].parse().unwrap();
            let last = WRITES - 100 + if number == 0 { 100 } else { number };
            assert_eq!((integer(&param.value), param.revision), (last, WRITES as u64 / 100));
        }
        assert_eq!(relay.stop().await.0, Some(0));
        whole
    };
    let whole = check(&copy(&folder)).await;
    for kill in 0..KILLS {
        let folder = copy(&folder);
        let journal = folder.file("journal.db");
        let start = "--ws-port 0 --host 127.0.0.1 --param-ttl 0 --journal".split(' ');
        let start: Vec<&str> = start.chain([&*journal]).collect();
        kill_after(whole * kill / KILLS, &start).await;
        check(&folder).await;
    }
}

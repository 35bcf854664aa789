//! What a restart brings back.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};

use clasp_protocol::message::Ttl;
use clasp_protocol::{Qos, RawValue};
use clasp_router::journal::{Entry, Journal as _, Record};
use clasp_storage::{JournalOptions, SqliteJournal};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::client::{Client, State, bundle, integer, state};
use crate::folder::{Folder, strs};
use crate::support::{Relay, any_with, soon};

/// Values of every kind, by two writers, some of them several times.
async fn write_much(relay: &Relay) -> State {
    let mut first = Client::join(relay.address).await;
    let mut second = Client::join(relay.address).await;
    for value in 1..=5 {
        first.set("/often", value, Qos::Commit).await;
    }
    second.set("/often", 6, Qos::Commit).await;
    let values = [
        ("/null", RawValue::null()),
        ("/bool", RawValue::bool(true)),
        ("/int", RawValue::int(i64::MIN)),
        ("/nan", RawValue::float(f64::NAN)),
        ("/text", RawValue::str("Grün ✓").unwrap()),
        ("/bytes", RawValue::bytes(&[0, 255, 1]).unwrap()),
    ];
    for (address, value) in values {
        second.set_value(address, (value, None), Qos::Commit).await;
    }
    let forever = Some(Ttl::Never);
    first.set_value("/for/ever", (RawValue::int(1), forever), Qos::Commit).await;
    first.send(&bundle(&["/pair/a", "/pair/b"], 7), Qos::Commit).await;
    first.sync().await;
    first.set("/last", 1, Qos::Commit).await;
    state(relay.address).await
}

#[tokio::test]
async fn an_orderly_restart_brings_back_values_revisions_writers_and_times() {
    for with in [Folder::journal, Folder::persist, Folder::guide] {
        let folder = Folder::new();
        let arguments = with(&folder);
        let relay = Relay::start(&strs(&arguments)).await;
        let before = write_much(&relay).await;
        assert_eq!((before["/often"].revision, integer(&before["/often"].value)), (6, 6));
        assert_eq!(before.len(), 11);
        assert_eq!(relay.stop().await.0, Some(0));
        for _ in 0..2 {
            let relay = Relay::start(&strs(&arguments)).await;
            assert_eq!(state(relay.address).await, before);
            let (code, log) = relay.stop().await;
            assert_eq!(code, Some(0));
            assert!(any_with(&log, "recovered 11 params"), "{log:#?}");
        }
        let relay = Relay::start(&strs(&arguments)).await;
        let mut client = Client::join(relay.address).await;
        assert_eq!(client.set("/often", 7, Qos::Confirm).await, 7, "revisions go on");
    }
}

#[tokio::test]
async fn a_killed_relay_comes_back_with_all_that_was_confirmed() {
    for with in [Folder::journal, Folder::guide] {
        let folder = Folder::new();
        let arguments = with(&folder);
        let relay = Relay::start(&strs(&arguments)).await;
        let before = write_much(&relay).await;
        relay.signal("KILL").await;
        relay.end().await;
        let relay = Relay::start(&strs(&arguments)).await;
        assert_eq!(state(relay.address).await, before);
    }
}

#[tokio::test]
async fn lifetimes_go_on_after_a_restart() {
    for with in [Folder::journal, Folder::persist, Folder::guide] {
        let folder = Folder::new();
        let arguments = [with(&folder), vec!["--param-ttl".into(), "3600".into()]].concat();
        let relay = Relay::start(&strs(&arguments)).await;
        let mut client = Client::join(relay.address).await;
        let lives =
            [("/short", Ttl::Absolute(2)), ("/long", Ttl::Absolute(3600)), ("/ever", Ttl::Never)];
        for (address, ttl) in lives {
            client.set_value(address, (RawValue::int(1), Some(ttl)), Qos::Commit).await;
        }
        assert_eq!(relay.stop().await.0, Some(0));
        let relay = Relay::start(&strs(&arguments)).await;
        let mut client = Client::join(relay.address).await;
        let over = async { while client.has("/short").await {} };
        soon("the end of a short life", over).await;
        assert!(client.has("/long").await && client.has("/ever").await);
        assert_eq!(client.set("/short", 1, Qos::Commit).await, 2, "its revision is remembered");
    }
}

#[tokio::test]
async fn without_a_change_no_file_is_written_at_the_end() {
    let folder = Folder::new();
    let arguments = [folder.persist(), vec!["--persist-interval".into(), "0".into()]].concat();
    let relay = Relay::start(&strs(&arguments)).await;
    Client::join(relay.address).await.set("/a", 1, Qos::Confirm).await;
    assert!(!folder.path().join("state.db").exists(), "0 means at the end");
    relay.stop().await;
    assert!(folder.path().join("state.db").exists());
    assert!(!folder.path().join("state.db.previous").exists(), "the end saved twice");
}

#[tokio::test]
async fn files_are_private_and_relative_paths_start_from_the_data_directory() {
    let folder = Folder::new();
    let directory = folder.file("deep/data");
    let paths = ["--data-dir", &directory, "--journal", "j.db", "--persist", "s.db"];
    let relay = Relay::start(&paths).await;
    Client::join(relay.address).await.set("/a", 1, Qos::Commit).await;
    relay.stop().await;
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(Path::new(&directory)), 0o700);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&directory).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(mode(&entry.path()), 0o600, "{entry:?}");
        names.push(entry.file_name().into_string().unwrap());
    }
    assert!(names.contains(&"j.db".into()) && names.contains(&"s.db".into()), "{names:?}");
}

#[tokio::test]
async fn a_signal_while_the_relay_starts_ends_it_and_harms_nothing() {
    let folder = Folder::new();
    let arguments = folder.guide();
    let relay = Relay::start(&strs(&arguments)).await;
    let before = write_much(&relay).await;
    relay.stop().await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_clasp-relay"));
    command.args(["--ws-port", "0", "--host", "127.0.0.1"]).args(&arguments).env_clear();
    let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut log = BufReader::new(child.stdout.take().unwrap()).lines();
    log.next_line().await.unwrap().expect("the first line of the log");
    let id = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &id]).status().await.unwrap().success());
    while log.next_line().await.unwrap().is_some() {}
    assert_eq!(soon("the end", child.wait()).await.unwrap().code(), Some(0));
    let relay = Relay::start(&strs(&arguments)).await;
    assert_eq!(state(relay.address).await, before);
}

/// To a relay that starts an hour earlier than its files were written, the clock has stepped back.
#[tokio::test]
async fn a_clock_that_stepped_back_an_hour_loses_nothing_and_revisions_go_on() {
    let folder = Folder::new();
    let hour = std::time::Duration::from_secs(3_600);
    let ahead = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + hour;
    let path = folder.path().join("journal.db");
    let journal = SqliteJournal::open(&path, JournalOptions::default()).unwrap();
    for (address, ttl) in [("/a", None), ("/b", Some(Ttl::Absolute(60)))] {
        let record = Record::Set { value: RawValue::int(1), revision: 5, ttl };
        let timestamp_us = ahead.as_micros() as u64;
        journal.append(&Entry { timestamp_us, author: "before", address, record });
    }
    journal.close().unwrap();
    drop(journal);

    let arguments = folder.guide();
    let relay = Relay::start(&strs(&arguments)).await;
    let before = state(relay.address).await;
    for address in ["/a", "/b"] {
        assert_eq!((before[address].revision, integer(&before[address].value)), (5, 1));
    }
    let mut client = Client::join(relay.address).await;
    assert_eq!(client.set("/a", 2, Qos::Commit).await, 6, "the clock refuses nothing");
    relay.signal("KILL").await;
    relay.end().await;
    let relay = Relay::start(&strs(&arguments)).await;
    let after = state(relay.address).await;
    assert_eq!((after["/a"].revision, integer(&after["/a"].value)), (6, 2));
    assert_eq!(after["/b"], before["/b"]);
}

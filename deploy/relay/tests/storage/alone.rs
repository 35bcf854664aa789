//! A journal without `--persist`: it has a state file of its own, so that it can forget.

use clasp_protocol::message::Set;
use clasp_protocol::{Message, Qos, RawValue};
use serde_json::Value as Json;

use crate::client::{Client, State, state};
use crate::folder::{Folder, strs};
use crate::support::{Relay, run, soon};

/// More than two blocks of the journal, which goes block by block.
const WRITES: i64 = 12_000;

fn small(folder: &Folder) -> Vec<String> {
    let small = ["--journal-max-bytes", "100K", "--persist-interval", "1"].map(String::from);
    [folder.journal(), small.to_vec()].concat()
}

async fn stats(folder: &Folder) -> Json {
    let path = folder.file("journal.db");
    let ended = run(&["journal", "stats", "--json", "--journal", &path], &[]).await;
    serde_json::from_str(&ended.stdout).unwrap()
}

/// Writes much and lets two saves pass, so that the journal may forget; the state then.
async fn forget(folder: &Folder, relay: &Relay) -> State {
    let mut client = Client::join(relay.address).await;
    for value in 1..=WRITES {
        let set = Set::new(format!("/p/{}", value % 50), RawValue::int(value));
        client.send(&Message::Set(set), Qos::Fire).await;
    }
    let forgotten = async {
        let mut turn = 0;
        while stats(folder).await["compacted"] == 0 {
            turn += 1;
            client.set("/turn", turn, Qos::Commit).await;
        }
    };
    soon("the journal to forget", forgotten).await;
    state(relay.address).await
}

#[tokio::test]
async fn it_forgets_what_its_state_file_holds_and_comes_back_whole_after_a_kill() {
    let folder = Folder::new();
    let arguments = small(&folder);
    let relay = Relay::start(&strs(&arguments)).await;
    let before = forget(&folder, &relay).await;
    relay.signal("KILL").await;
    relay.end().await;
    let relay = Relay::start(&strs(&arguments)).await;
    assert_eq!(state(relay.address).await, before);
}

#[tokio::test]
async fn it_is_backed_up_and_restored_by_the_name_of_the_journal() {
    let folder = Folder::new();
    let relay = Relay::start(&strs(&small(&folder))).await;
    let before = forget(&folder, &relay).await;
    let backup = folder.file("backup");
    let ended = run(&["backup", &backup, "--journal", &folder.file("journal.db")], &[]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let other = Folder::new();
    let ended = run(&["restore", &backup, "--journal", &other.file("journal.db")], &[]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let relay = Relay::start(&strs(&small(&other))).await;
    assert_eq!(state(relay.address).await, before);
}

#[tokio::test]
async fn a_state_file_that_is_asked_for_later_takes_over() {
    let folder = Folder::new();
    let relay = Relay::start(&strs(&small(&folder))).await;
    let before = forget(&folder, &relay).await;
    assert_eq!(relay.stop().await.0, Some(0));
    let both = [small(&folder), folder.persist()].concat();
    for _ in 0..2 {
        let relay = Relay::start(&strs(&both)).await;
        assert_eq!(state(relay.address).await, before);
        assert_eq!(relay.stop().await.0, Some(0));
    }
}

#[tokio::test]
async fn a_journal_that_has_forgotten_is_no_use_without_its_state_file() {
    let folder = Folder::new();
    let relay = Relay::start(&strs(&small(&folder))).await;
    forget(&folder, &relay).await;
    assert_eq!(relay.stop().await.0, Some(0));
    for name in ["journal.db.state", "journal.db.state.previous"] {
        std::fs::remove_file(folder.path().join(name)).unwrap();
    }
    let arguments = small(&folder);
    let start = [&["--ws-port", "0"], &strs(&arguments)[..]].concat();
    let ended = run(&start, &[]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.contains("journal.db.state is not there"), "{ended:?}");
    let (journal, backup) = (folder.file("journal.db"), folder.file("backup"));
    let ended = run(&["backup", &backup, "--journal", &journal], &[]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("--persist"), "{ended:?}");
}

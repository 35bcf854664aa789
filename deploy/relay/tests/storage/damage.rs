//! Damaged files: the one before is used, or the relay refuses and names the way out.

use std::path::Path;

use clasp_protocol::Qos;

use crate::client::{Client, integer, state};
use crate::folder::{Folder, strs};
use crate::support::{Relay, any_with, run};

/// Two generations of the state file: 1 in the previous one, 2 in the current one.
async fn two_generations(arguments: &[String]) {
    for value in 1..=2 {
        let relay = Relay::start(&strs(arguments)).await;
        Client::join(relay.address).await.set("/a", value, Qos::Commit).await;
        assert_eq!(relay.stop().await.0, Some(0));
    }
}

/// Only at the end, so that each run makes one generation.
fn saved_at_the_end(folder: &Folder) -> Vec<String> {
    [folder.persist(), vec!["--persist-interval".into(), "0".into()]].concat()
}

fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let last = bytes.len() - 9;
    bytes[last] ^= 4;
    std::fs::write(path, bytes).unwrap();
}

fn cut(path: &Path) {
    let bytes = std::fs::read(path).unwrap();
    std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

async fn value_of_a(relay: &Relay) -> i64 {
    integer(&state(relay.address).await["/a"].value)
}

#[tokio::test]
async fn a_damaged_state_file_gives_way_to_the_one_before() {
    for damage in [flip, cut] {
        let folder = Folder::new();
        let arguments = saved_at_the_end(&folder);
        two_generations(&arguments).await;
        damage(&folder.path().join("state.db"));
        let relay = Relay::start(&strs(&arguments)).await;
        assert_eq!(value_of_a(&relay).await, 1);
        assert!(any_with(&relay.log().lines(), "state.db.previous"));
    }
}

#[tokio::test]
async fn with_a_journal_a_damaged_state_file_costs_nothing() {
    for damage in [flip, cut] {
        let folder = Folder::new();
        let arguments = [saved_at_the_end(&folder), folder.journal()].concat();
        two_generations(&arguments).await;
        damage(&folder.path().join("state.db"));
        let relay = Relay::start(&strs(&arguments)).await;
        assert_eq!(value_of_a(&relay).await, 2);
    }
}

/// The start is refused in one line that names the file and the way out, which then works.
async fn refused_unless_told_otherwise(arguments: &[String], file: &Path) {
    let loopback = ["--ws-port", "0", "--host", "127.0.0.1"];
    let ended = run(&[&loopback, &strs(arguments)[..]].concat(), &[]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let complaints: Vec<&str> =
        ended.stdout.lines().filter(|line| line.contains("ERROR")).collect();
    let [line] = complaints[..] else { panic!("{ended:?}") };
    assert!(line.contains(file.to_str().unwrap()), "{line}");
    assert!(line.contains("--allow-data-loss"), "{line}");
    assert!(!ended.stdout.contains("listening on"), "{ended:?}");

    let allowed = [&["--allow-data-loss"], &strs(arguments)[..]].concat();
    let relay = Relay::start(&allowed).await;
    assert!(any_with(&relay.log().lines(), "WARN"), "{:#?}", relay.log().lines());
    Client::join(relay.address).await.set("/b", 1, Qos::Commit).await;
    assert_eq!(relay.stop().await.0, Some(0));
    let relay = Relay::start(&strs(arguments)).await;
    assert!(state(relay.address).await.contains_key("/b"));
}

#[tokio::test]
async fn without_any_sound_state_file_the_start_is_refused() {
    let folder = Folder::new();
    let arguments = saved_at_the_end(&folder);
    two_generations(&arguments).await;
    flip(&folder.path().join("state.db"));
    flip(&folder.path().join("state.db.previous"));
    refused_unless_told_otherwise(&arguments, &folder.path().join("state.db")).await;
}

#[tokio::test]
async fn a_damaged_journal_is_refused() {
    let folder = Folder::new();
    let arguments = folder.journal();
    let relay = Relay::start(&strs(&arguments)).await;
    let mut client = Client::join(relay.address).await;
    for value in 0..500 {
        client.set(&format!("/p/{value}"), value, Qos::Confirm).await;
    }
    relay.stop().await;
    let journal = folder.path().join("journal.db");
    cut(&journal);
    refused_unless_told_otherwise(&arguments, &journal).await;
}

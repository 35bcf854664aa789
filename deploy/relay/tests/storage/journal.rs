//! Subcommands that look into a journal.

use clasp_protocol::{Message, Qos};
use serde_json::Value as Json;

use crate::client::{Client, bundle};
use crate::folder::{Folder, strs};
use crate::support::{Ended, Relay, run};

async fn ok(arguments: &[&str]) -> Ended {
    let ended = run(arguments, &[]).await;
    assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
    assert!(ended.stderr.is_empty(), "{ended:?}");
    ended
}

async fn export(path: &str, more: &[&str]) -> Vec<Json> {
    let arguments = [&["journal", "export", "--journal", path], more].concat();
    let lines = ok(&arguments).await.stdout;
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A running relay that has journalled 20 SETs to `/a`, two in a bundle, and one to `/b/c`.
async fn relay(folder: &Folder) -> Relay {
    let relay = Relay::start(&strs(&folder.journal())).await;
    let mut client = Client::join(relay.address).await;
    for value in 1..=20 {
        client.set("/a", value, Qos::Confirm).await;
    }
    client.send(&bundle(&["/pair/a", "/pair/b"], 1), Qos::Fire).await;
    client.set("/b/c", 1, Qos::Commit).await;
    relay
}

#[tokio::test]
async fn export_writes_lines_of_json_in_order_while_the_relay_runs() {
    let folder = Folder::new();
    let _relay = relay(&folder).await;
    let path = folder.file("journal.db");
    let all = export(&path, &[]).await;
    let sequences: Vec<u64> = all.iter().map(|line| line["seq"].as_u64().unwrap()).collect();
    assert_eq!(sequences, (1..=23).collect::<Vec<u64>>());
    let last = &all[19];
    assert_eq!((&last["address"], &last["value"]), (&Json::from("/a"), &Json::from(20)));
    assert_eq!((&last["revision"], &last["op"]), (&Json::from(20), &Json::from("set")));
    assert_eq!(export(&path, &["--pattern", "/a"]).await, all[..20]);
    assert_eq!(export(&path, &["--pattern", "/b/**"]).await, all[22..]);
    assert_eq!(export(&path, &["--limit", "4"]).await, all[..4]);
    let from = all[10]["timestamp"].to_string();
    let to = all[12]["timestamp"].to_string();
    assert_eq!(export(&path, &["--from", &from, "--to", &to]).await, all[10..=12]);
}

#[tokio::test]
async fn stats_line_up_and_also_come_as_json() {
    let folder = Folder::new();
    let relay = relay(&folder).await;
    let path = folder.file("journal.db");
    let table = ok(&["journal", "stats", "--journal", &path]).await.stdout;
    let start = |line: &str| line.rfind("  ").map(|at| at + 2);
    let starts: Vec<_> = table.lines().map(|line| start(line).unwrap()).collect();
    assert!(starts.windows(2).all(|pair| pair[0] == pair[1]), "{table}");
    assert!(table.lines().any(|line| line.starts_with("entries ") && line.ends_with(" 23")));
    for _ in 0..2 {
        let stats = run(&["journal", "stats", "--json"], &[("CLASP_JOURNAL", &path)]).await;
        let stats: Json = serde_json::from_str(&stats.stdout).unwrap();
        assert_eq!((stats["entries"].as_u64(), stats["last"].as_u64()), (Some(23), Some(23)));
    }
    relay.stop().await;
    ok(&["journal", "stats", "--journal", &path]).await;
}

#[tokio::test]
async fn compact_wants_the_relay_stopped_and_removes_what_the_state_file_holds() {
    const WRITES: i64 = 10_000;
    let folder = Folder::new();
    let arguments = folder.guide();
    let path = folder.file("journal.db");
    let relay = Relay::start(&strs(&arguments)).await;
    let mut client = Client::join(relay.address).await;
    for value in 1..WRITES {
        let set = clasp_protocol::message::Set::new("/a", clasp_protocol::RawValue::int(value));
        client.send(&Message::Set(set), Qos::Fire).await;
    }
    client.set("/a", WRITES, Qos::Commit).await;
    let compact = ["journal", "compact", "--journal", &path, "--journal-compact-age", "0s"];
    let refused = run(&compact, &[]).await;
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("in use by another relay"), "{refused:?}");
    relay.stop().await;
    // Each end saves the state, and the one before may be needed: so what was written first may go
    // after the second end.
    let relay = Relay::start(&strs(&arguments)).await;
    Client::join(relay.address).await.set("/b", 1, Qos::Commit).await;
    relay.stop().await;
    let table = ok(&compact).await.stdout;
    let removed = table.lines().find(|line| line.starts_with("entries removed")).unwrap();
    assert!(!removed.ends_with(" 0"), "{table}");
    let relay = Relay::start(&strs(&arguments)).await;
    let mut client = Client::join(relay.address).await;
    assert_eq!(client.set("/a", 0, Qos::Commit).await, WRITES as u64 + 1);
}

#[tokio::test]
async fn a_journal_that_is_not_there_is_not_made() {
    let folder = Folder::new();
    let path = folder.file("none.db");
    for command in ["stats", "compact", "export"] {
        let ended = run(&["journal", command, "--journal", &path], &[]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
        assert!(ended.stderr.contains(&path) && ended.stderr.lines().count() == 1, "{ended:?}");
        assert!(!folder.path().join("none.db").exists());
    }
}

#[tokio::test]
async fn a_reader_that_has_enough_ends_an_export_quietly() {
    let folder = Folder::new();
    let relay = relay(&folder).await;
    relay.stop().await;
    let script = format!("\"$0\" journal export --journal {} | true", folder.file("journal.db"));
    let ended = crate::support::shell(&script).output().await.unwrap();
    assert!(ended.status.success() && ended.stderr.is_empty(), "{ended:?}");
}

//! Backup of a running relay, and what a restore brings back.

use clasp_protocol::{Message, Qos};

use crate::client::{Client, State, bundle, integer, state};
use crate::folder::{Folder, strs};
use crate::support::{Ended, Relay, run};

async fn with_files(folder: &Folder, command: &str, backup: &str) -> Ended {
    let (journal, state) = (folder.file("journal.db"), folder.file("state.db"));
    run(&[command, backup, "--journal", &journal, "--persist", &state], &[]).await
}

/// The state that a relay has which starts on what a backup holds.
async fn restored(backup: &str) -> State {
    let folder = Folder::new();
    let ended = with_files(&folder, "restore", backup).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let relay = Relay::start(&strs(&folder.guide())).await;
    state(relay.address).await
}

#[tokio::test]
async fn a_backup_of_a_running_relay_restores_to_the_same_state() {
    let folder = Folder::new();
    let relay = Relay::start(&strs(&folder.guide())).await;
    let mut client = Client::join(relay.address).await;
    for value in 0..200 {
        client.set(&format!("/p/{}", value % 50), value, Qos::Confirm).await;
    }
    client.set("/last", 1, Qos::Commit).await;
    let before = state(relay.address).await;
    let backup = folder.file("backup");
    let ended = with_files(&folder, "backup", &backup).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("a journal of") && ended.stdout.contains("a state of"));
    client.set("/later", 1, Qos::Commit).await;
    assert_eq!(restored(&backup).await, before);
}

#[tokio::test]
async fn a_backup_under_load_is_one_point_of_the_history() {
    let folder = Folder::new();
    let arguments = [folder.guide(), vec!["--persist-interval".into(), "1".into()]];
    let arguments = [&arguments[0][..4], &arguments[1]].concat();
    let relay = Relay::start(&strs(&arguments)).await;
    let mut client = Client::join(relay.address).await;
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let load = tokio::spawn(async move {
        let mut value = 0;
        while stopped.try_recv().is_err() {
            for _ in 0..50 {
                value += 1;
                client.send(&bundle(&["/pair/a", "/pair/b"], value), Qos::Commit).await;
                client.send(&Message::Ping, Qos::Fire).await;
            }
            client.sync().await;
        }
        value
    });
    for number in 0..3 {
        let backup = folder.file(&format!("backup{number}"));
        let ended = with_files(&folder, "backup", &backup).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let state = restored(&backup).await;
        if let (Some(a), Some(b)) = (state.get("/pair/a"), state.get("/pair/b")) {
            assert_eq!((integer(&a.value), a.revision), (integer(&b.value), b.revision));
        } else {
            assert!(state.is_empty(), "half a bundle: {state:?}");
        }
    }
    stop.send(()).unwrap();
    assert!(load.await.unwrap() > 0);
}

#[tokio::test]
async fn nothing_is_replaced_and_a_damaged_backup_restores_nothing() {
    let folder = Folder::new();
    let relay = Relay::start(&strs(&folder.guide())).await;
    Client::join(relay.address).await.set("/a", 1, Qos::Commit).await;
    relay.stop().await;
    let backup = folder.file("backup");
    assert_eq!(with_files(&folder, "backup", &backup).await.code, Some(0));

    let refused = with_files(&folder, "restore", &backup).await;
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("exists") && refused.stderr.lines().count() == 1);

    let mut bytes = std::fs::read(&backup).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&backup, bytes).unwrap();
    let elsewhere = Folder::new();
    let refused = with_files(&elsewhere, "restore", &backup).await;
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains(&backup), "{refused:?}");
    for name in ["journal.db", "state.db"] {
        assert!(!elsewhere.path().join(name).exists(), "{name}");
    }
}

#[tokio::test]
async fn a_backup_of_nothing_is_a_mistake() {
    let ended = run(&["backup", "somewhere"], &[]).await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("--journal") && ended.stderr.contains("--persist"));
}

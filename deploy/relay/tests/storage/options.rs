//! Options about storage that cannot be meant so, and what others do with the same files.

use crate::folder::{Folder, strs};
use crate::support::{Relay, any_with, run};

#[tokio::test]
async fn another_backend_is_refused_with_those_there_are() {
    for arguments in [["--journal-backend", "defra"], ["--journal-backend", "rocksdb"]] {
        let ended = run(&arguments, &[]).await;
        assert_eq!(ended.code, Some(2));
        assert!(ended.stderr.contains("sqlite") && ended.stderr.contains("memory"), "{ended:?}");
    }
}

#[tokio::test]
async fn a_journal_in_a_file_and_in_memory_is_a_mistake() {
    for other in ["--journal-memory", "--journal-backend=memory"] {
        let folder = Folder::new();
        let ended = run(&["--journal", &folder.file("j.db"), other], &[]).await;
        assert_eq!(ended.code, Some(1));
        assert!(ended.stdout.contains("--journal-memory"), "{ended:?}");
        assert!(!folder.path().join("j.db").exists());
    }
}

#[tokio::test]
async fn durations_and_sizes_that_make_no_sense_are_mistakes() {
    let mistakes = [
        "--journal-compact-age=soon",
        "--journal-max-bytes=1.5G",
        "--journal-flush-ms=-1",
        "--journal-batch-size=0",
        "--journal-sync=perhaps",
        "--persist-interval=often",
    ];
    for mistake in mistakes {
        let ended = run(&[mistake], &[]).await;
        assert_eq!(ended.code, Some(2), "{mistake}: {ended:?}");
        assert!(ended.stderr.contains(mistake.split('=').next().unwrap()), "{ended:?}");
    }
}

#[tokio::test]
async fn a_path_that_cannot_be_had_is_one_line_and_code_1_before_any_port_is_bound() {
    let folder = Folder::new();
    for flag in ["--journal", "--persist"] {
        let path = folder.file("no/such/directory/file.db");
        let ended = run(&[flag, &path, "--ws-port", "0", "--host", "127.0.0.1"], &[]).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let complaints: Vec<&str> =
            ended.stdout.lines().filter(|line| line.contains("ERROR")).collect();
        let [line] = complaints[..] else { panic!("{ended:?}") };
        assert!(line.contains(&path) && line.contains("directory"), "{line}");
        assert!(!ended.stdout.contains("listening on"), "{ended:?}");
    }
}

#[tokio::test]
async fn a_second_relay_on_the_same_file_is_refused() {
    for with in [Folder::journal, Folder::persist] {
        let folder = Folder::new();
        let arguments = with(&folder);
        let first = Relay::start(&strs(&arguments)).await;
        let again = [&["--ws-port", "0", "--host", "127.0.0.1"], &strs(&arguments)[..]].concat();
        let ended = run(&again, &[]).await;
        assert_eq!(ended.code, Some(1));
        assert!(ended.stdout.contains("in use by another relay"), "{ended:?}");
        assert_eq!(first.stop().await.0, Some(0));
    }
}

#[tokio::test]
async fn a_backend_without_a_file_is_told_to_do_nothing() {
    let relay = Relay::start(&["--journal-backend", "sqlite"]).await;
    let (_, log) = relay.stop().await;
    assert!(any_with(&log, "--journal PATH"), "{log:#?}");
}

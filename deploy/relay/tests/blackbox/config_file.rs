//! The config file: what it sets, who wins, what is wrong with it, reading it again.

use std::fs;
use std::path::Path;

use crate::support::{Ended, Relay, any_with, run};

fn written(folder: &Path, text: &str) -> String {
    let path = folder.join("relay.toml");
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

async fn printed(path: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
    let all = [&["--config", path, "--print-config"], arguments].concat();
    run(&all, environment).await
}

#[tokio::test]
async fn a_flag_wins_over_the_environment_over_the_file_over_the_default() {
    let folder = tempfile::tempdir().unwrap();
    let text = "max-sessions = 1\nmax-params = 2\n\n[sessions]\nping-interval = 3\n";
    let path = written(folder.path(), text);
    let environment = [("CLASP_MAX_SESSIONS", "10"), ("CLASP_MAX_PARAMS", "20")];
    let told = printed(&path, &["--max-sessions", "100"], &environment).await;
    assert_eq!(told.code, Some(0), "{told:?}");
    let lines = [
        "max-sessions = 100  # command line".to_owned(),
        "max-params = 20  # CLASP_MAX_PARAMS".to_owned(),
        format!("ping-interval = 3  # {path}, line 5"),
        "session-timeout = 300  # default".to_owned(),
        "# health-port is not set".to_owned(),
    ];
    for line in lines {
        assert!(told.stdout.lines().any(|it| it == line), "{line}\n{}", told.stdout);
    }
}

#[tokio::test]
async fn what_is_printed_is_a_config_file_that_sets_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let text = "name = \"A \\\"B\\\" \\\\ ü\"\norigin = [\"https://a\", \"https://b\"]\n\
                verbose = true\ntoken-ttl = 60\nguest-scopes = \"read:/a\"\n";
    let path = written(folder.path(), text);
    let first = printed(&path, &[], &[]).await.stdout;
    let again = written(folder.path(), &first);
    let second = printed(&again, &[], &[]).await;
    assert_eq!(second.code, Some(0), "{second:?}");
    let values = |text: &str| -> Vec<String> {
        let value = |line: &str| line.split("  # ").next().unwrap_or_default().to_owned();
        text.lines().map(value).collect()
    };
    assert_eq!(values(&first), values(&second.stdout));
    assert!(first.contains("guest-scopes = \"read:/a\""), "{first}");
}

#[tokio::test]
async fn mistakes_end_with_2_and_name_file_line_and_remedy() {
    let folder = tempfile::tempdir().unwrap();
    for (text, expected) in [
        ("\nmax-session = 5\n", "relay.toml:2: there is no option max-session; did you mean max-s"),
        ("max-sessions = \"many\"\n", "relay.toml, line 1"),
        ("max-sessions =\n", "relay.toml:1: this is not TOML"),
    ] {
        let path = written(folder.path(), text);
        let ended = run(&["--config", &path], &[]).await;
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(expected), "{ended:?}");
    }
    let absent = run(&["--config", "/nowhere/relay.toml"], &[]).await;
    assert_eq!(absent.code, Some(2));
    assert!(absent.stderr.contains("/nowhere/relay.toml: cannot read it"), "{absent:?}");
}

#[tokio::test]
async fn a_file_can_complete_what_a_flag_begins() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), "key = \"/k.pem\"\n");
    let told = printed(&path, &["--cert", "/c.pem"], &[]).await;
    assert_eq!(told.code, Some(0), "{told:?}");
    let alone = run(&["--cert", "/c.pem", "--print-config"], &[]).await;
    assert_eq!(alone.code, Some(2));
}

#[tokio::test]
async fn sighup_reads_the_level_of_the_log_again_and_names_what_has_to_wait() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), "log-level = \"info\"\n");
    let relay = Relay::start_in(&[], &[("CLASP_CONFIG", &path)]).await;
    relay.log().line_with("options: 1 from").await;
    written(folder.path(), "log-level = \"warn\"\nmax-params = 9\n");
    relay.signal("HUP").await;
    relay.log().line_with("max-params changed, which counts from the next start on").await;
    written(folder.path(), "log-level = \"debug\"\nmax-params = \"x\"\n");
    relay.signal("HUP").await;
    relay.log().line_with("config file: error: invalid value 'x'").await;
    written(folder.path(), "log-level = \"debug\"\nmax-params = 9\n");
    relay.signal("HUP").await;
    relay.log().line_with("read again; what is logged has changed").await;
    let (code, log) = relay.stop().await;
    assert_eq!(code, Some(0));
    assert!(any_with(&log, "draining"), "{log:#?}");
}

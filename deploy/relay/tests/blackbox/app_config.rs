//! App configs: given, found, refused, checked, and read again.

use std::fs;
use std::path::{Path, PathBuf};

use clasp_protocol::message::Set;
use clasp_protocol::{Message, Qos, RawValue};

use crate::client::Client;
use crate::support::{Relay, any_with, run};

/// An empty folder of its own.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("app-config").join(name);
    let _absent = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

fn file(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

const CHAT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/chat.json");

/// Nothing may be written at `address`.
fn closed(address: &str) -> String {
    let check = r#"{"type": "reject_unless_path_matches", "pattern": "/none", "message": "no"}"#;
    format!(r#"{{"write_rules": [{{"path": "{address}", "checks": [{check}]}}]}}"#)
}

async fn is_refused(client: &mut Client, address: &str) -> bool {
    client.send(&Message::Set(Set::new(address, RawValue::int(1))), Qos::Confirm).await;
    match client.next().await.message() {
        Message::Ack(_) => false,
        Message::Error(error) => {
            assert_eq!((error.code, &*error.message), (403, "no"));
            true
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn write_rules_hold_and_sighup_brings_new_ones_to_open_sessions() {
    let folder = folder("reload");
    let path = file(&folder, "rules.json", &closed("/a"));
    let relay = Relay::start(&["--app-config", &path]).await;
    let mut client = Client::join(relay.address).await;
    assert!(is_refused(&mut client, "/a").await && !is_refused(&mut client, "/b").await);

    file(&folder, "rules.json", &closed("/b"));
    relay.signal("HUP").await;
    relay.log().line_with("was read again").await;
    assert!(!is_refused(&mut client, "/a").await && is_refused(&mut client, "/b").await);

    file(&folder, "rules.json", "{\n  \"write_rules\": [{}]\n}");
    relay.signal("HUP").await;
    let line = relay.log().line_with("stay in force").await;
    assert!(line.contains("rules.json:2:19: write_rules[0]: 'path' is missing"), "{line}");
    assert!(!is_refused(&mut client, "/a").await && is_refused(&mut client, "/b").await);

    fs::remove_file(&path).unwrap();
    relay.signal("HUP").await;
    relay.log().line_with("cannot read").await;
    assert!(is_refused(&mut client, "/b").await);
    assert_eq!(relay.stop().await.0, Some(0));
}

#[tokio::test]
async fn a_bad_config_is_one_clear_line_and_code_1() {
    let folder = folder("bad");
    let absent = folder.join("absent.json").to_str().unwrap().to_owned();
    let cases = [
        (absent, "cannot read"),
        (file(&folder, "broken.json", "{\n \"scopes\": [}"), "broken.json:2:13: this is not JSON"),
        (file(&folder, "scope.json", r#"{"scopes": ["red:/a"]}"#), "unknown action 'red'"),
        (file(&folder, "list.json", "[]"), "expected an object"),
        (file(&folder, "large.json", &" ".repeat(2 << 20)), "larger than"),
    ];
    for (path, reason) in cases {
        let ended = run(&["--ws-port", "0", "--app-config", &path], &[]).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let complaints: Vec<&str> =
            ended.stdout.lines().filter(|line| line.contains("ERROR")).collect();
        let [line] = complaints[..] else { panic!("{ended:?}") };
        assert!(line.contains(reason) && line.contains(&path), "{line}");
    }
}

#[tokio::test]
async fn unknown_members_are_warned_of_at_the_start() {
    let path = file(&folder("unknown"), "app.json", r#"{"write_rulez": []}"#);
    let relay = Relay::start(&["--app-config", &path]).await;
    let line = relay.log().line_with("did you mean 'write_rules'?").await;
    assert!(line.contains("WARN") && line.contains("app.json:1:2"), "{line}");
}

#[tokio::test]
async fn a_config_that_is_found_is_named_and_can_be_left_out() {
    let folder = folder("found");
    let config = folder.join("config");
    fs::create_dir(&config).unwrap();
    let start = async |arguments: &[&str]| Relay::start_at(&folder, arguments).await.stop().await.1;

    file(&config, "only.json", &closed("/a"));
    let log = start(&[]).await;
    let found = log.iter().find(|line| line.contains("only.json")).unwrap();
    assert!(found.contains("WARN") && found.contains("1 write rule"), "{found}");
    assert!(!any_with(&start(&["--no-app-config"]).await, "only.json"));

    file(&config, "other.json", "{}");
    assert!(any_with(&start(&[]).await, "holds several JSON files"));
    file(&config, "app-config.json", "{}");
    assert!(any_with(&start(&[]).await, "found config/app-config.json"));
    file(&config, "app.json", "{}");
    assert!(any_with(&start(&[]).await, "found config/app.json"));
}

#[tokio::test]
async fn check_config_tells_what_a_config_grants() {
    let ended = run(&["check-config", CHAT], &[]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    for line in [
        "22 scopes, 8 write rules, 9 visibility rules, 1 redaction",
        "  read:/chat/user/{userId}/**",
        "  /chat/requests/{target}/{from}      {from} is the writer",
        "  failed logins  5 in 60 s",
    ] {
        assert!(ended.stdout.lines().any(|told| told == line), "{line}\n{}", ended.stdout);
    }
}

#[tokio::test]
async fn check_config_is_strict_and_tells_everything() {
    let folder = folder("strict");
    let text = "{\n  \"scopes\": [\"red:/a\"],\n  \"limits\": {}\n}";
    let path = file(&folder, "app.json", text);
    let ended = run(&["check-config", &path], &[]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
    let lines: Vec<&str> = ended.stderr.lines().collect();
    assert_eq!(lines.len(), 3, "{ended:?}");
    assert!(lines[1].contains("app.json:2:14: scopes[0]: "), "{ended:?}");
    assert!(lines[2].contains("app.json:3:3: limits: 'limits' is unknown"), "{ended:?}");
    let path = file(&folder, "warned.json", "{\"limits\": {}}");
    assert_eq!(run(&["check-config", &path], &[]).await.code, Some(1));
    assert_eq!(run(&["check-config"], &[]).await.code, Some(2));
    assert_eq!(run(&["check-config", "/nonexistent"], &[]).await.code, Some(1));
}

#[tokio::test]
async fn the_operators_message_limit_wins_over_the_applications() {
    let limits = r#"{"rate_limits": {"max_messages_per_second": 3}}"#;
    let path = file(&folder("messages"), "app.json", limits);
    let relay = Relay::start(&["--app-config", &path]).await;
    assert!(is_limited(&relay).await);
    let arguments = ["--app-config", &path, "--max-messages-per-second", "1000"];
    let relay = Relay::start(&arguments).await;
    assert!(!is_limited(&relay).await);
}

/// Whether some of 50 messages at once are refused.
async fn is_limited(relay: &Relay) -> bool {
    let mut client = Client::join(relay.address).await;
    for _ in 0..50 {
        client.set("/a", 1).await;
    }
    client.send(&Message::Set(Set::new("/b", RawValue::int(1))), Qos::Confirm).await;
    match client.next().await.message() {
        Message::Ack(_) => false,
        Message::Error(error) => {
            assert_eq!(error.code, 429);
            true
        }
        other => panic!("{other:?}"),
    }
}

//! The log as people and as collectors read it.

use std::net::SocketAddr;

use clasp_protocol::message::{Features, Hello};
use clasp_protocol::{Message, Qos};
use serde_json::Value;
use tokio::net::TcpStream;

use crate::client::Client;
use crate::support::{Relay, Unread, any_with, shell};

#[tokio::test]
async fn json_lines_have_the_members_that_collectors_read() {
    let relay = Relay::start_in(&["--verbose"], &[("LOG_FORMAT", "JSON")]).await;
    assert!(Client::join(relay.address).await.is_served().await);
    let (code, log) = relay.stop().await;
    assert_eq!(code, Some(0));
    assert!(log.len() > 5, "{log:#?}");
    for line in &log {
        let entry: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        for member in ["timestamp", "level", "target"] {
            assert!(entry[member].is_string(), "{line}");
        }
        assert!(entry["fields"]["message"].is_string(), "{line}");
    }
}

/// Of the page on operation, which collectors are set up by.
#[tokio::test]
async fn json_lines_say_who_and_why_in_members_of_their_own() {
    let relay = Relay::start_in(&[], &[("LOG_FORMAT", "json")]).await;
    let mut client = Client::connect(relay.address).await;
    let name = "desk".into();
    let hello = Hello { version: 1, features: Features::default(), name, token: None };
    client.send(&Message::Hello(hello), Qos::Fire).await;
    let welcome = client.next().await;
    let Message::Welcome(welcome) = welcome.message() else { panic!("{welcome:?}") };
    let joined = fields(&relay.log().line_with("has joined").await);
    assert_eq!(joined["session"], *welcome.session);
    let remote: SocketAddr = joined["remote"].as_str().unwrap().parse().unwrap();
    assert_eq!(remote.ip(), relay.address.ip());

    relay.limit_files(1).await;
    let _waiting = TcpStream::connect(relay.address).await.unwrap();
    let refused = fields(&relay.log().line_with("cannot accept connections").await);
    assert!(refused["error"].as_str().unwrap().contains("os error"), "{refused}");
    relay.limit_files(1_000).await;
    assert_eq!(relay.stop().await.0, Some(0));
}

/// What a line is about.
fn fields(line: &str) -> Value {
    let mut line: Value = serde_json::from_str(line).unwrap();
    line["fields"].take()
}

#[tokio::test]
async fn text_in_a_pipe_has_time_level_target_and_no_colour() {
    let relay = Relay::start(&[]).await;
    let (_, log) = relay.stop().await;
    let line = log.iter().find(|line| line.contains("accepting connections")).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert!(words[0].ends_with('Z') && words[0].len() == "2026-01-01T00:00:00.000000Z".len());
    assert_eq!(words[1], "INFO");
    assert!(words[2].starts_with("clasp_relay"), "{line}");
    assert!(!any_with(&log, "\u{1b}"), "{log:#?}");
}

#[tokio::test]
async fn who_joins_is_logged_with_address_session_and_printable_name() {
    let relay = Relay::start(&[]).await;
    let mut client = Client::connect(relay.address).await;
    let hello = Hello {
        version: 1,
        features: Features::default(),
        name: "Desk\u{1b}[31m \n7".into(),
        token: None,
    };
    client.send(&Message::Hello(hello), Qos::Fire).await;
    let line = relay.log().line_with("has joined").await;
    assert!(line.contains("client \"Desk[31m 7\" has joined"), "{line}");
    assert!(line.contains("remote=127.0.0.1:") && line.contains("session="), "{line}");
}

#[tokio::test]
async fn verbose_logs_details_whatever_rust_log_says() {
    let relay = Relay::start_in(&["-v"], &[("RUST_LOG", "info")]).await;
    assert!(Client::join(relay.address).await.is_served().await);
    let (_, log) = relay.stop().await;
    assert!(any_with(&log, "DEBUG") || any_with(&log, "TRACE"), "{log:#?}");
}

#[tokio::test]
async fn log_level_is_the_least_level_that_is_told() {
    for environment in [[("CLASP_LOG_LEVEL", "ERROR")], [("RUST_LOG", "error")]] {
        let run = "\"$0\" --host 127.0.0.1 -p 0 --features x --no-websocket";
        let mut silent = shell(run);
        let output = silent.envs(environment).output().await.unwrap();
        let log = String::from_utf8(output.stdout).unwrap();
        assert_eq!(log.lines().count(), 1, "{log}");
        assert!(log.contains("ERROR"), "{log}");
    }
}

#[tokio::test]
async fn a_malformed_rust_log_is_told_once_and_means_info() {
    let relay = Relay::start_in(&[], &[("RUST_LOG", "clasp=very-loud")]).await;
    let (code, log) = relay.stop().await;
    assert_eq!(code, Some(0));
    let complaints = log.iter().filter(|line| line.contains("clasp=very-loud")).count();
    assert_eq!(complaints, 1, "{log:#?}");
    assert!(any_with(&log, "INFO") && !any_with(&log, "DEBUG"), "{log:#?}");
}

#[tokio::test]
async fn a_closed_log_does_not_end_the_relay() {
    let relay = Relay::start(&["--verbose"]).await;
    let address = relay.address;
    let work = async { assert!(Client::join(address).await.is_served().await) };
    assert_eq!(relay.stop_unheard(work).await, Some(0));
}

#[tokio::test]
async fn a_log_that_nobody_reads_holds_nobody_up() {
    let relay = Unread::start(&["-v"]).await;
    // Each of them makes a line, and a pipe holds 64 KiB.
    for _ in 0..1_000 {
        Client::join(relay.address).await;
    }
    assert!(Client::join(relay.address).await.is_served().await);
    assert_eq!(relay.stop().await, Some(0));
}

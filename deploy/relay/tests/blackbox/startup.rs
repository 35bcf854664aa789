//! Binding before readiness, and what a failure looks like.

use std::net::TcpListener;

use crate::client::Client;
use crate::http;
use crate::support::{Relay, run};

/// A port that somebody else listens on.
fn taken() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    (listener, port)
}

#[tokio::test]
async fn a_taken_port_is_one_clear_line_and_code_1() {
    let (_listener, port) = taken();
    let loopback = ["--host", "127.0.0.1"];
    let flags = [
        vec!["--ws-port", &port],
        vec!["--ws-port", "0", "--health-port", &port],
        vec!["--ws-port", "0", "--metrics-port", &port],
        vec!["--ws-port", "0", "--tcp-port", &port],
    ];
    for arguments in flags {
        let ended = run(&[&loopback[..], &arguments].concat(), &[]).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let complaints: Vec<&str> =
            ended.stdout.lines().filter(|line| line.contains("ERROR")).collect();
        let [line] = complaints[..] else { panic!("{ended:?}") };
        assert!(line.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{line}");
        assert!(line.contains(arguments[arguments.len() - 2]), "{line}");
        assert!(!ended.stdout.contains("accepting connections"), "{ended:?}");
        assert!(ended.stderr.is_empty(), "{ended:?}");
    }
}

#[tokio::test]
async fn a_silenced_log_still_tells_why_the_relay_does_not_start() {
    let (_listener, port) = taken();
    let arguments = ["--host", "127.0.0.1", "--ws-port", &port];
    let ended = run(&arguments, &[("RUST_LOG", "off")]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    assert!(ended.stderr.starts_with("clasp-relay: cannot listen on"), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1);
}

#[tokio::test]
async fn a_foreign_address_and_an_unknown_name_are_told_with_the_option() {
    // No name server is asked for a name with so long a part.
    let name = "x".repeat(64);
    for host in ["203.0.113.7", &name] {
        let ended = run(&["--host", host, "--ws-port", "0"], &[]).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stdout.contains(host) && ended.stdout.contains("--host"), "{ended:?}");
    }
}

#[tokio::test]
async fn no_protocol_at_all_is_refused() {
    let ended = run(&["--no-websocket", "--health-port", "0"], &[]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stdout.contains("--no-websocket"), "{ended:?}");
}

#[tokio::test]
async fn the_log_tells_the_real_port_in_the_words_that_tools_look_for() {
    let relay = Relay::start(&[]).await;
    assert_ne!(relay.address.port(), 0);
    let url = format!("WebSocket: ws://{}", relay.address);
    relay.log().line_with(&url).await;
    let lines = relay.log().lines();
    let first = lines.iter().find(|line| line.contains("listening on ")).unwrap();
    assert!(first.contains(&relay.address.to_string()), "{first}");
    assert!(Client::join(relay.address).await.is_served().await);
}

#[tokio::test]
async fn a_name_and_a_bracketed_address_serve_every_listener() {
    for host in ["localhost", "[::1]", "::1"] {
        if host.contains("::") && TcpListener::bind("[::1]:0").is_err() {
            // This machine has no IPv6.
            continue;
        }
        let relay = Relay::start(&["--host", host, "--health-port", "0"]).await;
        assert!(relay.address.ip().is_loopback());
        assert!(Client::join(relay.address).await.is_served().await);
        assert_eq!(http::get(relay.page("health").await, "/readyz").await.status, 200);
    }
}

#[tokio::test]
async fn the_limit_of_open_files_is_raised_and_told() {
    let script =
        "ulimit -Sn 256; exec \"$0\" --host 127.0.0.1 -p 0 --max-sessions 0 --no-websocket";
    let ended = crate::support::shell(script).output().await.unwrap();
    let log = String::from_utf8(ended.stdout).unwrap();
    let line = log.lines().find(|line| line.contains("file descriptors: ")).unwrap();
    assert!(line.contains("(the limit was 256)"), "{line}");
}

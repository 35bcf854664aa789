//! The WebSocket handshake.

use std::time::Duration;

use clasp_transport::Config;

use crate::support::{Relay, encoded, hello, local, masked, upgrade_request};

async fn head(relay: &Relay, request: &str) -> String {
    let mut raw = relay.raw().await;
    raw.write(request.as_bytes()).await;
    raw.head().await
}

async fn head_with(relay: &Relay, lines: &str) -> String {
    head(relay, &upgrade_request(lines)).await
}

#[tokio::test]
async fn the_key_is_answered_as_the_rfc_shows() {
    let relay = Relay::start().await;
    let head = head_with(&relay, "").await;
    assert!(head.starts_with("http/1.1 101"), "{head}");
    assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
    assert!(head.contains("connection: upgrade\r\n"), "{head}");
    assert!(!head.contains("sec-websocket-protocol"), "{head}");
    assert!(!head.contains("sec-websocket-extensions"), "{head}");
}

#[tokio::test]
async fn the_offered_subprotocol_is_echoed() {
    let relay = Relay::start().await;
    for (offered, echoed) in [
        ("Sec-WebSocket-Protocol: clasp\r\n", Some("clasp")),
        ("Sec-WebSocket-Protocol: mqtt, clasp\r\n", Some("clasp")),
        ("Sec-WebSocket-Protocol: clasp.v2,clasp\r\n", Some("clasp")),
        ("Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Protocol: clasp\r\n", Some("clasp")),
        ("Sec-WebSocket-Protocol: clasp.v2\r\n", Some("clasp.v2")),
        ("Sec-WebSocket-Protocol: clasps, Clasp\r\n", None),
    ] {
        let head = head_with(&relay, offered).await;
        assert!(head.starts_with("http/1.1 101"), "{offered}: {head}");
        match echoed {
            Some(echoed) => {
                let line = format!("sec-websocket-protocol: {echoed}\r\n");
                assert!(head.contains(&line), "{offered}: {head}");
            }
            None => assert!(!head.contains("sec-websocket-protocol"), "{offered}: {head}"),
        }
    }
}

#[tokio::test]
async fn an_extension_is_not_accepted() {
    let relay = Relay::start().await;
    let head = head_with(&relay, "Sec-WebSocket-Extensions: permessage-deflate\r\n").await;
    assert!(head.starts_with("http/1.1 101") && !head.contains("extensions"), "{head}");
}

#[tokio::test]
async fn another_version_is_told_the_right_one() {
    let relay = Relay::start().await;
    for version in ["8", "14"] {
        let line = format!("Sec-WebSocket-Version: {version}");
        let request = upgrade_request("").replace("Sec-WebSocket-Version: 13", &line);
        let head = head(&relay, &request).await;
        assert!(head.starts_with("http/1.1 426"), "{head}");
        assert!(head.contains("sec-websocket-version: 13"), "{head}");
    }
}

#[tokio::test]
async fn a_bad_handshake_is_refused_with_a_sentence() {
    let relay = Relay::start().await;
    let good = upgrade_request("");
    for bad in [
        good.replace("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
        good.replace("dGhlIHNhbXBsZSBub25jZQ==", "short"),
        good.replace("Connection: keep-alive, Upgrade\r\n", ""),
        good.replace("HTTP/1.1", "HTTP/1.0"),
    ] {
        let mut raw = relay.raw().await;
        raw.write(bad.as_bytes()).await;
        let head = raw.head().await;
        assert!(head.contains(" 400 "), "{bad}: {head}");
        assert!(raw.rest().await.ends_with(b"\n"), "{bad}");
    }
}

#[tokio::test]
async fn only_listed_origins_are_accepted_from_browsers() {
    let origins = vec!["https://app.example".to_owned()];
    let relay = Relay::with(Config { origins, ..local() }).await;
    for (line, status) in [
        ("Origin: https://app.example\r\n", "101"),
        ("Origin: https://app.example.evil\r\n", "403"),
        ("Origin: http://app.example\r\n", "403"),
        ("Origin: null\r\n", "403"),
        ("", "101"),
    ] {
        let head = head_with(&relay, line).await;
        assert!(head.starts_with(&format!("http/1.1 {status}")), "{line}: {head}");
    }
}

#[tokio::test]
async fn bytes_right_behind_the_request_are_not_lost() {
    let relay = Relay::start().await;
    let mut raw = relay.raw().await;
    let mut bytes = upgrade_request("").into_bytes();
    let hello = masked(0x82, &encoded(&hello()));
    bytes.extend_from_slice(&hello[..hello.len() - 3]);
    raw.write(&bytes).await;
    assert!(raw.head().await.starts_with("http/1.1 101"));
    raw.write(&hello[hello.len() - 3..]).await;
    assert_eq!(raw.bytes().await, [0x82]);
}

#[tokio::test]
async fn a_silent_or_dawdling_socket_is_closed() {
    let upgrade_timeout = Duration::from_millis(300);
    let relay = Relay::with(Config { upgrade_timeout, ..local() }).await;
    for part in ["", "GET / HTTP/1.1\r\nHost"] {
        let mut raw = relay.raw().await;
        raw.write(part.as_bytes()).await;
        raw.rest().await;
    }
    relay.join().await;
}

#[tokio::test]
async fn an_endless_head_is_refused() {
    let relay = Relay::start().await;
    let mut raw = relay.raw().await;
    raw.write(format!("GET / HTTP/1.1\r\nX: {}", "y".repeat(20_000)).as_bytes()).await;
    let answer = String::from_utf8(raw.rest().await).unwrap();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
}

//! Limits per address, and clients behind proxies.

use clasp_protocol::{ErrorCode, Message, Qos};
use tokio_tungstenite::tungstenite::Error;

use crate::client::Client;
use crate::http::get;
use crate::support::{Relay, run};

const PROXY: [&str; 2] = ["--trusted-proxy", "127.0.0.1"];

fn behind_proxy<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [&PROXY[..], arguments].concat()
}

fn is_refused(attempt: &Result<Client, Error>) -> bool {
    matches!(attempt, Err(Error::Http(response)) if response.status() == 429)
}

#[tokio::test]
async fn connections_per_address_are_limited_for_the_address_that_the_proxy_tells() {
    let relay = Relay::start(&behind_proxy(&["--max-connections-per-address", "1"])).await;
    let first = Client::connect_from(relay.address, "192.0.2.1").await.unwrap();
    assert!(is_refused(&Client::connect_from(relay.address, "192.0.2.1").await));
    let second = Client::connect_from(relay.address, "192.0.2.2").await;
    assert!(second.is_ok());
    drop(first);
    while Client::connect_from(relay.address, "192.0.2.1").await.is_err() {}
}

#[tokio::test]
async fn new_connections_of_one_address_are_limited_per_second() {
    let relay = Relay::start(&behind_proxy(&["--max-connections-per-second", "1"])).await;
    // Sooner or later two of them fall into one second.
    let refused = loop {
        let attempt = Client::connect_from(relay.address, "192.0.2.1").await;
        if attempt.is_err() {
            break attempt;
        }
    };
    assert!(is_refused(&refused));
    assert!(Client::connect_from(relay.address, "192.0.2.2").await.is_ok());
    for _ in 0..20 {
        Client::join(relay.address).await;
    }
}

#[tokio::test]
async fn sessions_of_one_address_share_the_messages_they_may_send() {
    let arguments = ["--max-messages-per-second-address", "2"];
    let relay = Relay::start(&behind_proxy(&arguments)).await;
    let mut client = Client::connect_from(relay.address, "192.0.2.1").await.unwrap();
    client.greeted().await;
    for value in 0..30 {
        client.set("/a", value).await;
    }
    let refusal = client.next().await;
    let Message::Error(error) = refusal.message() else { panic!("{refusal:?}") };
    assert_eq!(error.code, ErrorCode::TooManyRequests as u16);
    assert!(error.message.contains("from your address"), "{}", error.message);
    let mut other = Client::connect_from(relay.address, "192.0.2.2").await.unwrap();
    other.greeted().await;
    other.set_with("/a", 1, Qos::Confirm).await;
    assert!(matches!(other.next().await.message(), Message::Ack(_)));
}

#[tokio::test]
async fn the_log_tells_the_clients_address_and_not_the_proxys() {
    let relay = Relay::start_in(&[], &[("CLASP_TRUSTED_PROXY", "10.0.0.0/8,127.0.0.1")]).await;
    let mut client = Client::connect_from(relay.address, "192.0.2.7, 10.1.2.3").await.unwrap();
    client.greeted().await;
    let line = relay.log().line_with("has joined").await;
    assert!(line.contains("INFO") && line.contains("remote=192.0.2.7 "), "{line}");

    let relay = Relay::start(&[]).await;
    let mut client = Client::connect_from(relay.address, "192.0.2.7").await.unwrap();
    client.greeted().await;
    let line = relay.log().line_with("has joined").await;
    assert!(line.contains("remote=127.0.0.1:"), "nobody was to be trusted: {line}");
}

#[tokio::test]
async fn the_proxy_protocol_tells_the_clients_address() {
    let relay = Relay::start(&behind_proxy(&["--proxy-protocol"])).await;
    let header = b"PROXY TCP4 192.0.2.9 10.0.0.1 4242 80\r\n";
    let mut client = Client::connect_after(relay.address, header).await.unwrap();
    client.greeted().await;
    let line = relay.log().line_with("has joined").await;
    assert!(line.contains("remote=192.0.2.9:4242"), "{line}");
    assert!(Client::connect_after(relay.address, b"").await.is_err(), "a header has to come");
}

#[tokio::test]
async fn the_proxy_protocol_needs_proxies_that_are_trusted() {
    let ended = run(&["--proxy-protocol"], &[]).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("--trusted-proxy"), "{ended:?}");
    let ended = run(&["--trusted-proxy", "10.0.0.0/8,somewhere"], &[]).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("somewhere"), "{ended:?}");
}

#[tokio::test]
async fn who_is_turned_away_is_counted() {
    let arguments = ["--max-connections-per-address", "1", "--metrics-port", "0"];
    let relay = Relay::start(&behind_proxy(&arguments)).await;
    let metrics = relay.page("metrics").await;
    let _first = Client::connect_from(relay.address, "192.0.2.1").await.unwrap();
    assert!(is_refused(&Client::connect_from(relay.address, "192.0.2.1").await));
    let page = get(metrics, "/metrics").await.body;
    let counter = "clasp_handshake_failures_total{reason=\"rate_limit\"} 1";
    assert!(page.lines().any(|line| line == counter), "{page}");
}

#[tokio::test]
async fn ack_publish_acknowledges_events_that_ask_for_it() {
    let relay = Relay::start(&["--ack-publish"]).await;
    let mut client = Client::join(relay.address).await;
    client.publish("/e", Qos::Confirm).await;
    assert!(matches!(client.next().await.message(), Message::Ack(_)));
    client.publish("/e", Qos::Fire).await;
    assert!(client.is_served().await);
}

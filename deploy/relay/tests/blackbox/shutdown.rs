//! Signals: the drain, its end, and its interruption.

use tokio::net::TcpStream;

use crate::client::{Client, Event};
use crate::http::get;
use crate::support::{Relay, any_with};

/// Longer than any test waits: a relay that ends did not wait for it.
const FOR_EVER: &str = "100000";

#[tokio::test]
async fn without_sessions_a_signal_ends_the_relay_at_once() {
    for signal in ["TERM", "INT"] {
        let pages = ["--health-port", "0", "--metrics-port", "0", "--drain-timeout", FOR_EVER];
        let relay = Relay::start(&pages).await;
        relay.signal(signal).await;
        let (code, log) = relay.end().await;
        assert_eq!(code, Some(0));
        assert!(any_with(&log, &format!("SIG{signal}")), "{log:#?}");
    }
}

#[tokio::test]
async fn sessions_are_told_and_the_relay_ends_with_the_last_of_them() {
    let relay = Relay::start(&["--drain-timeout", FOR_EVER]).await;
    let mut clients = Vec::new();
    for _ in 0..10 {
        let mut client = Client::join(relay.address).await;
        client.subscribe_all().await;
        assert!(client.is_served().await);
        clients.push(client);
    }
    relay.signal("TERM").await;
    for client in &mut clients {
        assert_eq!(client.next().await, Event::Close(1001, "server shutting down".into()));
        assert_eq!(client.next().await, Event::End);
    }
    let (code, _) = relay.end().await;
    assert_eq!(code, Some(0));
}

#[tokio::test]
async fn what_was_queued_before_the_signal_arrives_before_the_close() {
    let relay = Relay::start(&["--drain-timeout", FOR_EVER]).await;
    let mut reader = Client::join(relay.address).await;
    reader.subscribe_all().await;
    assert!(reader.is_served().await);
    let mut writer = Client::join(relay.address).await;
    for value in 0..500 {
        writer.set(&format!("/p/{value}"), value).await;
    }
    assert!(writer.is_served().await);
    relay.signal("TERM").await;
    for _ in 0..500 {
        assert!(matches!(reader.next().await, Event::Frame(_)));
    }
    assert_eq!(reader.next().await, Event::Close(1001, "server shutting down".into()));
}

/// A session that never reads again and so never answers the close.
async fn stubborn(relay: &Relay) -> Client {
    Client::join(relay.address).await
}

#[tokio::test]
async fn while_draining_readiness_is_off_and_nobody_new_comes_in() {
    let relay = Relay::start(&["--health-port", "0", "--drain-timeout", FOR_EVER]).await;
    let health = relay.page("health").await;
    let _session = stubborn(&relay).await;
    relay.signal("TERM").await;
    relay.log().line_with("draining").await;
    let (ready, healthy) = (get(health, "/readyz").await, get(health, "/healthz").await);
    assert_eq!((ready.status, ready.body.as_str()), (503, "not ready\n"));
    assert_eq!(healthy.status, 200);
    let stream = TcpStream::connect(relay.address).await;
    assert!(stream.is_err(), "the listener is still open");
    let (code, _) = relay.end().await;
    assert_eq!(code, Some(0));
}

#[tokio::test]
async fn a_session_that_never_closes_is_cut_at_the_drain_timeout() {
    let relay = Relay::start(&["--drain-timeout", "0"]).await;
    let mut session = stubborn(&relay).await;
    relay.signal("TERM").await;
    let (code, _) = relay.end().await;
    assert_eq!(code, Some(0));
    while session.next().await != Event::End {}
}

#[tokio::test]
async fn a_second_signal_ends_the_drain_with_the_signals_code() {
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let relay = Relay::start(&["--drain-timeout", FOR_EVER]).await;
        let _session = stubborn(&relay).await;
        relay.signal("TERM").await;
        relay.log().line_with("draining").await;
        relay.signal(signal).await;
        let (ended, log) = relay.end().await;
        assert_eq!(ended, Some(code), "{log:#?}");
        assert!(any_with(&log, "without waiting"), "{log:#?}");
    }
}

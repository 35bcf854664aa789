//! The end of a server.

use std::time::Duration;

use clasp_transport::Config;
use tokio::net::TcpStream;
use tungstenite::protocol::frame::coding::CloseCode;

use crate::support::{Relay, local, soon, upgrade_request};

#[tokio::test]
async fn every_client_is_told_and_the_server_ends() {
    let mut relay = Relay::start().await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(relay.join().await);
    }
    relay.shutdown.send(true).unwrap();
    for client in &mut clients {
        let close = client.closed().await;
        assert_eq!((close.code, close.reason.as_str()), (CloseCode::Away, "server shutting down"));
    }
    drop(clients);
    soon(&mut relay.server).await.unwrap();
    assert_eq!(relay.router.connections(), 0);
    assert!(TcpStream::connect(relay.address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_server_without_clients_ends_at_once() {
    let mut relay = Relay::start().await;
    relay.shutdown.send(true).unwrap();
    soon(&mut relay.server).await.unwrap();
}

#[tokio::test]
async fn clients_that_do_not_answer_do_not_hold_the_server_up() {
    let mut relay =
        Relay::with(Config { upgrade_timeout: Duration::from_secs(3_600), ..local() }).await;
    let _silent = relay.raw().await;
    let mut deaf = relay.raw().await;
    deaf.upgrade().await;
    relay.shutdown.send(true).unwrap();
    let end = deaf.rest().await;
    assert!(end.ends_with(b"server shutting down"), "{end:x?}");
    soon(&mut relay.server).await.unwrap();
}

#[tokio::test]
async fn the_drain_timeout_cuts_off_who_is_left() {
    let mut relay = Relay::with(Config {
        upgrade_timeout: Duration::from_secs(3_600),
        drain_timeout: Duration::from_millis(200),
        ..local()
    })
    .await;
    let mut silent = relay.raw().await;
    relay.join().await;
    relay.shutdown.send(true).unwrap();
    soon(&mut relay.server).await.unwrap();
    assert!(silent.rest().await.is_empty());
}

#[tokio::test]
async fn upgrades_during_the_drain_are_refused() {
    let relay = Relay::start().await;
    let mut late = relay.raw().await;
    let request = upgrade_request("");
    let (start, end) = request.split_at(30);
    late.write(start.as_bytes()).await;
    let mut early = relay.join().await;
    relay.shutdown.send(true).unwrap();
    early.closed().await;
    late.write(end.as_bytes()).await;
    assert!(late.head().await.starts_with("http/1.1 503"));
}

#[tokio::test]
async fn dropping_a_server_ends_its_connections() {
    let relay = Relay::start().await;
    let mut raw = relay.raw().await;
    raw.upgrade().await;
    relay.server.abort();
    assert!(raw.rest().await.is_empty());
    crate::support::until(|| relay.router.connections() == 0).await;
}

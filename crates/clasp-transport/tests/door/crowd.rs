//! Many sockets at once.

use clasp_transport::Config;

use crate::support::{Client, Relay, local, until};

#[tokio::test]
async fn silent_sockets_disturb_nobody() {
    let relay = Relay::start().await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(relay.raw().await);
    }
    let mut half = Vec::new();
    for _ in 0..50 {
        let mut raw = relay.raw().await;
        raw.write(b"GET / HTTP/1.1\r\nHo").await;
        half.push(raw);
    }
    relay.join().await;
}

#[tokio::test]
async fn an_address_may_be_limited() {
    let relay = Relay::with(Config { connections_per_address_max: 2, ..local() }).await;
    let (first, _second) = (relay.join().await, relay.join().await);
    assert!(relay.raw().await.rest().await.is_empty(), "the third is closed at once");
    drop(first);
    until(|| relay.router.connections() == 1).await;
    loop {
        // The permit comes back a moment after the session is gone.
        let mut raw = relay.raw().await;
        raw.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        if !raw.rest().await.is_empty() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_come_and_go() {
    let relay = Relay::start().await;
    for _ in 0..10 {
        let mut clients = Vec::new();
        for _ in 0..30 {
            clients.push(Client::connect(relay.address).await);
        }
        for client in &mut clients {
            client.hello().await;
        }
        assert_eq!(relay.router.connections(), 30);
        drop(clients);
        until(|| relay.router.connections() == 0).await;
    }
}

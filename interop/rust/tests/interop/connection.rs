//! Connecting, and coming back after a restart of the relay.

use std::sync::Arc;

use clasp_client::prelude::{Clasp, Value};
use clasp_interop::{Inbox, Relay, connect, listen, within};

#[tokio::test]
async fn welcome_carries_a_uuid_as_session_id() {
    let relay = Relay::start().await;
    let client = connect(&relay).await;

    let session = client.session_id().expect("a connected client has a session");

    assert!(client.is_connected());
    assert_eq!(session.len(), 36, "{session}");
    let hyphens: Vec<usize> = session.match_indices('-').map(|(at, _)| at).collect();
    assert_eq!(hyphens, [8, 13, 18, 23], "{session}");
}

#[tokio::test]
async fn two_clients_have_different_sessions() {
    let relay = Relay::start().await;

    let (first, second) = (connect(&relay).await, connect(&relay).await);

    assert_ne!(first.session_id(), second.session_id());
}

#[tokio::test]
async fn the_client_clock_follows_the_relay() {
    let relay = Relay::start().await;
    let client = connect(&relay).await;

    let microseconds_in_2020 = 1_577_836_800_000_000;

    assert!(client.time() > microseconds_in_2020, "{}", client.time());
}

#[tokio::test]
async fn sigterm_ends_the_relay_with_success_while_clients_are_connected() {
    let relay = Relay::start().await;
    let _client = connect(&relay).await;

    let status = relay.stop().await;

    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn a_client_resubscribes_after_a_restart_and_hears_updates_again() {
    let relay = Relay::start().await;
    let port = relay.port();
    let reconnecting = Clasp::builder(&relay.url()).reconnect(true).reconnect_interval(100);
    let client = within("WELCOME", reconnecting.connect()).await.expect("the relay accepts us");
    let client = Arc::new(client);
    client.start_reconnect_loop();
    let mut inbox = listen(&client, "/room/*").await;
    connect(&relay).await.set("/room/light", 1_i64).await.expect("set");
    inbox.expect("/room/light", 1_i64).await;

    relay.stop().await;
    let relay = Relay::start_on(port).await;
    let writer = connect(&relay).await;
    writer.set("/room/light", 2_i64).await.expect("set");

    hear_at_last(&mut inbox, &Value::Int(2)).await;
    writer.set("/room/light", 3_i64).await.expect("set");
    hear_at_last(&mut inbox, &Value::Int(3)).await;
}

/// Snapshots may repeat a value, so earlier ones are skipped.
async fn hear_at_last(inbox: &mut Inbox, wanted: &Value) {
    while inbox.next().await.1 != *wanted {}
}

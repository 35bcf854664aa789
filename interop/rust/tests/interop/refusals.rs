//! What the relay refuses, it refuses aloud, and the connection lives on.

use std::time::Duration;

use clasp_client::prelude::{Clasp, Value};
use clasp_interop::{Relay, connect, listen, settle, within};
use tokio::time::sleep;

const POLL_PAUSE: Duration = Duration::from_millis(10);

async fn error_code(client: &Clasp) -> u16 {
    loop {
        if let Some(error) = client.last_error() {
            return error.code;
        }
        sleep(POLL_PAUSE).await;
    }
}

#[tokio::test]
async fn get_of_a_missing_address_is_answered_before_the_client_gives_up() {
    let relay = Relay::start().await;
    let client = connect(&relay).await;

    let code = tokio::select! {
        code = error_code(&client) => code,
        outcome = client.get("/no/such/param") => panic!("no ERROR came before {outcome:?}"),
    };

    assert_eq!(code, 201);
}

#[tokio::test]
async fn a_value_of_70_kb_is_refused_and_the_connection_lives_on() {
    let relay = Relay::start().await;
    let other = connect(&relay).await;
    let mut inbox = listen(&other, "/big/*").await;
    let client = connect(&relay).await;

    let outcome = client.set("/big/value", "x".repeat(70_000)).await;
    settle(&client).await;
    client.set("/big/end", true).await.expect("set");

    assert!(outcome.is_err() || client.last_error().is_some(), "the value vanished silently");
    assert_eq!(inbox.until("/big/end").await, []);
}

#[tokio::test]
async fn a_value_too_large_to_be_snapshotted_is_refused_with_402() {
    let relay = Relay::start().await;
    let client = connect(&relay).await;
    let mut inbox = listen(&client, "/big/*").await;

    client.set("/big/value", Value::Bytes(vec![7; 65_500])).await.expect("it fits a frame");
    settle(&client).await;
    client.set("/big/end", true).await.expect("set");

    assert_eq!(client.last_error().map(|refusal| refusal.code), Some(402));
    assert_eq!(inbox.until("/big/end").await, []);
}

#[tokio::test]
async fn a_value_of_60_kb_reaches_subscribers_and_late_joiners() {
    let relay = Relay::start().await;
    let client = connect(&relay).await;
    let mut inbox = listen(&client, "/big/*").await;
    let value = Value::Bytes(vec![7; 60_000]);

    client.set("/big/value", value.clone()).await.expect("set");

    inbox.expect("/big/value", value.clone()).await;
    let late = connect(&relay).await;
    let got = within("the large value", late.get("/big/value")).await.expect("it is stored");
    assert_eq!(got, value);
}

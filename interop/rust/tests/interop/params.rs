//! Parameters: round trips of every value type, snapshots, time to live.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use clasp_client::prelude::{Clasp, Value};
use clasp_core::Ttl;
use clasp_interop::{DEADLINE, Relay, connect, listen, settle, within};
use tokio::runtime::Runtime;
use tokio::time::{Instant, sleep};

const POLL_PAUSE: Duration = Duration::from_millis(100);

/// One value of each type, with the cases that codecs confuse.
fn values() -> Vec<(&'static str, Value)> {
    let map = HashMap::from([
        ("name".to_owned(), Value::from("lamp")),
        ("levels".to_owned(), Value::Array(vec![Value::Int(1), Value::Float(0.5)])),
    ]);
    vec![
        ("int", Value::Int(-42)),
        ("int_max", Value::Int(i64::MAX)),
        ("float", Value::Float(0.25)),
        ("whole_float", Value::Float(7.0)),
        ("string", Value::from("Grüße, 世界")),
        ("empty_string", Value::from("")),
        ("true", Value::Bool(true)),
        ("false", Value::Bool(false)),
        ("null", Value::Null),
        ("bytes", Value::Bytes(vec![0, 1, 0xFF, 0x53])),
        ("array", Value::Array(vec![Value::Int(1), Value::from("two"), Value::Null])),
        ("map", Value::Map(map)),
    ]
}

/// Runs a client that is gone, socket and all, when this returns.
async fn departed<F, Fut>(relay: &Relay, life: F)
where
    F: FnOnce(Clasp) -> Fut + Send + 'static,
    Fut: Future<Output = ()>,
{
    let url = relay.url();
    let live = move || {
        let runtime = Runtime::new().expect("a runtime starts");
        runtime.block_on(async {
            let client = within("WELCOME", Clasp::connect_to(&url)).await.expect("connect");
            life(client).await;
        });
    };
    tokio::task::spawn_blocking(live).await.expect("the departing client does its part");
}

/// Whether a subscription made now brings a value of `address`.
async fn holds(client: &Clasp, address: &str) -> bool {
    !listen(client, address).await.pending().is_empty()
}

#[tokio::test]
async fn every_value_type_survives_set_and_get() {
    let relay = Relay::start().await;
    let writer = connect(&relay).await;
    let reader = connect(&relay).await;
    for (name, value) in values() {
        writer.set(&format!("/types/{name}"), value).await.expect("set");
    }
    settle(&writer).await;

    for (name, value) in values() {
        let got = within("a value", reader.get(&format!("/types/{name}"))).await;
        assert_eq!(got.expect("the value is stored"), value, "{name}");
    }
}

#[tokio::test]
async fn every_value_type_reaches_a_subscriber() {
    let relay = Relay::start().await;
    let reader = connect(&relay).await;
    let mut inbox = listen(&reader, "/types/*").await;
    let writer = connect(&relay).await;

    for (name, value) in values() {
        writer.set(&format!("/types/{name}"), value).await.expect("set");
    }

    for (name, value) in values() {
        inbox.expect(&format!("/types/{name}"), value).await;
    }
}

#[tokio::test]
async fn a_value_outlives_the_client_that_set_it() {
    let relay = Relay::start().await;
    departed(&relay, |client| async move {
        let mut echo = listen(&client, "/left/behind").await;
        client.set("/left/behind", "still here").await.expect("set");
        echo.expect("/left/behind", "still here").await;
    })
    .await;

    let late = connect(&relay).await;

    assert_eq!(late.cached("/left/behind"), Some(Value::from("still here")));
    let got = within("the value", late.get("/left/behind")).await.expect("the value is stored");
    assert_eq!(got, Value::from("still here"));
}

#[tokio::test]
async fn a_late_joiner_gets_the_latest_value_only() {
    let relay = Relay::start().await;
    let writer = connect(&relay).await;
    for level in 1..=5_i64 {
        writer.set("/late/level", level).await.expect("set");
    }
    settle(&writer).await;

    let late = connect(&relay).await;
    let mut inbox = listen(&late, "/late/**").await;

    assert_eq!(inbox.pending(), [("/late/level".to_owned(), Value::Int(5))]);
}

#[tokio::test]
async fn the_writer_hears_its_own_set() {
    let relay = Relay::start().await;
    let client = connect(&relay).await;
    let mut inbox = listen(&client, "/own/*").await;

    client.set("/own/level", 3_i64).await.expect("set");

    inbox.expect("/own/level", 3_i64).await;
}

#[tokio::test]
async fn a_value_with_an_absolute_ttl_is_gone_after_it() {
    let relay = Relay::start().await;
    let writer = connect(&relay).await;
    let mut echo = listen(&writer, "/ttl/*").await;
    writer.set_with_ttl("/ttl/short", 1_i64, Ttl::Absolute(1)).await.expect("set");
    writer.set_with_ttl("/ttl/long", 2_i64, Ttl::Never).await.expect("set");
    echo.expect("/ttl/short", 1_i64).await;
    echo.expect("/ttl/long", 2_i64).await;

    let reader = connect(&relay).await;
    let give_up = Instant::now() + DEADLINE;
    while holds(&reader, "/ttl/short").await {
        assert!(Instant::now() < give_up, "the value with a TTL of 1 s is still served");
        sleep(POLL_PAUSE).await;
    }

    assert!(holds(&reader, "/ttl/long").await);
}

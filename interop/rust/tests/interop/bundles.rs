//! Bundles: whole, in order, on time, or not at all.

use clasp_client::prelude::{Message, SignalType, Value};
use clasp_core::{PublishMessage, SetMessage};
use clasp_interop::{Relay, connect, listen, settle};

const AHEAD_US: u64 = 500_000;

fn set(address: &str, value: i64) -> Message {
    Message::Set(SetMessage {
        address: address.to_owned(),
        value: Value::Int(value),
        revision: None,
        lock: false,
        unlock: false,
        ttl: None,
    })
}

fn event(address: &str, value: i64) -> Message {
    Message::Publish(PublishMessage {
        address: address.to_owned(),
        signal: Some(SignalType::Event),
        value: Some(Value::Int(value)),
        payload: None,
        samples: None,
        rate: None,
        id: None,
        phase: None,
        timestamp: None,
        timeline: None,
    })
}

#[tokio::test]
async fn all_parts_of_a_bundle_arrive_in_order() {
    let relay = Relay::start().await;
    let reader = connect(&relay).await;
    let mut inbox = listen(&reader, "/b/*").await;
    let writer = connect(&relay).await;

    let parts = vec![set("/b/one", 1), event("/b/two", 2), set("/b/three", 3)];
    writer.bundle(parts).await.expect("bundle");

    inbox.expect("/b/one", 1_i64).await;
    inbox.expect("/b/two", 2_i64).await;
    inbox.expect("/b/three", 3_i64).await;
}

#[tokio::test]
async fn a_bundle_of_a_hundred_parts_arrives_whole() {
    let relay = Relay::start().await;
    let reader = connect(&relay).await;
    let mut inbox = listen(&reader, "/b/*").await;
    let writer = connect(&relay).await;

    let parts = (0..100).map(|n| set(&format!("/b/{n}"), n)).collect();
    writer.bundle(parts).await.expect("bundle");

    for n in 0..100_i64 {
        inbox.expect(&format!("/b/{n}"), n).await;
    }
}

#[tokio::test]
async fn a_scheduled_bundle_waits_for_its_time() {
    let relay = Relay::start().await;
    let reader = connect(&relay).await;
    let mut inbox = listen(&reader, "/b/*").await;
    let writer = connect(&relay).await;

    let parts = vec![set("/b/one", 1), set("/b/two", 2)];
    writer.bundle_at(parts, writer.time() + AHEAD_US).await.expect("bundle");
    writer.emit("/b/marker", true).await.expect("emit");

    inbox.expect("/b/marker", true).await;
    inbox.expect("/b/one", 1_i64).await;
    inbox.expect("/b/two", 2_i64).await;
}

#[tokio::test]
async fn a_bundle_for_the_past_runs_at_once() {
    let relay = Relay::start().await;
    let reader = connect(&relay).await;
    let mut inbox = listen(&reader, "/b/*").await;
    let writer = connect(&relay).await;

    writer.bundle_at(vec![set("/b/one", 1)], 1_704_067_200_000_000).await.expect("bundle");
    writer.emit("/b/marker", true).await.expect("emit");

    inbox.expect("/b/one", 1_i64).await;
    inbox.expect("/b/marker", true).await;
}

#[tokio::test]
async fn a_bundle_with_a_locked_part_applies_nothing() {
    let relay = Relay::start().await;
    let holder = connect(&relay).await;
    let mut inbox = listen(&holder, "/b/*").await;
    holder.set_locked("/b/locked", 0_i64).await.expect("set");
    inbox.expect("/b/locked", 0_i64).await;
    let writer = connect(&relay).await;

    let parts = vec![set("/b/before", 1), set("/b/locked", 2), event("/b/after", 3)];
    writer.bundle(parts).await.expect("bundle");
    settle(&writer).await;
    writer.emit("/b/marker", true).await.expect("emit");

    assert_eq!(inbox.until("/b/marker").await, []);
    let refusal = writer.last_error().expect("the refusal is told");
    assert_eq!((refusal.code, refusal.address.as_deref()), (401, Some("/b/locked")));
}

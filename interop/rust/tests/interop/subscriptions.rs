//! Patterns, their reach, and the end of a subscription.

use clasp_client::prelude::Value;
use clasp_interop::{Relay, connect, listen, settle, subscribe};

#[tokio::test]
async fn a_single_star_matches_one_segment_only() {
    let relay = Relay::start().await;
    let reader = connect(&relay).await;
    let mut inbox = listen(&reader, "/a/*").await;
    let writer = connect(&relay).await;

    for address in ["/a/b/c", "/a", "/b/a", "/a/b"] {
        writer.set(address, 1_i64).await.expect("set");
    }
    writer.set("/a/end", true).await.expect("set");

    assert_eq!(inbox.until("/a/end").await, [("/a/b".to_owned(), Value::Int(1))]);
}

#[tokio::test]
async fn a_double_star_matches_any_depth() {
    let relay = Relay::start().await;
    let reader = connect(&relay).await;
    let mut inbox = listen(&reader, "/a/**").await;
    let writer = connect(&relay).await;

    for address in ["/a/b", "/b/a", "/a/b/c", "/a/b/c/d"] {
        writer.set(address, 1_i64).await.expect("set");
    }
    writer.set("/a/end", true).await.expect("set");

    let heard: Vec<String> = inbox.until("/a/end").await.into_iter().map(|(at, _)| at).collect();
    assert_eq!(heard, ["/a/b", "/a/b/c", "/a/b/c/d"]);
}

#[tokio::test]
async fn a_star_in_the_middle_matches_every_room() {
    let relay = Relay::start().await;
    let reader = connect(&relay).await;
    let mut inbox = listen(&reader, "/house/*/light").await;
    let writer = connect(&relay).await;

    for address in ["/house/hall/light", "/house/hall/door", "/house/hall/x/light"] {
        writer.set(address, 1_i64).await.expect("set");
    }
    writer.set("/house/end/light", true).await.expect("set");

    let heard = inbox.until("/house/end/light").await;
    assert_eq!(heard, [("/house/hall/light".to_owned(), Value::Int(1))]);
}

#[tokio::test]
async fn overlapping_subscriptions_each_hear_a_value_once() {
    let relay = Relay::start().await;
    let reader = connect(&relay).await;
    let mut narrow = listen(&reader, "/o/*").await;
    let mut wide = listen(&reader, "/o/**").await;
    let writer = connect(&relay).await;

    writer.set("/o/level", 1_i64).await.expect("set");
    writer.set("/o/end", true).await.expect("set");

    let once = [("/o/level".to_owned(), Value::Int(1))];
    assert_eq!(narrow.until("/o/end").await, once);
    assert_eq!(wide.until("/o/end").await, once);
}

#[tokio::test]
async fn nothing_arrives_after_unsubscribe() {
    let relay = Relay::start().await;
    let reader = connect(&relay).await;
    let (id, mut ended) = subscribe(&reader, "/u/*").await;
    let mut kept = listen(&reader, "/u/end").await;
    reader.unsubscribe(id).await.expect("unsubscribe");
    settle(&reader).await;
    let writer = connect(&relay).await;

    writer.set("/u/level", 1_i64).await.expect("set");
    writer.set("/u/end", true).await.expect("set");

    kept.expect("/u/end", true).await;
    assert_eq!(ended.pending(), []);
}

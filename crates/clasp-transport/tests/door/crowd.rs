//! Many sockets at once.

use std::collections::HashMap;

use clasp_protocol::Message;
use clasp_protocol::message::{Publish, SignalType};

use crate::support::{Client, Frames, Relay, decode, encoded, set, subscribe, until};

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

async fn reader(relay: &Relay) -> Client {
    let mut client = relay.join().await;
    client.send(&subscribe("/**")).await;
    client.send(&set("/ready", 1)).await;
    client.sees("/ready", 1).await;
    client
}

/// Reads SETs until every address holds `last`; no address may ever go back.
async fn read_all(mut client: Client, addresses: usize, last: f64) {
    let mut values = HashMap::new();
    let mut done = 0;
    while done < addresses {
        let frame = client.frame().await;
        let Message::Set(set) = decode(&frame) else { continue };
        if !set.address.starts_with("/race/") {
            continue;
        }
        let value = set.value.number().unwrap().as_f64();
        let before = values.insert(set.address.into_owned(), value).unwrap_or(-1.0);
        assert!(before < value, "{value} after {before}");
        done += usize::from(value == last);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_who_write_at_once_are_read_in_order_to_the_last_value() {
    let relay = Relay::start().await;
    let mut readers = Vec::new();
    for _ in 0..20 {
        readers.push(reader(&relay).await);
    }
    let (writers, rounds) = (8, 1_000);
    let mut tasks = tokio::task::JoinSet::new();
    for client in readers {
        tasks.spawn(read_all(client, writers, f64::from(rounds - 1)));
    }
    for index in 0..writers {
        let mut client = relay.join().await;
        let address = format!("/race/{index}");
        tasks.spawn(async move {
            for value in 0..rounds {
                client.send(&set(&address, i64::from(value))).await;
            }
            client.closed_by_us().await;
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn bursts_of_many_lose_nothing() {
    let relay = Relay::start().await;
    let mut readers = Vec::new();
    for _ in 0..20 {
        readers.push(reader(&relay).await);
    }
    let mut speakers = Vec::new();
    for _ in 0..30 {
        speakers.push(relay.join().await);
    }
    for (index, speaker) in speakers.iter_mut().enumerate() {
        let event = Publish::new(format!("/burst/{index}"), SignalType::Event);
        let burst = encoded(&Message::Publish(event)).repeat(100);
        speaker.send_raw(Frames::binary(burst)).await;
    }
    for reader in &mut readers {
        let mut seen = 0;
        while seen < 30 * 100 {
            seen += usize::from(matches!(decode(&reader.frame().await), Message::Publish(_)));
        }
    }
}

//! Clients that do not read.

use clasp_protocol::Message;
use clasp_protocol::message::Get;

use crate::support::{Frames, Relay, decode, encoded, set, set_bytes, subscribe};

static VALUE: [u8; 20_000] = [7; 20_000];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_nothing_delays_nobody_and_learns_the_last_value() {
    let relay = Relay::start().await;
    let (mut stalled, mut reader) = (relay.join().await, relay.join().await);
    for client in [&mut stalled, &mut reader] {
        client.send(&subscribe("/**")).await;
        client.send(&set("/ready", 1)).await;
        client.sees("/ready", 1).await;
    }
    let mut writer = relay.join().await;
    for round in 0..1_500 {
        writer.send(&set_bytes("/wide", &VALUE)).await;
        writer.send(&set("/count", round)).await;
        reader.sees("/count", round).await;
    }
    stalled.sees("/count", 1_499).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_larger_than_all_buffers_arrives_whole() {
    let relay = Relay::start().await;
    let mut writer = relay.join().await;
    let count = 1_500;
    for index in 0..count {
        writer.send(&set_bytes(&format!("/big/{index}"), &VALUE)).await;
    }
    writer.send(&subscribe("/done")).await;
    writer.send(&set("/done", 1)).await;
    writer.sees("/done", 1).await;

    let mut client = crate::support::Client::connect(relay.address).await;
    for request in [crate::support::hello(), subscribe("/later"), set("/later", 1)] {
        client.send(&request).await;
    }
    let mut seen = 0;
    loop {
        let frame = client.frame().await;
        match decode(&frame) {
            Message::Snapshot(snapshot) => seen += snapshot.params.len(),
            Message::Set(_) => break,
            _ => {}
        }
    }
    assert!(seen > count, "requests behind HELLO wait for the whole snapshot");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_wait_until_their_answers_are_read() {
    let relay = Relay::start().await;
    let mut client = relay.join().await;
    client.send(&set_bytes("/wide", &VALUE)).await;
    let get = encoded(&Message::Get(Get { address: "/wide".into() }));
    let count = 2_000;
    for _ in 0..count {
        client.send_raw(Frames::binary(get.clone())).await;
    }
    client.send(&Message::Ping).await;
    let mut answers = 0;
    loop {
        let frame = client.frame().await;
        match decode(&frame) {
            Message::Snapshot(_) => answers += 1,
            Message::Pong => break,
            other => panic!("a snapshot or the last answer, not {other:?}"),
        }
    }
    assert_eq!(answers, count);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pings_of_a_client_that_does_not_read_cost_no_memory_and_hang_nobody() {
    let relay = Relay::start().await;
    let mut raw = relay.raw().await;
    raw.upgrade().await;
    let ping = crate::support::masked(0x89, &[1; 125]);
    let flood = ping.repeat(1_000);
    for _ in 0..200 {
        raw.write(&flood).await;
    }
    relay.join().await;
}

//! Clients that do not read.

use clasp_protocol::Message;

use crate::support::{Relay, decode, set, set_bytes, subscribe};

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
    client.send(&crate::support::hello()).await;
    client.send(&subscribe("/later")).await;
    client.send(&set("/later", 1)).await;
    writer.send(&subscribe("/later")).await;
    let mut seen = 0;
    while seen < count + 1 {
        let frame = client.frame().await;
        if let Message::Snapshot(snapshot) = decode(&frame) {
            seen += snapshot.params.len();
        }
    }
    client.sees("/later", 1).await;
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

//! From bytes of a client to messages and back.

use std::net::{Ipv4Addr, UdpSocket};

use clasp_protocol::message::Set;
use clasp_protocol::{Message, RawValue};
use quinn::Endpoint;

use crate::support::{Client, Relay, decode, encoded, hello, set, soon, subscribe};

#[tokio::test]
async fn what_one_client_sets_another_sees_in_order() {
    let relay = Relay::start().await;
    let (mut reader, mut writer) = (relay.join(b"clasp/2").await, relay.join(b"clasp/3").await);
    reader.send(&subscribe("/a/**")).await;
    reader.send(&set("/a/mine", 1)).await;
    reader.sees("/a/mine", 1).await;
    for value in 0..500 {
        writer.send(&set("/a/b", value)).await;
    }
    let mut last = -1;
    while last < 499 {
        let frame = reader.frame().await;
        if let Message::Set(set) = decode(&frame) {
            let value = (last + 1..500).find(|value| set.value == RawValue::int(*value));
            last = value.expect("values only grow");
        }
    }
}

#[tokio::test]
async fn frames_may_be_cut_anywhere() {
    let relay = Relay::start().await;
    let bytes = [encoded(&hello()), encoded(&subscribe("/**")), encoded(&set("/x", 1))].concat();
    let mut client = relay.connect(b"clasp/2").await;
    for byte in &bytes {
        client.write(&[*byte]).await;
        tokio::task::yield_now().await;
    }
    client.is_welcome().await;
    client.sees("/x", 1).await;
}

#[tokio::test]
async fn a_frame_may_come_in_two_reads_cut_at_each_of_its_bytes() {
    let relay = Relay::start().await;
    let mut client = relay.join(b"clasp/2").await;
    client.send(&subscribe("/**")).await;
    for cut in 1..encoded(&set("/x", 0)).len() {
        let value = i64::try_from(cut).unwrap();
        let frame = encoded(&set("/x", value));
        client.write(&[&encoded(&Message::Ping)[..], &frame[..cut]].concat()).await;
        // The relay has read what came along with the PING.
        while decode(&client.frame().await) != Message::Pong {}
        client.write(&frame[cut..]).await;
        client.sees("/x", value).await;
    }
}

#[tokio::test]
async fn a_hundred_frames_may_come_at_once() {
    let relay = Relay::start().await;
    let mut client = relay.connect(b"clasp/2").await;
    let mut bytes = [encoded(&hello()), encoded(&subscribe("/**"))].concat();
    for value in 1..=100 {
        bytes.extend(encoded(&set("/x", value)));
    }
    client.write(&bytes).await;
    client.is_welcome().await;
    for value in 1..=100 {
        client.sees("/x", value).await;
    }
}

#[tokio::test]
async fn the_largest_value_passes() {
    let relay = Relay::start().await;
    let mut client = relay.join(b"clasp/3").await;
    client.send(&subscribe("/**")).await;
    let bytes = vec![7; 65_000];
    client.send(&Message::Set(Set::new("/x", RawValue::bytes(&bytes).unwrap()))).await;
    assert!(client.frame().await.len() > 65_000);
}

#[tokio::test]
async fn who_ends_his_stream_still_gets_the_answers() {
    let relay = Relay::start().await;
    let mut client = relay.connect(b"clasp/2").await;
    let bytes = [encoded(&hello()), encoded(&subscribe("/**")), encoded(&set("/x", 1))].concat();
    client.write(&bytes).await;
    client.send.finish().unwrap();
    client.is_welcome().await;
    client.sees("/x", 1).await;
    assert!(client.try_frame().await.is_none());
    assert_eq!(client.closed().await.0, 0);
}

#[tokio::test]
async fn a_slow_reader_gets_the_latest_values() {
    let mut router = clasp_router::Config::default();
    router.outbox.soft_frames_max = 10;
    let relay = Relay::with_ports(|_| {}, router, clasp_router::Ports::default()).await;
    let mut client = relay.join(b"clasp/2").await;
    client.send(&subscribe("/**")).await;
    let big = vec![7; 10_000];
    for value in 0..500 {
        client.send(&Message::Set(Set::new("/big", RawValue::bytes(&big).unwrap()))).await;
        client.send(&set("/x", value)).await;
    }
    client.sees("/x", 499).await;
}

#[tokio::test]
async fn a_client_may_change_its_address() {
    let relay = Relay::start().await;
    let mut endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    endpoint.set_default_client_config(relay.client_config(b"clasp/2"));
    let connection = soon(endpoint.connect(relay.address, "localhost").unwrap()).await.unwrap();
    let mut client = Client::over(connection).await;
    client.hello().await;
    client.send(&subscribe("/**")).await;
    client.send(&set("/x", 1)).await;
    client.sees("/x", 1).await;
    let before = endpoint.local_addr().unwrap();
    endpoint.rebind(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).unwrap();
    assert_ne!(endpoint.local_addr().unwrap(), before);
    client.send(&set("/x", 2)).await;
    client.sees("/x", 2).await;
    assert_eq!(relay.router.connections(), 1, "it is the same session");
}

//! Streams and moves of gestures as datagrams.

use bytes::Bytes;
use clasp_protocol::message::{Phase, Publish, SignalType};
use clasp_protocol::{Message, RawValue};

use crate::support::{Client, Relay, decode, encoded, set, soon, subscribe};

fn stream(address: &str, value: i64) -> Message<'_> {
    let publish = Publish::new(address, SignalType::Stream);
    Message::Publish(Publish { value: Some(RawValue::int(value)), ..publish })
}

fn gesture(phase: Phase) -> Message<'static> {
    let publish = Publish::new("/g", SignalType::Gesture);
    Message::Publish(Publish { phase: Some(phase), id: Some(1), ..publish })
}

async fn datagram(client: &Client) -> Bytes {
    soon(client.connection.read_datagram()).await.unwrap()
}

async fn listener(relay: &Relay, protocol: &[u8]) -> Client {
    let mut client = relay.join(protocol).await;
    client.send(&subscribe("/**")).await;
    client.send(&set("/ready", 1)).await;
    client.sees("/ready", 1).await;
    client
}

#[tokio::test]
async fn streams_reach_a_client_of_the_newer_protocol_as_datagrams() {
    let relay = Relay::start().await;
    let (new, mut old) = (listener(&relay, b"clasp/3").await, listener(&relay, b"clasp/2").await);
    let mut writer = relay.join(b"clasp/2").await;
    writer.send(&stream("/s", 1)).await;
    let frame = datagram(&new).await;
    let Message::Publish(publish) = decode(&frame) else { panic!("a PUBLISH") };
    assert_eq!(publish.value, Some(RawValue::int(1)));
    let frame = old.frame().await;
    assert!(matches!(decode(&frame), Message::Publish(_)), "by its stream");
}

#[tokio::test]
async fn what_is_too_large_for_a_datagram_goes_by_the_stream() {
    let relay = Relay::start().await;
    let mut new = listener(&relay, b"clasp/3").await;
    let mut writer = relay.join(b"clasp/2").await;
    let bytes = vec![7; 20_000];
    let value = RawValue::bytes(&bytes).unwrap();
    let publish = Publish::new("/s", SignalType::Stream);
    writer.send(&Message::Publish(Publish { value: Some(value), ..publish })).await;
    assert!(new.frame().await.len() > 20_000);
}

#[tokio::test]
async fn only_the_moves_of_a_gesture_may_get_lost() {
    let relay = Relay::start().await;
    let mut new = listener(&relay, b"clasp/3").await;
    let mut writer = relay.join(b"clasp/2").await;
    writer.send(&gesture(Phase::Start)).await;
    let frame = new.frame().await;
    assert!(matches!(decode(&frame), Message::Publish(start) if start.phase == Some(Phase::Start)));
    writer.send(&gesture(Phase::Move)).await;
    let frame = datagram(&new).await;
    assert!(matches!(decode(&frame), Message::Publish(at) if at.phase == Some(Phase::Move)));
    writer.send(&gesture(Phase::End)).await;
    let frame = new.frame().await;
    assert!(matches!(decode(&frame), Message::Publish(end) if end.phase == Some(Phase::End)));
}

#[tokio::test]
async fn clients_may_send_fleeting_frames_as_datagrams_and_nothing_else() {
    let relay = Relay::start().await;
    let mut old = listener(&relay, b"clasp/2").await;
    let new = relay.join(b"clasp/3").await;
    for message in [set("/x", 1), gesture(Phase::Start), stream("/s", 1)] {
        new.connection.send_datagram(encoded(&message).into()).unwrap();
    }
    new.connection.send_datagram(Bytes::from_static(b"\x53")).unwrap();
    new.connection.send_datagram(Bytes::new()).unwrap();
    let frame = old.frame().await;
    let Message::Publish(publish) = decode(&frame) else { panic!("only a PUBLISH arrives") };
    assert_eq!(publish.address, "/s");
    assert_eq!(relay.router.params(), 1, "only /ready");
}

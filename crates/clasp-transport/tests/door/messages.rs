//! From bytes of a client to messages and back.

use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::support::{Frames, Relay, decode, encoded, hello, masked, set, set_bytes, subscribe};
use clasp_protocol::Message;

#[tokio::test]
async fn what_one_client_sets_another_sees() {
    let relay = Relay::start().await;
    let (mut reader, mut writer) = (relay.join().await, relay.join().await);
    reader.send(&subscribe("/a/**")).await;
    reader.send(&set("/a/mine", 1)).await;
    reader.sees("/a/mine", 1).await;
    for value in 0..500 {
        writer.send(&set("/a/b", value)).await;
    }
    reader.sees("/a/b", 499).await;
}

#[tokio::test]
async fn several_frames_may_share_one_message() {
    let relay = Relay::start().await;
    let mut client = relay.join().await;
    let bytes: Vec<u8> =
        [subscribe("/**"), set("/x", 1), set("/y", 2)].iter().flat_map(encoded).collect();
    client.send_raw(Frames::binary(bytes)).await;
    client.sees("/x", 1).await;
    client.sees("/y", 2).await;
}

#[tokio::test]
async fn bytes_may_come_one_by_one() {
    let relay = Relay::start().await;
    let mut raw = relay.raw().await;
    raw.upgrade().await;
    for byte in masked(0x82, &encoded(&hello())) {
        raw.write(&[byte]).await;
    }
    assert_eq!(raw.bytes().await, [0x82]);
}

#[tokio::test]
async fn messages_may_come_in_fragments_around_control_frames() {
    let relay = Relay::start().await;
    let mut raw = relay.raw().await;
    raw.upgrade().await;
    let hello = encoded(&hello());
    let (start, end) = hello.split_at(5);
    let bytes =
        [masked(0x02, start), masked(0x89, b"?"), masked(0x00, b""), masked(0x80, end)].concat();
    raw.write(&bytes).await;
    let answer: [u8; 4] = raw.bytes().await;
    // The answers to ping and HELLO may come in either order.
    assert!(answer.starts_with(&[0x82]) || answer.starts_with(b"\x8a\x01?"), "{answer:x?}");
}

#[tokio::test]
async fn the_largest_message_passes_in_one_piece_and_in_many() {
    let relay = Relay::start().await;
    let mut client = relay.join().await;
    client.send(&subscribe("/big")).await;
    let value = vec![0x5a; 65_400];
    let message = encoded(&set_bytes("/big", &value));
    for fragments in [1, 7] {
        let size = message.len().div_ceil(fragments);
        let count = message.chunks(size).count();
        for (index, part) in message.chunks(size).enumerate() {
            let data = if index == 0 { Data::Binary } else { Data::Continue };
            let frame = Frame::message(part.to_vec(), OpCode::Data(data), index + 1 == count);
            client.send_raw(Frames::Frame(frame)).await;
        }
        let frame = client.frame().await;
        let Message::Set(set) = decode(&frame) else { panic!("a SET comes back") };
        assert_eq!(set.value.as_bytes(), Some(&value[..]));
    }
}

#[tokio::test]
async fn text_is_ignored() {
    let relay = Relay::start().await;
    let mut client = relay.join().await;
    client.send_raw(Frames::text("hello?")).await;
    client.send(&subscribe("/x")).await;
    client.send(&set("/x", 1)).await;
    assert!(matches!(decode(&client.frame().await), Message::Set(_)));
}

#[tokio::test]
async fn a_ping_is_answered_with_its_payload() {
    let relay = Relay::start().await;
    let mut client = relay.join().await;
    client.send_raw(Frames::Ping(b"are you there"[..].into())).await;
    assert_eq!(client.next().await, Frames::Pong(b"are you there"[..].into()));
}

#[tokio::test]
async fn a_flood_of_pings_is_answered_up_to_the_newest() {
    let relay = Relay::start().await;
    let mut raw = relay.raw().await;
    raw.upgrade().await;
    let flood: Vec<u8> =
        (0..10_000u16).flat_map(|number| masked(0x89, &number.to_be_bytes())).collect();
    raw.write(&flood).await;
    loop {
        let [0x8a, 2, high, low] = raw.bytes().await else { panic!("a pong") };
        if u16::from_be_bytes([high, low]) == 9_999 {
            return;
        }
    }
}

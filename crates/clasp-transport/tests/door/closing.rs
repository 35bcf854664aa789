//! Ends of connections: whose Close, with which code, and that the router learns of it.

use tokio::io::AsyncWriteExt as _;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;

use crate::support::{Frames, Raw, Relay, encoded, local, masked, set, subscribe, until};

/// The code in the Close frame that ends `bytes`.
fn close_code(bytes: &[u8]) -> u16 {
    let at = bytes.iter().position(|byte| *byte == 0x88).expect("a Close frame");
    u16::from_be_bytes([bytes[at + 2], bytes[at + 3]])
}

async fn upgraded(relay: &Relay) -> Raw {
    let mut raw = relay.raw().await;
    raw.upgrade().await;
    raw
}

#[tokio::test]
async fn a_close_is_answered_with_its_code() {
    let relay = Relay::start().await;
    for code in [CloseCode::Normal, CloseCode::Away, CloseCode::Library(4_321)] {
        let mut client = relay.join().await;
        let close = CloseFrame { code, reason: "enough".into() };
        client.send_raw(Frames::Close(Some(close))).await;
        assert_eq!(client.closed().await.code, code);
    }
    until(|| relay.router.connections() == 0).await;
}

#[tokio::test]
async fn a_close_without_code_is_answered_without_code() {
    let relay = Relay::start().await;
    let mut raw = upgraded(&relay).await;
    raw.write(&masked(0x88, b"")).await;
    assert_eq!(raw.rest().await, [0x88, 0]);
}

#[tokio::test]
async fn a_lost_connection_ends_the_session() {
    let relay = Relay::start().await;
    let client = relay.join().await;
    assert_eq!(relay.router.connections(), 1);
    drop(client);
    until(|| relay.router.connections() == 0).await;
}

#[tokio::test]
async fn violations_are_answered_with_1002_and_the_end() {
    let relay = Relay::start().await;
    for bytes in [
        &[0x82, 1, 0][..],
        &masked(0xc2, b"reserved bit"),
        &masked(0x83, b"reserved opcode"),
        &masked(0x09, b"fragmented ping"),
        &masked(0x80, b"continuation of nothing"),
        &masked(0x88, &1005u16.to_be_bytes()),
    ] {
        let mut raw = upgraded(&relay).await;
        raw.write(bytes).await;
        assert_eq!(close_code(&raw.bytes::<4>().await), 1002, "{bytes:x?}");
    }
    until(|| relay.router.connections() == 0).await;
}

#[tokio::test]
async fn a_reason_that_is_not_text_is_answered_with_1007() {
    let relay = Relay::start().await;
    let mut raw = upgraded(&relay).await;
    raw.write(&masked(0x88, b"\x03\xe8\xff")).await;
    assert_eq!(close_code(&raw.bytes::<4>().await), 1007);
}

#[tokio::test]
async fn too_big_a_message_is_answered_with_1009_though_more_is_on_its_way() {
    let relay = Relay::start().await;
    let mut raw = upgraded(&relay).await;
    raw.write(&[0x82, 0xff, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0]).await;
    let (mut read, mut write) = tokio::io::split(raw.stream);
    let sender = tokio::spawn(async move { write.write_all(&vec![0; 1 << 20]).await });
    let mut head = [0; 4];
    tokio::io::AsyncReadExt::read_exact(&mut read, &mut head).await.unwrap();
    assert_eq!(close_code(&head), 1009);
    sender.abort();
}

#[tokio::test]
async fn what_was_said_before_a_violation_counts() {
    let relay = Relay::start().await;
    let mut reader = relay.join().await;
    reader.send(&subscribe("/**")).await;
    reader.send(&set("/ready", 1)).await;
    reader.sees("/ready", 1).await;
    let mut raw = upgraded(&relay).await;
    let messages = [crate::support::hello(), set("/last/words", 7)];
    let mut bytes: Vec<u8> =
        messages.iter().flat_map(|message| masked(0x82, &encoded(message))).collect();
    bytes.extend(masked(0xf2, b""));
    bytes.extend(masked(0x82, &encoded(&set("/too/late", 8))));
    raw.write(&bytes).await;
    reader.sees("/last/words", 7).await;
    assert_eq!(close_code(&raw.rest().await), 1002);
    reader.send(&set("/done", 1)).await;
    let frame = reader.frame().await;
    assert!(frame.windows(5).any(|part| part == b"/done"), "nothing came too late");
}

#[tokio::test]
async fn a_first_message_that_is_not_hello_is_closed_with_the_reason() {
    let relay = Relay::start().await;
    let mut client = crate::support::Client::connect(relay.address).await;
    client.send(&set("/x", 1)).await;
    let close = client.closed().await;
    assert_eq!(close.code, CloseCode::Protocol);
    assert!(close.reason.contains("HELLO"), "{close:?}");
}

#[tokio::test]
async fn a_full_relay_says_so_and_closes() {
    let few = clasp_router::Config { sessions_max: 1, ..Default::default() };
    let relay = Relay::with_router(local(), few).await;
    let first = relay.join().await;
    let mut second = crate::support::Client::connect(relay.address).await;
    let close = second.closed().await;
    assert_eq!((close.code, close.reason.as_str()), (CloseCode::Again, "server full"));
    drop((first, second));
    until(|| relay.router.connections() == 0).await;
    relay.join().await;
}

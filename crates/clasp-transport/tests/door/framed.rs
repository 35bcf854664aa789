//! CLASP frames without WebSocket: each behind its length, or back to back.

use std::time::Duration;

use clasp_protocol::Message;
use clasp_protocol::limits::FRAME_BYTES_MAX;
use clasp_transport::{Config, Wire};
use tokio::io::AsyncWriteExt as _;

use crate::support::{Raw, Relay, decode, encoded, hello, local, set, set_bytes, soon, subscribe};
use crate::support::{until, upgrade_request};

fn framed() -> Config {
    Config { wire: Wire::Framed, ..local() }
}

fn prefixed(message: &Message<'_>) -> Vec<u8> {
    let frame = encoded(message);
    [&u32::try_from(frame.len()).unwrap().to_be_bytes()[..], &frame].concat()
}

/// A client of the wire with length prefixes.
struct Prefixed(Raw);

impl Prefixed {
    async fn join(relay: &Relay) -> Prefixed {
        let mut client = Prefixed(relay.raw().await);
        client.0.write(&prefixed(&hello())).await;
        client.is_welcome().await;
        client
    }

    async fn is_welcome(&mut self) {
        assert!(matches!(decode(&self.frame().await), Message::Welcome(_)));
        assert!(matches!(decode(&self.frame().await), Message::Snapshot(_)));
    }

    async fn send(&mut self, message: &Message<'_>) {
        self.0.write(&prefixed(message)).await;
    }

    async fn frame(&mut self) -> Vec<u8> {
        let length = u32::from_be_bytes(self.0.bytes().await) as usize;
        let mut frame = vec![0; length];
        soon(tokio::io::AsyncReadExt::read_exact(&mut self.0.stream, &mut frame)).await.unwrap();
        frame
    }

    async fn sees(&mut self, address: &str, value: i64) {
        loop {
            let frame = self.frame().await;
            if let Message::Set(set) = decode(&frame)
                && set.address == address
                && set.value == clasp_protocol::RawValue::int(value)
            {
                return;
            }
        }
    }
}

#[tokio::test]
async fn clients_of_both_wires_hear_each_other_on_the_websocket_port() {
    let relay = Relay::start().await;
    let mut web = relay.join().await;
    let mut plain = Prefixed::join(&relay).await;
    web.send(&subscribe("/a/**")).await;
    plain.send(&subscribe("/a/**")).await;
    plain.send(&set("/a/x", 1)).await;
    web.sees("/a/x", 1).await;
    plain.sees("/a/x", 1).await;
    web.send(&set("/a/y", 2)).await;
    plain.sees("/a/y", 2).await;
    assert_eq!(relay.router.connections(), 2);
}

#[tokio::test]
async fn a_port_may_take_frames_only() {
    let relay = Relay::with(framed()).await;
    let mut client = Prefixed::join(&relay).await;
    client.send(&subscribe("/**")).await;
    client.send(&set("/x", 7)).await;
    client.sees("/x", 7).await;
    for request in ["GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), upgrade_request("")] {
        let mut raw = relay.raw().await;
        raw.write(request.as_bytes()).await;
        assert!(raw.head().await.starts_with("http/1.1 200"), "the pages answer");
    }
}

#[tokio::test]
async fn frames_may_be_cut_anywhere() {
    let relay = Relay::with(framed()).await;
    let bytes = [prefixed(&hello()), prefixed(&subscribe("/**")), prefixed(&set("/x", 1))].concat();
    for cut in 1..bytes.len() {
        let mut client = Prefixed(relay.raw().await);
        client.0.write(&bytes[..cut]).await;
        client.0.write(&bytes[cut..]).await;
        client.is_welcome().await;
        client.sees("/x", 1).await;
    }
    let mut client = Prefixed(relay.raw().await);
    for byte in &bytes {
        client.0.write(&[*byte]).await;
    }
    client.is_welcome().await;
    client.sees("/x", 1).await;
}

#[tokio::test]
async fn a_hundred_frames_may_come_at_once() {
    let relay = Relay::with(framed()).await;
    let mut client = Prefixed(relay.raw().await);
    let mut bytes = [prefixed(&hello()), prefixed(&subscribe("/**"))].concat();
    for value in 1..=100 {
        bytes.extend(prefixed(&set("/x", value)));
        bytes.extend([0; 4]);
    }
    client.0.write(&bytes).await;
    client.is_welcome().await;
    for value in 1..=100 {
        client.sees("/x", value).await;
    }
}

#[tokio::test]
async fn bare_frames_are_answered_with_bare_frames() {
    let relay = Relay::start().await;
    let mut raw = relay.raw().await;
    raw.write(&[encoded(&hello()), encoded(&subscribe("/**"))].concat()).await;
    for byte in encoded(&set("/x", 1)) {
        raw.write(&[byte]).await;
    }
    let mut kinds = Vec::new();
    while !matches!(kinds.last(), Some(0x21)) {
        let header = raw.bytes::<4>().await;
        assert_eq!(header[0], 0x53);
        let mut payload = vec![0; usize::from(u16::from_be_bytes([header[2], header[3]]))];
        soon(tokio::io::AsyncReadExt::read_exact(&mut raw.stream, &mut payload)).await.unwrap();
        kinds.push(payload[0]);
    }
    assert_eq!(kinds, [0x02, 0x23, 0x21], "WELCOME, SNAPSHOT, SET");
}

#[tokio::test]
async fn the_largest_frame_passes_and_a_larger_prefix_ends_the_connection() {
    let relay = Relay::with(framed()).await;
    let mut client = Prefixed::join(&relay).await;
    client.send(&subscribe("/**")).await;
    client.send(&set_bytes("/x", &[7; 65_000])).await;
    assert!(client.frame().await.len() > 65_000);
    let mut raw = client.0;
    let announced = u32::try_from(FRAME_BYTES_MAX).unwrap() + 1;
    raw.write(&announced.to_be_bytes()).await;
    let end = String::from_utf8_lossy(&raw.rest().await).into_owned();
    assert!(end.contains("65547"), "it is told why: {end:?}");
    until(|| relay.router.connections() == 0).await;
}

#[tokio::test]
async fn bytes_that_begin_no_frame_end_the_connection() {
    let relay = Relay::with(framed()).await;
    let mut raw = relay.raw().await;
    raw.write(&encoded(&hello())).await;
    raw.write(b"GET /").await;
    let end = String::from_utf8_lossy(&raw.rest().await).into_owned();
    assert!(end.contains("0x53"), "it is told why: {end:?}");
}

#[tokio::test]
async fn without_hello_the_connection_ends_in_time() {
    let second = Duration::from_secs(1);
    let relay = Relay::with(Config { handshake_timeout: second, ..framed() }).await;
    let mut raw = relay.raw().await;
    raw.write(&[0]).await;
    let end = String::from_utf8_lossy(&raw.rest().await).into_owned();
    assert!(end.contains("handshake timeout"), "it is told why: {end:?}");
    until(|| relay.router.connections() == 0).await;
}

#[tokio::test]
async fn a_socket_that_says_nothing_is_closed_and_nobody_waits_for_it() {
    let second = Duration::from_secs(1);
    let relay = Relay::with(Config { upgrade_timeout: second, ..framed() }).await;
    let mut silent = relay.raw().await;
    Prefixed::join(&relay).await;
    assert!(silent.rest().await.is_empty());
}

#[tokio::test]
async fn a_silent_session_is_not_pinged_and_ends() {
    let second = Duration::from_secs(1);
    let config = Config { ping_interval: Duration::ZERO, session_timeout: second, ..framed() };
    let relay = Relay::with(config).await;
    let mut client = Prefixed::join(&relay).await;
    let end = String::from_utf8_lossy(&client.0.rest().await).into_owned();
    assert!(end.contains("idle timeout"), "it is told why: {end:?}");
}

#[tokio::test]
async fn who_ends_his_side_still_gets_the_answers() {
    let relay = Relay::with(framed()).await;
    let mut client = Prefixed(relay.raw().await);
    let bytes = [prefixed(&hello()), prefixed(&subscribe("/**")), prefixed(&set("/x", 1))].concat();
    client.0.write(&bytes).await;
    soon(client.0.stream.shutdown()).await.unwrap();
    client.is_welcome().await;
    client.sees("/x", 1).await;
    client.0.rest().await;
    until(|| relay.router.connections() == 0).await;
}

#[tokio::test]
async fn all_are_told_when_the_relay_ends() {
    let mut relay = Relay::with(framed()).await;
    let mut client = Prefixed::join(&relay).await;
    relay.shutdown.send(true).unwrap();
    let end = String::from_utf8_lossy(&client.0.rest().await).into_owned();
    assert!(end.contains("server shutting down"), "it is told why: {end:?}");
    drop(client);
    soon(&mut relay.server).await.unwrap();
}

#[tokio::test]
async fn a_reader_that_is_slow_gets_the_latest_values() {
    let mut router = clasp_router::Config::default();
    router.outbox.soft_frames_max = 10;
    let relay = Relay::with_router(framed(), router).await;
    let mut client = Prefixed::join(&relay).await;
    client.send(&subscribe("/**")).await;
    for value in 0..2_000 {
        client.send(&set_bytes("/big", &[7; 10_000])).await;
        client.send(&set("/x", value)).await;
    }
    client.sees("/x", 1_999).await;
}

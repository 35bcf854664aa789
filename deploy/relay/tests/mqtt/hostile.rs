//! Bytes that no client sends, and clients that misbehave (adapters.md 0.5, 1.2).

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::soon;
use crate::tools::{Listener, publish_well, start};

const CONNECT: &[u8] = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01h";
const MODERN: &[u8] = b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x01h";

/// Sends bytes; everything that comes until the relay closes.
async fn until_closed(port: u16, parts: &[&[u8]]) -> Vec<u8> {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    for part in parts {
        // The relay may have closed already.
        let _ = socket.write_all(part).await;
    }
    let mut all = Vec::new();
    let _ = soon("the end of the connection", socket.read_to_end(&mut all)).await;
    all
}

#[tokio::test]
async fn what_breaks_the_protocol_is_closed_and_disturbs_nobody() {
    let (_relay, port) = start(&[]).await;
    let mut listener = Listener::start(port, &["-t", "#"]).await;
    let large = vec![b'x'; 70_000];
    let mut too_large = b"\x30\xf3\xa2\x04\x00\x01t".to_vec();
    too_large.extend_from_slice(&large);
    for parts in [
        &[&b"\x10\xff\xff\xff\x7f"[..]][..],
        &[b"\x10\xff\xff\xff\xff\xff"],
        &[b"\x30\x03\x00\x01t"],
        &[b"\x00\x00"],
        &[CONNECT, CONNECT],
        &[CONNECT, b"\x30\xff\xff\xff\x7f"],
        &[CONNECT, b"\x30\x05\x00\x03a/#"],
        &[CONNECT, b"\x36\x05\x00\x01t\x00\x01"],
        &[CONNECT, b"\x82\x06\x00\x01\x00\x01a\x03"],
        &[CONNECT, b"\x82\x02\x00\x01"],
        &[CONNECT, b"\xf0\x00"],
        &[CONNECT, &too_large],
        &[&large],
    ] {
        let came = until_closed(port, parts).await;
        let expected: &[u8] = if parts.len() == 1 { b"" } else { b"\x20\x02\x00\x00" };
        assert_eq!(came, expected, "{:?}", &parts[parts.len() - 1][..4]);
    }
    for (bytes, reason) in [
        (&b"\x30\xff\xff\xff\x7f"[..], 0x95),
        (b"\x00\x00", 0x81),
        (b"\xc0\x01\x00", 0x81),
        (b"\x30\x06\x00\x03a/#\x00", 0x90),
        (b"\x82\x08\x00\x01\x00\x00\x02a#\x00", 0x8F),
        (MODERN, 0x82),
    ] {
        let came = until_closed(port, &[MODERN, bytes]).await;
        let goodbye = came.iter().rposition(|byte| *byte == 0xE0).unwrap();
        assert_eq!(came[goodbye + 2], reason, "{bytes:?}");
    }
    publish_well(port, &["-t", "still", "-m", "here"]).await;
    assert_eq!(listener.message().await, "still here q0 r0");
}

#[tokio::test]
async fn silent_connections_do_not_delay_others() {
    let (_relay, port) = start(&[]).await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        socket.write_all(&CONNECT[..5]).await.unwrap();
        silent.push(socket);
    }
    publish_well(port, &["-q", "1", "-t", "a", "-m", "1"]).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_up_nobody() {
    let (_relay, port) = start(&[]).await;
    let mut stalled = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stalled.write_all(CONNECT).await.unwrap();
    stalled.write_all(b"\x82\x06\x00\x01\x00\x01#\x02").await.unwrap();
    let mut answer = [0; 9];
    soon("SUBACK", stalled.read_exact(&mut answer)).await.unwrap();
    let mut listener = Listener::start(port, &["-q", "1", "-t", "load"]).await;
    let payload = "x".repeat(1_000);
    let lines: String = (0..5_000).map(|number| format!("{number}{payload}\n")).collect();
    crate::tools::publish_lines(port, &["-q", "1", "-t", "load"], &lines).await;
    let mut last = String::new();
    while !last.starts_with("load 4999x") {
        last = listener.message().await;
    }
}

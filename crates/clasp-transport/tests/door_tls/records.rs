//! Records, handshakes and ends of TLS itself.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use clasp_transport::Config;
use rustls::{ClientConfig, ClientConnection};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::socket::{client_config, dial_over, strict_acceptor};
use crate::support::{
    Relay, encoded, hello, local, masked, set, soon, subscribe, until, upgrade_request,
};

/// A socket that moves one byte at a time.
struct Dribble(TcpStream);

impl AsyncRead for Dribble {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut byte = [0];
        let mut one = ReadBuf::new(&mut byte);
        let read = Pin::new(&mut self.0).poll_read(cx, &mut one);
        into.put_slice(one.filled());
        read
    }
}

impl AsyncWrite for Dribble {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, &bytes[..bytes.len().min(1)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

async fn tcp(relay: &Relay) -> TcpStream {
    let stream = TcpStream::connect(relay.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Reads an HTTP head.
async fn head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(soon(stream.read_u8()).await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

async fn upgraded<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut TlsStream<S>) {
    soon(stream.write_all(upgrade_request("").as_bytes())).await.unwrap();
    soon(stream.flush()).await.unwrap();
    assert!(head(stream).await.starts_with("HTTP/1.1 101"));
}

#[tokio::test]
async fn records_may_come_and_go_byte_by_byte() {
    let relay = Relay::start().await;
    let mut slow = soon(dial_over(Dribble(tcp(&relay).await), client_config())).await;
    upgraded(&mut slow).await;
    for message in [hello(), subscribe("/x"), set("/x", 1)] {
        soon(slow.write_all(&masked(0x82, &encoded(&message)))).await.unwrap();
        soon(slow.flush()).await.unwrap();
    }
    let wanted = encoded(&set("/x", 1));
    let address = &wanted[wanted.len() - 12..][..2];
    let mut seen = Vec::new();
    while !seen.windows(2).any(|part| part == address) {
        seen.push(soon(slow.read_u8()).await.unwrap());
    }
}

#[tokio::test]
async fn both_versions_are_spoken_and_others_are_not() {
    let relay = Relay::start().await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = restricted(&[version]);
        let mut stream = soon(dial_over(tcp(&relay).await, config)).await;
        assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
        upgraded(&mut stream).await;
        soon(stream.write_all(&masked(0x89, b"?"))).await.unwrap();
        let mut pong = [0; 3];
        soon(stream.read_exact(&mut pong)).await.unwrap();
        assert_eq!(&pong, b"\x8a\x01?");
    }
}

fn restricted(versions: &[&'static rustls::SupportedProtocolVersion]) -> Arc<ClientConfig> {
    let full = client_config();
    let provider = Arc::clone(full.crypto_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(crate::socket::roots())
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

#[tokio::test]
async fn http_1_1_is_negotiated_and_http_2_alone_is_refused() {
    let relay = Relay::start().await;
    let config = restricted(&[&rustls::version::TLS13]);
    let stream = soon(dial_over(tcp(&relay).await, config)).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let mut modern = ClientConfig::clone(&client_config());
    modern.alpn_protocols = vec![b"h2".to_vec()];
    let name = "localhost".try_into().unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(modern));
    let refused = soon(connector.connect(name, tcp(&relay).await)).await.unwrap_err();
    assert!(refused.to_string().contains("NoApplicationProtocol"), "{refused}");
}

#[tokio::test]
async fn a_session_is_resumed_by_its_ticket() {
    let relay = Relay::start().await;
    let config = client_config();
    let mut first = soon(dial_over(tcp(&relay).await, Arc::clone(&config))).await;
    upgraded(&mut first).await;
    let second = soon(dial_over(tcp(&relay).await, config)).await;
    let kind = second.get_ref().1.handshake_kind();
    assert_eq!(kind, Some(rustls::HandshakeKind::Resumed));
}

#[tokio::test]
async fn a_close_is_followed_by_the_end_of_the_tls_session() {
    let relay = Relay::start().await;
    let mut stream = soon(dial_over(tcp(&relay).await, client_config())).await;
    upgraded(&mut stream).await;
    soon(stream.write_all(&masked(0x88, &1000u16.to_be_bytes()))).await.unwrap();
    let mut rest = Vec::new();
    // Without close_notify this is an error.
    soon(stream.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(rest, [0x88, 2, 3, 0xe8]);
}

#[tokio::test]
async fn the_end_of_the_clients_tls_session_ends_the_clasp_session() {
    let relay = Relay::start().await;
    let mut stream = soon(dial_over(tcp(&relay).await, client_config())).await;
    upgraded(&mut stream).await;
    assert_eq!(relay.router.connections(), 1);
    stream.get_mut().1.send_close_notify();
    soon(stream.flush()).await.unwrap();
    until(|| relay.router.connections() == 0).await;
}

#[tokio::test]
async fn a_forged_record_ends_only_its_own_session_with_an_alert() {
    let relay = Relay::start().await;
    let mut other = relay.join().await;
    let mut stream = soon(dial_over(tcp(&relay).await, client_config())).await;
    upgraded(&mut stream).await;
    soon(stream.get_mut().0.write_all(b"\x17\x03\x03\x00\x20forged forged forged forged 1234"))
        .await
        .unwrap();
    let error = soon(stream.read_u8()).await.unwrap_err();
    assert!(error.to_string().contains("BadRecordMac"), "{error}");
    other.send(&subscribe("/y")).await;
    other.send(&set("/y", 1)).await;
    other.sees("/y", 1).await;
}

#[tokio::test]
async fn half_a_handshake_disturbs_nobody_and_ends_in_time() {
    let upgrade_timeout = Duration::from_millis(300);
    let relay = Relay::with(Config { upgrade_timeout, ..local() }).await;
    let mut hello = Vec::new();
    let name = "localhost".try_into().unwrap();
    ClientConnection::new(client_config(), name).unwrap().write_tls(&mut hello).unwrap();
    let mut halves = Vec::new();
    for length in [1, 5, 6, hello.len() - 1, hello.len()].repeat(20) {
        let mut stream = tcp(&relay).await;
        soon(stream.write_all(&hello[..length])).await.unwrap();
        halves.push(stream);
    }
    relay.join().await;
    for mut stream in halves {
        let _ = soon(stream.read_to_end(&mut Vec::new())).await;
    }
}

#[tokio::test]
async fn what_is_no_handshake_is_answered_with_an_alert() {
    let relay = Relay::start().await;
    let mut stream = tcp(&relay).await;
    soon(stream.write_all(b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00")).await.unwrap();
    let mut answer = Vec::new();
    soon(stream.read_to_end(&mut answer)).await.unwrap();
    assert_eq!(answer.first(), Some(&0x15), "an alert, not {answer:x?}");
    let mut endless = tcp(&relay).await;
    // The head of a handshake message of 16 MiB, and then a lot of it.
    let mut record = b"\x16\x03\x01\x40\x00\x01\xff\xff\xff".to_vec();
    record.resize(5 + 0x4000, 0);
    for _ in 0..64 {
        if endless.write_all(&record).await.is_err() {
            break;
        }
    }
    let _ = soon(endless.read_to_end(&mut Vec::new())).await;
    relay.join().await;
}

#[tokio::test]
async fn plain_and_encrypted_clients_share_the_port() {
    let relay = Relay::start().await;
    let mut plain = tcp(&relay).await;
    soon(plain.write_all(upgrade_request("").as_bytes())).await.unwrap();
    assert!(head(&mut plain).await.starts_with("HTTP/1.1 101"));
    relay.join().await;
}

#[tokio::test]
async fn where_tls_is_demanded_plain_clients_are_told_so() {
    let relay = Relay::with(Config { acceptor: strict_acceptor(), ..local() }).await;
    let mut plain = tcp(&relay).await;
    soon(plain.write_all(upgrade_request("").as_bytes())).await.unwrap();
    let mut answer = String::new();
    soon(plain.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    assert!(answer.ends_with("connect with https:// or wss://\n"), "{answer}");
    relay.join().await;
}

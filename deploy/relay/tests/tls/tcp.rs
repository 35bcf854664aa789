//! CLASP over TCP with TLS, and the first byte inside TLS.

use std::net::SocketAddr;
use std::sync::Arc;

use clasp_protocol::message::{Features, Hello};
use clasp_protocol::{Frame, Message, Qos, codec};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::authority::{Authority, strs};
use crate::client::config;
use crate::support::{Relay, soon};

/// Says HELLO behind its length; whether the answer is WELCOME.
async fn is_welcome(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> bool {
    let (features, name) = (Features::RELAY, "test".into());
    let hello = Message::Hello(Hello { version: 1, features, name, token: None });
    let mut bytes = vec![0; 4];
    codec::encode(&hello, Qos::Fire, &mut bytes).unwrap();
    bytes[3] = u8::try_from(bytes.len() - 4).unwrap();
    soon("a write", stream.write_all(&bytes)).await.unwrap();
    let Ok(length) = soon("a length", stream.read_u32()).await else { return false };
    let mut frame = vec![0; length as usize];
    soon("a frame", stream.read_exact(&mut frame)).await.unwrap();
    let frame = Frame::parse(&frame).unwrap();
    matches!(codec::decode(frame.payload).unwrap(), Message::Welcome(_))
}

async fn encrypted(
    address: SocketAddr,
    authority: &Authority,
) -> tokio_rustls::client::TlsStream<TcpStream> {
    let stream = soon("a socket", TcpStream::connect(address)).await.unwrap();
    let connector = TlsConnector::from(Arc::new(config(authority, None)));
    let name = "localhost".try_into().unwrap();
    soon("a TLS session", connector.connect(name, stream)).await.unwrap()
}

async fn plain(address: SocketAddr) -> TcpStream {
    soon("a socket", TcpStream::connect(address)).await.unwrap()
}

#[tokio::test]
async fn both_ports_take_frames_with_tls_and_without() {
    let authority = Authority::new();
    let arguments = [authority.arguments("first"), vec!["--tcp-port".into(), "0".into()]];
    let relay = Relay::start(&strs(&arguments.concat())).await;
    for address in [relay.address, relay.door("TCP: tcp").await] {
        assert!(is_welcome(encrypted(address, &authority).await).await);
        assert!(is_welcome(plain(address).await).await);
    }
}

#[tokio::test]
async fn plain_frames_are_refused_where_tls_is_demanded() {
    let authority = Authority::new();
    let more = ["--tcp-port", "0", "--tls-only"].map(str::to_owned);
    let relay = Relay::start(&strs(&[&authority.arguments("first")[..], &more].concat())).await;
    for address in [relay.address, relay.door("TCP: tls").await] {
        assert!(is_welcome(encrypted(address, &authority).await).await);
        assert!(!is_welcome(plain(address).await).await);
    }
}

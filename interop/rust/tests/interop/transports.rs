//! The published transports besides WebSocket: QUIC and TCP.

use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use clasp_interop::{Relay, within};
use clasp_transport::quic::{QuicConfig, QuicTransport};
use clasp_transport::tcp::TcpTransport;
use clasp_transport::{TransportEvent, TransportReceiver, TransportSender};

use crate::tls::Certificate;

const SET: u8 = 0x21;
const WELCOME: u8 = 0x02;

/// A frame around `payload`.
fn frame(payload: &[u8]) -> Bytes {
    let length = u16::try_from(payload.len()).expect("short messages");
    [&[0x53, 1][..], &length.to_be_bytes(), payload].concat().into()
}

fn text(value: &str) -> Vec<u8> {
    let length = u16::try_from(value.len()).expect("short texts");
    [&length.to_be_bytes()[..], value.as_bytes()].concat()
}

/// HELLO, SUBSCRIBE to everything, SET of an integer.
fn requests() -> [Bytes; 3] {
    let subscribe = [&[0x10, 0, 0, 0, 1][..], &text("/**"), &[0xff, 0]].concat();
    let set = [&[SET, 0x05][..], &text("/transport"), &42_i64.to_be_bytes()].concat();
    [
        frame(&[&[0x01, 1, 0][..], &text("transport"), &text("")].concat()),
        frame(&subscribe),
        frame(&set),
    ]
}

/// Speaks CLASP and waits for WELCOME and the echo of the SET.
async fn converse(sender: &impl TransportSender, receiver: &mut impl TransportReceiver) {
    for request in requests() {
        sender.send(request).await.expect("an open connection takes a frame");
    }
    let (mut held, mut kinds) = (Vec::new(), Vec::new());
    let echo = async {
        while kinds.last() != Some(&SET) {
            match receiver.recv().await.expect("the connection goes on") {
                // What one read brought, be it half a frame or several.
                TransportEvent::Data(bytes) => held.extend_from_slice(&bytes),
                TransportEvent::Connected => {}
                other => panic!("not {other:?}"),
            }
            while let [0x53, _, high, low, kind, ..] = *held {
                let length = 4 + usize::from(u16::from_be_bytes([high, low]));
                if held.len() < length {
                    break;
                }
                kinds.push(kind);
                held.drain(..length);
            }
        }
    };
    within("the echo of a SET", echo).await;
    assert_eq!(kinds.first(), Some(&WELCOME));
}

#[tokio::test]
async fn the_quic_transport_connects() {
    let certificate = Certificate::new("quic").await;
    let (cert, key) = (certificate.file("cert.pem"), certificate.file("key.pem"));
    let relay = Relay::start_with(&["--cert", &cert, "--key", &key, "--quic-port", "0"]).await;
    let transport =
        QuicTransport::new_client_with_config(QuicConfig::insecure()).expect("a client endpoint");
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, relay.quic_port()));
    let connection = within("a connection", transport.connect(address, "localhost"))
        .await
        .expect("the relay shakes hands");
    let (sender, mut receiver) =
        within("a stream", connection.open_bi()).await.expect("the relay allows a stream");
    converse(&sender, &mut receiver).await;
}

#[tokio::test]
async fn the_tcp_transport_connects_to_the_websocket_port() {
    let relay = Relay::start().await;
    let address = format!("127.0.0.1:{}", relay.port());
    let transport = TcpTransport::new();
    let (sender, mut receiver) =
        within("a connection", transport.connect(&address)).await.expect("the relay accepts");
    converse(&sender, &mut receiver).await;
}

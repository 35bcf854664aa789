//! CLASP over QUIC, with the certificate of all ports.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use clasp_protocol::message::{Features, Hello};
use clasp_protocol::{Frame, Message, Qos, codec};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, ConnectionError, Endpoint, RecvStream, SendStream};
use rustls::pki_types::CertificateDer;

use crate::authority::{Authority, strs};
use crate::client::config;
use crate::support::{Relay, run, soon};

struct Client {
    connection: Connection,
    send: SendStream,
    recv: RecvStream,
}

impl Client {
    /// Says HELLO and takes WELCOME.
    async fn join(address: SocketAddr, authority: &Authority) -> Client {
        let mut tls = config(authority, None);
        tls.alpn_protocols = vec![b"clasp/3".to_vec()];
        let tls = QuicClientConfig::try_from(tls).unwrap();
        let mut endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        endpoint.set_default_client_config(ClientConfig::new(Arc::new(tls)));
        let connecting = endpoint.connect(address, "localhost").unwrap();
        let connection = soon("a connection", connecting).await.unwrap();
        let (send, recv) = soon("a stream", connection.open_bi()).await.unwrap();
        let mut client = Client { connection, send, recv };
        let (features, name) = (Features::RELAY, "test".into());
        client.write(&Message::Hello(Hello { version: 1, features, name, token: None })).await;
        assert_eq!(client.payload().await[0], 0x02, "WELCOME");
        assert_eq!(client.payload().await[0], 0x23, "SNAPSHOT");
        client
    }

    async fn write(&mut self, message: &Message<'_>) {
        let mut bytes = Vec::new();
        codec::encode(message, Qos::Fire, &mut bytes).unwrap();
        soon("a write", self.send.write_all(&bytes)).await.unwrap();
    }

    async fn payload(&mut self) -> Vec<u8> {
        let mut header = [0; 4];
        soon("a header", self.recv.read_exact(&mut header)).await.unwrap();
        let length = Frame::needed(&header).unwrap().unwrap() - header.len();
        let mut payload = vec![0; length];
        soon("a payload", self.recv.read_exact(&mut payload)).await.unwrap();
        payload
    }

    async fn is_served(&mut self) -> bool {
        self.write(&Message::Ping).await;
        self.payload().await == [0x42]
    }

    /// The certificates that the relay showed.
    fn shown(&self) -> Vec<CertificateDer<'static>> {
        *self.connection.peer_identity().unwrap().downcast().unwrap()
    }
}

fn arguments(authority: &Authority, more: &[&str]) -> Vec<String> {
    let more = more.iter().map(|word| (*word).to_owned());
    authority.arguments("first").into_iter().chain(more).collect()
}

#[tokio::test]
async fn quic_clients_get_the_whole_chain_and_a_code_at_the_end() {
    let authority = Authority::new();
    let relay = Relay::start(&strs(&arguments(&authority, &["--quic-port", "0"]))).await;
    let mut client = Client::join(relay.door("QUIC: quic").await, &authority).await;
    assert_eq!(client.shown().len(), 2, "the intermediate certificate, too");
    assert!(client.is_served().await);
    relay.signal("TERM").await;
    let ConnectionError::ApplicationClosed(close) =
        soon("the end", client.connection.closed()).await
    else {
        panic!("closed by the relay")
    };
    assert_eq!(
        (close.error_code.into_inner(), &close.reason[..]),
        (4, &b"server shutting down"[..])
    );
    assert_eq!(relay.end().await.0, Some(0));
}

#[tokio::test]
async fn sighup_brings_the_new_certificate_and_disturbs_no_session() {
    let authority = Authority::new();
    let relay = Relay::start(&strs(&arguments(&authority, &["--quic-port", "0"]))).await;
    let address = relay.door("QUIC: quic").await;
    let mut before = Client::join(address, &authority).await;
    authority.install(&authority.issue("second", |_| {}));
    relay.signal("HUP").await;
    relay.log().line_with("TLS reloaded: certificate").await;
    let after = Client::join(address, &authority).await;
    assert_ne!(after.shown(), before.shown());
    assert!(before.is_served().await, "the old session goes on");
}

#[tokio::test]
async fn a_taken_udp_port_is_one_clear_line_and_code_1() {
    let authority = Authority::new();
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let more = ["--host", "127.0.0.1", "--ws-port", "0", "--quic-port", &port];
    let ended = run(&strs(&arguments(&authority, &more)), &[]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let complaint = ended.stdout.lines().find(|line| line.contains("ERROR")).unwrap();
    let told = format!("cannot listen on 127.0.0.1:{port} for QUIC");
    assert!(complaint.contains(&told) && complaint.contains("--quic-port"), "{complaint}");
}

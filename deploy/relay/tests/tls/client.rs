//! A CLASP client over wss, and programs that speak TLS.

use std::net::SocketAddr;
use std::process::{Output, Stdio};
use std::sync::Arc;

use clasp_protocol::message::{Features, Hello, Set, Subscribe};
use clasp_protocol::{Frame, Message, Qos, RawValue, codec};
use futures_util::{SinkExt as _, StreamExt as _};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Packet;

use crate::authority::{Authority, Issued};
use crate::support::soon;

/// A session over wss.
pub(crate) struct Client {
    socket: WebSocketStream<TlsStream<TcpStream>>,
}

impl Client {
    /// Opens a session and takes WELCOME and SNAPSHOT.
    pub(crate) async fn join(address: SocketAddr, authority: &Authority) -> Client {
        Client::try_join(address, authority, None).await.unwrap()
    }

    /// Like [`Self::join`], with a certificate of the client's own.
    pub(crate) async fn try_join(
        address: SocketAddr,
        authority: &Authority,
        own: Option<&Issued>,
    ) -> Result<Client, Box<dyn std::error::Error>> {
        let stream = soon("a socket", TcpStream::connect(address)).await?;
        let connector = TlsConnector::from(Arc::new(config(authority, own)));
        let stream = connector.connect("localhost".try_into()?, stream);
        let stream = soon("a TLS session", stream).await?;
        let upgrade = tokio_tungstenite::client_async("wss://localhost/", stream);
        let (socket, _) = soon("the upgrade", upgrade).await?;
        let mut client = Client { socket };
        let name = "test".into();
        let hello = Hello { version: 1, features: Features::RELAY, name, token: None };
        client.send(&Message::Hello(hello)).await;
        for _ in ["WELCOME", "SNAPSHOT"] {
            client.frame().await;
        }
        Ok(client)
    }

    /// Name of the certificate that the relay showed.
    pub(crate) fn shown(&self) -> Vec<u8> {
        let (_, session) = self.socket.get_ref().get_ref();
        session.peer_certificates().unwrap()[0].to_vec()
    }

    async fn send(&mut self, message: &Message<'_>) {
        let mut frame = Vec::new();
        codec::encode(message, Qos::Fire, &mut frame).unwrap();
        soon("a send", self.socket.send(Packet::Binary(frame.into()))).await.unwrap();
    }

    /// The payload of the next CLASP frame.
    async fn frame(&mut self) -> Vec<u8> {
        loop {
            let packet = soon("a frame", self.socket.next()).await.expect("an open session");
            if let Packet::Binary(frame) = packet.unwrap() {
                return Frame::parse(&frame).unwrap().payload.to_vec();
            }
        }
    }

    /// Whether a SET comes back to this subscriber.
    pub(crate) async fn is_served(&mut self) -> bool {
        let pattern = "/served".into();
        let subscribe = Subscribe { id: 1, pattern, types: 0xff, options: None };
        self.send(&Message::Subscribe(subscribe)).await;
        self.send(&Message::Set(Set::new("/served", RawValue::int(1)))).await;
        loop {
            let frame = self.frame().await;
            if let Message::Set(set) = codec::decode(&frame).unwrap() {
                return set.address == "/served";
            }
        }
    }

    /// The code of the Close that comes next.
    pub(crate) async fn close_code(&mut self) -> u16 {
        loop {
            let packet = soon("a close", self.socket.next()).await.expect("an open session");
            if let Packet::Close(close) = packet.unwrap() {
                return close.unwrap().code.into();
            }
        }
    }
}

/// Trusts the authority; shows a certificate if there is one.
pub(crate) fn config(authority: &Authority, own: Option<&Issued>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority.file("root.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    match own {
        Some(own) => {
            let chain = CertificateDer::pem_slice_iter(own.chain.as_bytes());
            let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
            config.with_client_auth_cert(chain.map(Result::unwrap).collect(), key).unwrap()
        }
        None => config.with_no_client_auth(),
    }
}

/// Runs a program with nothing on its standard input.
pub(crate) async fn program(name: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(name);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let output = soon(name, command.output()).await;
    output.unwrap_or_else(|error| panic!("{name} must be installed: {error}"))
}

/// What `curl` prints of a page of a relay, with `root.pem` trusted.
pub(crate) async fn curl(authority: &Authority, url: &str, more: &[&str]) -> Output {
    let root = authority.file("root.pem");
    let arguments = [&["-sS", "--noproxy", "*", "--cacert", &root], more, &[url]].concat();
    program("curl", &arguments).await
}

/// What `openssl s_client` tells of a relay's port.
pub(crate) async fn s_client(
    authority: &Authority,
    address: SocketAddr,
    more: &[&str],
) -> (bool, String) {
    let (root, address) = (authority.file("root.pem"), address.to_string());
    let fixed = ["s_client", "-connect", &address, "-CAfile", &root, "-verify_return_error"];
    let output = program("openssl", &[&fixed, more].concat()).await;
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

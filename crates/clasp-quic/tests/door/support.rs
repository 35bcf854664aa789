//! A relay on a free port and clients for it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use clasp_protocol::stream::Assembly;
use clasp_protocol::{Message, RawValue};
use clasp_quic::{Config, Server};
use clasp_router::{Ports, Router};
use clasp_tls::{Files, Tls};
use clasp_transport::run_ticker;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{
    ApplicationClose, ClientConfig, Connection, ConnectionError, Endpoint, RecvStream, SendStream,
};
use rcgen::CertifiedKey;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(crate) use crate::wire::{decode, encoded, hello, set, soon, subscribe, until};

pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    pub(crate) router: Arc<Router>,
    pub(crate) tls: Arc<Tls>,
    pub(crate) shutdown: watch::Sender<bool>,
    pub(crate) server: JoinHandle<()>,
    folder: TempDir,
    root: CertificateDer<'static>,
    ticker: JoinHandle<()>,
}

impl Relay {
    pub(crate) async fn start() -> Relay {
        Relay::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Relay {
        Relay::with_ports(change, clasp_router::Config::default(), Ports::default()).await
    }

    pub(crate) async fn with_ports(
        change: impl FnOnce(&mut Config),
        router: clasp_router::Config,
        ports: Ports,
    ) -> Relay {
        let folder = tempfile::tempdir().unwrap();
        let root = certify(&folder);
        let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        let files = Files { cert, key, client_ca: None, insecure_permissions: true };
        let tls = Arc::new(Tls::open(files).unwrap().0);
        let mut config = Config::new((Ipv4Addr::LOCALHOST, 0).into(), Arc::clone(&tls));
        change(&mut config);
        let server = Server::bind(config).unwrap();
        let address = server.local_addr();
        let router = Router::new(router, ports).unwrap();
        let (shutdown, stop) = watch::channel(false);
        Relay {
            address,
            tls,
            shutdown,
            folder,
            root,
            server: tokio::spawn(server.run(Arc::clone(&router), stop)),
            ticker: tokio::spawn(run_ticker(Arc::clone(&router))),
            router,
        }
    }

    /// Puts another certificate in place; it counts once it is read.
    pub(crate) fn renew(&mut self) {
        self.root = certify(&self.folder);
    }

    pub(crate) async fn try_connect(&self, protocol: &[u8]) -> Result<Connection, ConnectionError> {
        let mut endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        endpoint.set_default_client_config(self.client_config(protocol));
        soon(endpoint.connect(self.address, "localhost").unwrap()).await
    }

    pub(crate) fn client_config(&self, protocol: &[u8]) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![protocol.to_vec()];
        ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()))
    }

    /// A client before HELLO.
    pub(crate) async fn connect(&self, protocol: &[u8]) -> Client {
        let connection = self.try_connect(protocol).await.unwrap();
        Client::over(connection).await
    }

    /// A client after HELLO, WELCOME and SNAPSHOT.
    pub(crate) async fn join(&self, protocol: &[u8]) -> Client {
        let mut client = self.connect(protocol).await;
        client.hello().await;
        client
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.server.abort();
        self.ticker.abort();
    }
}

fn certify(folder: &TempDir) -> CertificateDer<'static> {
    let names = ["localhost".to_owned()];
    let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(names).unwrap();
    std::fs::write(folder.path().join("cert.pem"), cert.pem()).unwrap();
    std::fs::write(folder.path().join("key.pem"), signing_key.serialize_pem()).unwrap();
    cert.der().clone()
}

/// A client that has opened its stream.
pub(crate) struct Client {
    pub(crate) connection: Connection,
    pub(crate) send: SendStream,
    recv: RecvStream,
    assembly: Assembly,
}

impl Client {
    pub(crate) async fn over(connection: Connection) -> Client {
        let (send, recv) = soon(connection.open_bi()).await.unwrap();
        Client { connection, send, recv, assembly: Assembly::default() }
    }

    pub(crate) async fn hello(&mut self) {
        self.send(&hello()).await;
        self.is_welcome().await;
    }

    pub(crate) async fn is_welcome(&mut self) {
        assert!(matches!(decode(&self.frame().await), Message::Welcome(_)));
        assert!(matches!(decode(&self.frame().await), Message::Snapshot(_)));
    }

    pub(crate) async fn send(&mut self, message: &Message<'_>) {
        self.write(&encoded(message)).await;
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        soon(self.send.write_all(bytes)).await.unwrap();
    }

    /// The next frame of the stream, if it goes on.
    pub(crate) async fn try_frame(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(frame) = self.assembly.next_frame().unwrap() {
                return Some(frame.to_vec());
            }
            let chunk = soon(self.recv.read_chunk(64 << 10, true)).await.ok()??;
            self.assembly.push(&chunk.bytes);
        }
    }

    pub(crate) async fn frame(&mut self) -> Vec<u8> {
        self.try_frame().await.expect("the stream goes on")
    }

    /// Reads SETs up to that of `address` to `value`.
    pub(crate) async fn sees(&mut self, address: &str, value: i64) {
        loop {
            let frame = self.frame().await;
            if let Message::Set(set) = decode(&frame)
                && set.address == address
                && set.value == RawValue::int(value)
            {
                return;
            }
        }
    }

    /// Code and reason by which the relay closes the connection.
    pub(crate) async fn closed(&self) -> (u64, String) {
        match soon(self.connection.closed()).await {
            ConnectionError::ApplicationClosed(ApplicationClose { error_code, reason }) => {
                (error_code.into_inner(), String::from_utf8(reason.to_vec()).unwrap())
            }
            other => panic!("closed by the application, not {other}"),
        }
    }

    /// Name of the certificate that the relay showed.
    pub(crate) fn shown(&self) -> Vec<u8> {
        let identity = self.connection.peer_identity().unwrap();
        identity.downcast::<Vec<CertificateDer<'static>>>().unwrap()[0].to_vec()
    }
}

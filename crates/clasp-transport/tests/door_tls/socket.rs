//! How the tests of this folder connect: with TLS, and a certificate made for the occasion.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use clasp_tls::{Acceptor, Files, Tls};
use rcgen::CertifiedKey;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub(crate) type Socket = TlsStream<TcpStream>;

struct Pair {
    server: Arc<Tls>,
    client: Arc<ClientConfig>,
    root: CertificateDer<'static>,
}

static PAIR: LazyLock<Pair> = LazyLock::new(|| {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (cert_path, key_path) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert_path, cert.pem()).unwrap();
    std::fs::write(&key_path, signing_key.serialize_pem()).unwrap();
    let (server, _) = Tls::open(Files {
        cert: cert_path,
        key: key_path,
        client_ca: None,
        insecure_permissions: true,
    })
    .unwrap();
    let root = cert.der().clone();
    Pair { server: Arc::new(server), client: Arc::new(client(trusting(&root))), root }
});

fn client(roots: RootCertStore) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

pub(crate) async fn dial(address: SocketAddr) -> Socket {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    dial_over(stream, client_config()).await
}

/// Shakes hands over any stream.
pub(crate) async fn dial_over<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    config: Arc<ClientConfig>,
) -> TlsStream<S> {
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(config).connect(name, stream).await.unwrap()
}

/// Trusts the relay's certificate.
pub(crate) fn client_config() -> Arc<ClientConfig> {
    Arc::clone(&PAIR.client)
}

/// The relay's certificate as the only authority.
pub(crate) fn roots() -> RootCertStore {
    trusting(&PAIR.root)
}

fn trusting(root: &CertificateDer<'static>) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    roots
}

pub(crate) fn acceptor() -> Acceptor {
    Acceptor::with_tls(Arc::clone(&PAIR.server))
}

pub(crate) fn strict_acceptor() -> Acceptor {
    Acceptor::tls_only(Arc::clone(&PAIR.server))
}

//! Keys of JWTs that change while sessions are open.

use std::sync::{Arc, Mutex};

use rcgen::{CertificateParams, KeyPair};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use crate::api::{join, refusal, start};
use crate::ended;
use crate::folder::Folder;
use crate::mint::{SECRET, claims, eddsa, hs256, key_set, put};
use crate::support::Relay;

/// An identity provider's page of keys, which may change.
#[derive(Clone)]
struct Provider(Arc<Mutex<String>>);

impl Provider {
    fn new(seeds: &[u8]) -> Provider {
        Provider(Arc::new(Mutex::new(key_set(seeds))))
    }

    fn change(&self, seeds: &[u8]) {
        *self.0.lock().unwrap() = key_set(seeds);
    }

    /// Serves the page; its address after the scheme.
    async fn serve(&self, tls: Option<TlsAcceptor>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let provider = self.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                match &tls {
                    Some(tls) => match tls.accept(stream).await {
                        Ok(stream) => provider.answer(stream).await,
                        Err(_) => continue,
                    },
                    None => provider.answer(stream).await,
                }
            }
        });
        format!("localhost:{}/keys", address.port())
    }

    async fn answer(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let keys = self.0.lock().unwrap().clone();
        let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: ";
        let answer = format!("{head}{}\r\n\r\n{keys}", keys.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
        let _closed_before = stream.shutdown().await;
    }
}

/// A certificate for localhost in PEM, and a server that shows it.
fn tls() -> (String, TlsAcceptor) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(
        tokio_rustls::rustls::crypto::ring::default_provider(),
    ));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let config = config.with_single_cert(vec![certificate.der().clone()], key).unwrap();
    (certificate.pem(), TlsAcceptor::from(Arc::new(config)))
}

/// A key goes, and its session with it; the session of the other key stays.
async fn rotate(relay: &Relay, change: impl FnOnce()) {
    let mut old = join(relay.address, &eddsa(7, &claims())).await;
    let mut other = join(relay.address, &eddsa(8, &claims())).await;
    change();
    relay.signal("HUP").await;
    ended(&mut old, 300).await;
    assert_eq!(refusal(relay.address, Some(&eddsa(7, &claims()))).await, 300);
    assert!(other.is_served().await);
}

#[tokio::test]
async fn a_key_that_leaves_the_file_takes_its_sessions_along() {
    let folder = Folder::new();
    let set = put(&folder, "keys.json", key_set(&[7, 8]));
    let options = ["--jwt-jwks", &set, "--jwt-audience", "clasp"];
    let (relay, _) = start(&folder, &options).await;
    rotate(&relay, || drop(put(&folder, "keys.json", key_set(&[8])))).await;
    put(&folder, "keys.json", "{}");
    relay.signal("HUP").await;
    relay.log().line_with("the keys stay as they are").await;
    join(relay.address, &eddsa(8, &claims())).await;
}

#[tokio::test]
async fn a_new_secret_ends_what_the_old_one_opened() {
    let folder = Folder::new();
    let secret = put(&folder, "secret", SECRET);
    let options = ["--jwt-secret", &secret, "--jwt-audience", "clasp"];
    let (relay, _) = start(&folder, &options).await;
    let mut session = join(relay.address, &hs256(SECRET, &claims())).await;
    let fresh = b"fedcba9876543210fedcba9876543210";
    put(&folder, "secret", fresh);
    relay.signal("HUP").await;
    ended(&mut session, 300).await;
    join(relay.address, &hs256(fresh, &claims())).await;
}

#[tokio::test]
async fn a_key_that_leaves_the_providers_page_takes_its_sessions_along() {
    let folder = Folder::new();
    let provider = Provider::new(&[7, 8]);
    let address = format!("http://{}", provider.serve(None).await);
    let options = ["--jwt-jwks", &address, "--jwt-audience", "clasp"];
    let (relay, _) = start(&folder, &options).await;
    rotate(&relay, || provider.change(&[8])).await;
}

#[tokio::test]
async fn keys_come_by_https_from_a_server_that_the_system_trusts() {
    let folder = Folder::new();
    let provider = Provider::new(&[7, 8]);
    let (certificate, acceptor) = tls();
    let address = format!("https://{}", provider.serve(Some(acceptor)).await);
    let directory = folder.path().to_str().unwrap();
    let options = [
        ["--auth-port", "0"],
        ["--data-dir", directory],
        ["--jwt-jwks", &address],
        ["--jwt-audience", "clasp"],
    ];
    let options = options.as_flattened();
    let trusted = put(&folder, "trusted.pem", certificate);
    let relay = Relay::start_in(options, &[("SSL_CERT_FILE", &trusted)]).await;
    rotate(&relay, || provider.change(&[8])).await;
    assert_eq!(relay.stop().await.0, Some(0));

    let nobody = put(&folder, "nobody.pem", tls().0);
    let relay = Relay::start_in(options, &[("SSL_CERT_FILE", &nobody)]).await;
    relay.log().line_with("JWTs are refused until their keys can be had").await;
    assert_eq!(refusal(relay.address, Some(&eddsa(8, &claims()))).await, 300);
}

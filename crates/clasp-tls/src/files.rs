//! The files that TLS is configured by, and what can be wrong with them.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use sha2::{Digest as _, Sha256};

use crate::certificate::Validity;

/// What HTTP and WebSocket are negotiated as.
const ALPN: &[u8] = b"http/1.1";

/// Where certificate and key are.
#[derive(Debug, Clone)]
pub struct Files {
    /// The certificate and those that lead to an authority, in PEM, the server's own first.
    pub cert: PathBuf,
    /// Its private key in PEM: PKCS#8, SEC1 or PKCS#1.
    pub key: PathBuf,
    /// Authorities in PEM, one of which must have signed the certificate of every client.
    pub client_ca: Option<PathBuf>,
    /// Others may be able to read the key.
    pub insecure_permissions: bool,
}

/// Why files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file is not there, or not for us.
    #[error("{}: {source}; {flag} names a file that the relay can read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The option that names it.
        flag: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{}: {reason}; {flag} needs {wanted}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// The option that names it.
        flag: &'static str,
        /// What is wrong.
        reason: String,
        /// What it should hold.
        wanted: &'static str,
    },
    /// Certificate and key are not of a pair.
    #[error(
        "{} is not the key of the certificate {}; --cert and --key must name a pair, the server's \
         own certificate first in its file",
        key.display(), cert.display()
    )]
    Mismatch {
        /// The certificate.
        cert: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// Other users can read the private key.
    #[error(
        "{}: others can read this private key (mode {mode:04o}); run chmod 600 on it, or allow it \
         with --insecure-permissions", key.display()
    )]
    Exposed {
        /// The key.
        key: PathBuf,
        /// Its permissions.
        mode: u32,
    },
}

/// Files that were read and fit each other.
pub(crate) struct Loaded {
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) validity: Validity,
    /// Number of certificates in the chain.
    pub(crate) chain: usize,
    /// SHA-256 of the server's own certificate.
    pub(crate) fingerprint: [u8; 32],
}

/// What tells that a file is not the one of before.
pub(crate) type Stamp = Vec<Option<(SystemTime, u64, u64)>>;

impl Files {
    /// Reads all of them.
    pub(crate) fn load(&self, provider: &Arc<CryptoProvider>) -> Result<Loaded, LoadError> {
        let chain = certificates(&self.cert, "--cert")?;
        let validity = Validity::of(&chain[0]).map_err(|reason| {
            unusable(&self.cert, "--cert", reason, "certificates in PEM, the server's own first")
        })?;
        let length = chain.len();
        let fingerprint = Sha256::digest(&chain[0]).into();
        let certified = CertifiedKey::new(chain, self.signing_key(provider)?);
        if certified.keys_match().is_err() {
            return Err(LoadError::Mismatch { cert: self.cert.clone(), key: self.key.clone() });
        }
        let config = self.config(provider, certified)?;
        Ok(Loaded { config: Arc::new(config), validity, chain: length, fingerprint })
    }

    fn signing_key(
        &self,
        provider: &CryptoProvider,
    ) -> Result<Arc<dyn rustls::sign::SigningKey>, LoadError> {
        let path = &self.key;
        let text = read(path, "--key")?;
        if !self.insecure_permissions {
            check_permissions(path)?;
        }
        let wrong = |reason| unusable(path, "--key", reason, "a private key in PEM, not encrypted");
        let key = PrivateKeyDer::from_pem_slice(&text).map_err(|error| {
            wrong(match error {
                PemError::NoItemsFound if text_has(&text, "ENCRYPTED PRIVATE KEY") => {
                    "the private key is protected by a passphrase".to_owned()
                }
                PemError::NoItemsFound => "there is no private key in it".to_owned(),
                // Nothing of the file's text belongs into a log.
                _ => "it is not PEM".to_owned(),
            })
        })?;
        provider
            .key_provider
            .load_private_key(key)
            .map_err(|_| wrong("its kind of private key is not supported".to_owned()))
    }

    fn config(
        &self,
        provider: &Arc<CryptoProvider>,
        certified: CertifiedKey,
    ) -> Result<ServerConfig, LoadError> {
        let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
            .with_safe_default_protocol_versions()
            .expect("the provider has cipher suites for both versions");
        let builder = match &self.client_ca {
            Some(path) => {
                let roots = authorities(path)?;
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(provider))
                        .build()
                        .expect("there are roots and no revocation lists");
                builder.with_client_cert_verifier(verifier)
            }
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(Only(Arc::new(certified))));
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        // One per load: a ticket must not outlive the authority that its client was checked by.
        config.ticketer =
            rustls::crypto::ring::Ticketer::new().expect("the system has random numbers");
        config.send_tls13_tickets = 1;
        config.max_early_data_size = 0;
        Ok(config)
    }

    /// What the files look like from outside, to compare later.
    pub(crate) fn stamp(&self) -> Stamp {
        let files = [Some(&self.cert), Some(&self.key), self.client_ca.as_ref()];
        files.into_iter().flatten().map(|path| fs::metadata(path).ok().as_ref().map(mark)).collect()
    }
}

/// One certificate whatever name the client asks for.
#[derive(Debug)]
struct Only(Arc<CertifiedKey>);

impl ResolvesServerCert for Only {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

fn read(path: &Path, flag: &'static str) -> Result<Vec<u8>, LoadError> {
    fs::read(path).map_err(|source| LoadError::Unreadable { path: path.into(), flag, source })
}

fn unusable(path: &Path, flag: &'static str, reason: String, wanted: &'static str) -> LoadError {
    LoadError::Unusable { path: path.into(), flag, reason, wanted }
}

/// At least one certificate.
fn certificates(
    path: &Path,
    flag: &'static str,
) -> Result<Vec<CertificateDer<'static>>, LoadError> {
    let text = read(path, flag)?;
    let wrong = |reason| unusable(path, flag, reason, "certificates in PEM");
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if found.is_empty() => Err(wrong("there is no certificate in it".to_owned())),
        Ok(found) => Ok(found),
        Err(_) => Err(wrong("it is not PEM".to_owned())),
    }
}

fn authorities(path: &Path) -> Result<RootCertStore, LoadError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, "--client-ca")? {
        roots.add(certificate).map_err(|error| {
            unusable(path, "--client-ca", error.to_string(), "certificates of authorities in PEM")
        })?;
    }
    Ok(roots)
}

fn text_has(text: &[u8], words: &str) -> bool {
    text.windows(words.len()).any(|part| part == words.as_bytes())
}

/// Nobody but the owner may read it, nor anybody else change it; a group may read what is root's,
/// which is how systems hand keys to services.
#[cfg(unix)]
fn check_permissions(path: &Path) -> Result<(), LoadError> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = fs::metadata(path).map_err(|source| LoadError::Unreadable {
        path: path.into(),
        flag: "--key",
        source,
    })?;
    let forbidden = if metadata.uid() == 0 { 0o037 } else { 0o077 };
    match metadata.mode() & 0o777 {
        mode if mode & forbidden != 0 => Err(LoadError::Exposed { key: path.into(), mode }),
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
fn check_permissions(_: &Path) -> Result<(), LoadError> {
    Ok(())
}

#[cfg(unix)]
fn mark(metadata: &Metadata) -> (SystemTime, u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), metadata.len(), metadata.ino())
}

#[cfg(not(unix))]
fn mark(metadata: &Metadata) -> (SystemTime, u64, u64) {
    (metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), metadata.len(), 0)
}

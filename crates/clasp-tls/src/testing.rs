//! Certificates for the tests of this crate, made anew each time.

use std::fs;
use std::path::Path;

use rcgen::CertifiedKey;
use rustls::pki_types::CertificateDer;

use crate::Files;

/// A certificate for localhost and its key in `folder`.
pub(crate) fn self_signed(folder: &Path) -> (Files, CertificateDer<'static>) {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert_path, key_path) = (folder.join("cert.pem"), folder.join("key.pem"));
    write(&cert_path, &cert.pem());
    write(&key_path, &signing_key.serialize_pem());
    let files =
        Files { cert: cert_path, key: key_path, client_ca: None, insecure_permissions: false };
    (files, cert.der().clone())
}

/// Writes a file that only its owner can read, under a new inode.
pub(crate) fn write(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let beside = path.with_extension("new");
    fs::write(&beside, text).unwrap();
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(&beside, path).unwrap();
}

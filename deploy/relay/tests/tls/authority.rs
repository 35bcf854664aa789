//! A certificate authority with an intermediate, the certificates that it issues, and the files
//! that a relay is given.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tempfile::TempDir;

/// A root and an intermediate that it has signed.
pub(crate) struct Authority {
    pub(crate) folder: TempDir,
    intermediate: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its chain, and its key, in PEM.
pub(crate) struct Issued {
    pub(crate) chain: String,
    pub(crate) key: String,
}

impl Authority {
    /// Makes one whose root is in `root.pem` of its folder.
    pub(crate) fn new() -> Authority {
        let folder = tempfile::tempdir().unwrap();
        let root_key = KeyPair::generate().unwrap();
        let root_params = of_authority("clasp test root");
        let root = root_params.self_signed(&root_key).unwrap();
        let root_issuer = Issuer::new(root_params, root_key);
        let key = KeyPair::generate().unwrap();
        let params = of_authority("clasp test intermediate");
        let intermediate = params.signed_by(&key, &root_issuer).unwrap().pem();
        fs::write(folder.path().join("root.pem"), root.pem()).unwrap();
        Authority { folder, intermediate, issuer: Issuer::new(params, key) }
    }

    /// A certificate called `name` for localhost, as `change` wants it.
    pub(crate) fn issue(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Issued {
        let mut params =
            CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let chain = certificate.pem() + &self.intermediate;
        Issued { chain, key: key.serialize_pem() }
    }

    /// The path of a file in the folder, as an argument.
    pub(crate) fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Puts a certificate where [`Self::arguments`] point, as certbot does: by a new file.
    pub(crate) fn install(&self, issued: &Issued) {
        write(self.file("cert.pem").as_ref(), &issued.chain);
        write(self.file("key.pem").as_ref(), &issued.key);
    }

    /// Installs a certificate called `name`; the options by which a relay serves it.
    pub(crate) fn arguments(&self, name: &str) -> Vec<String> {
        self.install(&self.issue(name, |_| {}));
        let paths = ["--cert".into(), self.file("cert.pem"), "--key".into(), self.file("key.pem")];
        paths.to_vec()
    }
}

fn of_authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// Writes a file for its owner only, in one step.
pub(crate) fn write(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    fs::write(&beside, text).unwrap();
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(&beside, path).unwrap();
}

/// Arguments as the process takes them.
pub(crate) fn strs(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

//! Connecting over wss, with a certificate that the machine does not know.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use clasp_interop::{Relay, within};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// A folder with a certificate for 127.0.0.1 and its key, removed at the end.
pub(crate) struct Certificate(PathBuf);

impl Certificate {
    /// Makes one for the test called `name`.
    pub(crate) async fn new(name: &str) -> Self {
        let id = std::process::id();
        let folder = env::temp_dir().join(format!("clasp-interop-{name}-{id}"));
        fs::create_dir(&folder).expect("a folder for the certificate");
        let certificate = Self(folder);
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
            .args(["-nodes", "-days", "2", "-subj", "/CN=relay"])
            .args(["-addext", "subjectAltName=IP:127.0.0.1"])
            .args(["-keyout", &certificate.file("key.pem")])
            .args(["-out", &certificate.file("cert.pem")])
            .stderr(Stdio::null())
            .status();
        let made = within("a certificate", made).await;
        assert!(made.expect("openssl is installed").success());
        certificate
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("a path of text").to_owned()
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        let _left_behind = fs::remove_dir_all(&self.0);
    }
}

fn snippet() -> PathBuf {
    let this = env::current_exe().expect("a test knows its own path");
    let build: &Path = this.ancestors().nth(2).expect("tests run from <target>/<profile>/deps");
    build.join("examples").join("connect")
}

#[tokio::test]
async fn the_rust_client_connects_over_wss_if_it_trusts_the_certificate() {
    let certificate = Certificate::new("tls").await;
    let (cert, key) = (certificate.file("cert.pem"), certificate.file("key.pem"));
    let relay = Relay::start_with(&["--cert", &cert, "--key", &key]).await;
    let url = relay.url().replace("ws://", "wss://");

    let mut trusting = Command::new(snippet())
        .env("CLASP_URL", &url)
        .env("SSL_CERT_FILE", &cert)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("cargo builds the example `connect` together with the tests");
    let mut lines = BufReader::new(trusting.stdout.take().expect("stdout is piped")).lines();
    let line = within("a line of the snippet", lines.next_line()).await.expect("text");
    assert_eq!(line.as_deref(), Some("/lights/kitchen Float(0.5)"));

    let doubting = Command::new(snippet()).env("CLASP_URL", &url).kill_on_drop(true).output();
    let doubting = within("the refusal", doubting).await.expect("it runs");
    let said = String::from_utf8_lossy(&doubting.stderr);
    assert!(!doubting.status.success() && said.contains("certificate"), "{said}");
}

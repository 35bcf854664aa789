//! The commands of `docs/auth/tls.md`, as they stand there.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::support::{Relay, soon};

const GUIDE: &str = include_str!("../../../../docs/auth/tls.md");

/// The shell block that contains `text`.
fn block(text: &str) -> &'static str {
    let blocks = GUIDE.split("```sh\n").skip(1);
    let mut blocks = blocks.map(|block| block.split("```").next().unwrap());
    blocks.find(|block| block.contains(text)).unwrap_or_else(|| panic!("no block has {text}"))
}

/// Runs commands in `folder`; what they print.
async fn shell(folder: &Path, script: &str) -> String {
    let mut command = Command::new("bash");
    command.args([
        "-c",
        &format!("set -e -o pipefail\ntrap 'kill $(jobs -p) 2>&- || true' EXIT\n{script}"),
    ]);
    command.current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
    let output = soon("the end of the commands", command.output()).await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[tokio::test]
async fn the_trial_on_one_machine_works() {
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let relay = format!("{} --host 127.0.0.1 --ws-port {port} ", env!("CARGO_BIN_EXE_clasp-relay"));
    let script = block("clasp-relay --cert cert.pem")
        .replace("clasp-relay ", &relay)
        .replace("localhost:7330", &format!("localhost:{port}"))
        .replace("curl ", "curl --noproxy '*' ");
    let said = shell(folder.path(), &script).await;
    assert!(said.contains("\nok\n") && said.contains("Verify return code: 0 (ok)"), "{said}");
}

#[tokio::test]
async fn the_certificate_of_a_device_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let server = block("clasp-relay --cert cert.pem");
    let (make, _) = server.split_once("clasp-relay").unwrap();
    let (issue, curl) = block("Our devices").split_once("curl ").unwrap();
    shell(folder.path(), &format!("{make}{issue}")).await;
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (cert, key, devices) = (file("cert.pem"), file("key.pem"), file("devices.pem"));
    let relay = Relay::start(&["--cert", &cert, "--key", &key, "--client-ca", &devices]).await;
    let curl = curl.replace("localhost:7330", &relay.address.to_string());
    assert_eq!(shell(folder.path(), &format!("curl --noproxy '*' {curl}")).await, "ok\n");
}

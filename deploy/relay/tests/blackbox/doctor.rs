//! `doctor`: what it finds, and its exit code.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use crate::support::{Ended, Relay, run};

/// The line on a subject.
fn line<'a>(told: &'a Ended, subject: &str) -> &'a str {
    let found = told.stdout.lines().find(|line| line.contains(subject));
    found.unwrap_or_else(|| panic!("nothing on {subject}: {told:?}"))
}

#[tokio::test]
async fn a_sound_set_up_has_nothing_failed() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("admin.token");
    fs::write(&token, "0123456789abcdef").unwrap();
    fs::set_permissions(&token, Permissions::from_mode(0o600)).unwrap();
    let data = folder.path().to_str().unwrap();
    let arguments = [
        "doctor",
        "--ws-port=0",
        "--auth-port=0",
        "--data-dir",
        data,
        "--journal=j.db",
        "--admin-token=admin.token",
        "--max-sessions=10",
    ];
    let told = run(&arguments, &[]).await;
    assert_eq!(told.code, Some(0), "{told:?}");
    for subject in ["--ws-port", "--journal", "--auth-db", "--admin-token", "file descriptors"] {
        assert!(line(&told, subject).starts_with("ok"), "{told:?}");
    }
    assert!(!told.stdout.contains('\u{1b}') && !told.stdout.contains("0123456789abcdef"));
}

#[tokio::test]
async fn each_trouble_is_named_and_makes_it_fail() {
    let folder = tempfile::tempdir().unwrap();
    let open = folder.path().join("open.token");
    fs::write(&open, "0123456789abcdef").unwrap();
    fs::set_permissions(&open, Permissions::from_mode(0o644)).unwrap();
    let open = format!("--admin-token={}", open.display());
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let [quic, osc, broadcast] = ["--quic-port", "--osc-port", "--broadcast-port"]
        .map(|flag| format!("{flag}={}", socket.local_addr().unwrap().port()));
    let here = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("--ws-port={}", here.local_addr().unwrap().port());
    let place = format!("--data-dir={}", folder.path().display());
    // Nobody listens there any more.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let keys = format!("--jwt-jwks=http://{gone}/keys.json");
    let troubles: [(&[&str], &str, &str); 13] = [
        (&[&taken, "--host=127.0.0.1"], "--ws-port", "(process "),
        (&["--auth-port=5", "--ws-port=5"], "--auth-port 5", "--ws-port has the same port"),
        (&[&quic, "--host=127.0.0.1"], "/udp", "(process "),
        (&[&osc, "--host=127.0.0.1"], "/udp", "(process "),
        (&[&broadcast, "--host=127.0.0.1"], "/udp", "(process "),
        (&["--quic-port=5", "--osc-port=5"], "--osc-port 5/udp", "--quic-port has the same port"),
        (&["--auth-port=0", &place, &open], "--admin-token", "chmod 600"),
        (&["--cert=/no.pem", "--key=/no.pem"], "certificate", "/no.pem"),
        (&["--quic-port=0"], "certificate", "--quic-port needs one"),
        (&["--tls-only"], "certificate", "--tls-only needs one"),
        (&["--max-sessions=4000000000"], "file descriptors", "LimitNOFILE"),
        (&["--app-config=/no.json"], "app config", "/no.json"),
        (&["--auth-port=0", &place, &keys], "--jwt-jwks", "Connection refused"),
    ];
    for (arguments, subject, text) in troubles {
        let told = run(&[&["doctor", "--ws-port=0"][..], arguments].concat(), &[]).await;
        let told = match told.code {
            Some(2) => run(&[&["doctor"][..], arguments].concat(), &[]).await,
            _ => told,
        };
        assert_eq!(told.code, Some(1), "{told:?}");
        let line = line(&told, subject);
        assert!(line.starts_with("FAIL") && line.contains(text), "{line}");
    }
}

#[tokio::test]
async fn udp_and_tcp_have_ports_of_their_own_and_a_running_relay_may_hold_both() {
    let here = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let quic = format!("--quic-port={}", here.local_addr().unwrap().port());
    let told = run(&["doctor", "--ws-port=0", "--host=127.0.0.1", &quic], &[]).await;
    assert!(line(&told, "--quic-port").starts_with("ok"), "{told:?}");

    let relay = Relay::start(&["--osc-port=0", "--broadcast-port=auto"]).await;
    let osc = format!("--osc-port={}", relay.door("OSC: udp").await.port());
    let broadcast = relay.door("answers broadcasts on udp").await.port();
    let broadcast = format!("--broadcast-port={broadcast}");
    let arguments = ["doctor", "--ws-port=0", "--host=127.0.0.1", &osc, &broadcast];
    let told = run(&[&arguments[..], &["--max-sessions=10"]].concat(), &[]).await;
    assert_eq!(told.code, Some(0), "{told:?}");
    let osc: Vec<&str> = told.stdout.lines().filter(|it| it.contains("--osc-port")).collect();
    assert_eq!(osc.len(), 2, "UDP and TCP: {told:?}");
    for line in osc {
        assert!(line.contains("the relay is running"), "{line}");
    }
    assert!(line(&told, "--broadcast-port").starts_with("ok"), "{told:?}");
}

#[tokio::test]
async fn a_running_relay_and_a_misspelt_variable_are_no_failure() {
    let relay = Relay::start(&[]).await;
    let port = relay.address.port().to_string();
    let arguments = ["doctor", "--host=127.0.0.1", "--ws-port", &port, "--max-sessions=10"];
    let told = run(&arguments, &[("CLASP_MAX_SESSION", "5")]).await;
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(line(&told, "--ws-port").contains("the relay is running"), "{told:?}");
    let misspelt = line(&told, "CLASP_MAX_SESSION ");
    assert!(misspelt.starts_with("warn") && misspelt.contains("CLASP_MAX_SESSIONS?"), "{misspelt}");
}

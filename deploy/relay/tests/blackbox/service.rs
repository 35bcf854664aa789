//! The relay under a service manager: what it tells, and sockets that it is handed.

use std::net::SocketAddr;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::UnixDatagram;
use tokio::process::Command;

use crate::client::Client;
use crate::http;
use crate::support::{Relay, run, soon};

/// The service manager's end of the notification socket.
struct Manager {
    socket: UnixDatagram,
    path: String,
    _folder: TempDir,
}

impl Manager {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        Self { socket, path: path.display().to_string(), _folder: folder }
    }

    /// What it has been told and not heard yet.
    fn told(&self) -> Vec<String> {
        let mut bytes = [0; 4_096];
        let mut told = Vec::new();
        while let Ok(count) = self.socket.try_recv(&mut bytes) {
            told.push(String::from_utf8(bytes[..count].to_vec()).unwrap());
        }
        told
    }

    /// The next message with this line.
    async fn hears(&self, line: &str) -> String {
        let search = async {
            loop {
                let mut bytes = [0; 4_096];
                let count = self.socket.recv(&mut bytes).await.unwrap();
                let message = String::from_utf8(bytes[..count].to_vec()).unwrap();
                if message.lines().any(|told| told == line) {
                    return message;
                }
            }
        };
        soon(line, search).await
    }
}

#[tokio::test]
async fn the_service_manager_hears_of_ready_reloading_and_stopping() {
    let manager = Manager::new();
    let relay = Relay::start_in(&[], &[("NOTIFY_SOCKET", &manager.path)]).await;
    let ready = manager.hears("READY=1").await;
    assert!(ready.contains("STATUS=ready"), "{ready}");
    relay.signal("HUP").await;
    let reloading = manager.hears("RELOADING=1").await;
    let time = reloading.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC="));
    assert!(time.unwrap().parse::<u64>().unwrap() > 0, "{reloading}");
    manager.hears("READY=1").await;
    relay.signal("TERM").await;
    manager.hears("STOPPING=1").await;
    manager.hears("STATUS=storing what is left").await;
    assert_eq!(relay.end().await.0, Some(0));
}

#[tokio::test]
async fn the_watchdog_hears_from_a_relay_that_works() {
    for arguments in [&[][..], &["--trusted-proxy", "127.0.0.1", "--proxy-protocol"]] {
        let manager = Manager::new();
        let environment = [("NOTIFY_SOCKET", manager.path.as_str()), ("WATCHDOG_USEC", "600000")];
        let relay = Relay::start_in(arguments, &environment).await;
        for _ in 0..3 {
            manager.hears("WATCHDOG=1").await;
        }
        assert_eq!(relay.stop().await.0, Some(0));
    }
}

#[tokio::test]
async fn the_watchdog_hears_nothing_while_the_relay_lets_nobody_in() {
    let manager = Manager::new();
    let environment = [("NOTIFY_SOCKET", manager.path.as_str()), ("WATCHDOG_USEC", "600000")];
    let relay = Relay::start_in(&[], &environment).await;
    manager.hears("WATCHDOG=1").await;
    // The standard streams alone are more.
    relay.limit_files(1).await;
    let silent = "no sign of life for the watchdog";
    relay.log().line_with(silent).await;
    manager.told();
    relay.log().nth_line_with(4, silent).await;
    let told = manager.told();
    assert!(told.iter().all(|message| !message.contains("WATCHDOG")), "{told:?}");
    relay.limit_files(1_000).await;
    manager.hears("WATCHDOG=1").await;
    assert_eq!(relay.stop().await.0, Some(0));
}

#[tokio::test]
async fn a_single_socket_of_the_service_manager_serves_clients() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let Some(mut child) = activated(&[free], &[], &["--ws-port", "1"]) else { return };
    let probe = http::get(free, "/readyz");
    let answer = soon("an answer of the activated relay", probe).await;
    assert!([200, 503].contains(&answer.status), "{answer:?}");
    assert!(Client::join(free).await.is_served().await);
    child.start_kill().unwrap();
}

#[tokio::test]
async fn a_socket_that_no_option_asks_for_is_a_mistake() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let arguments = ["--ws-port", "0", "--host", "127.0.0.1"];
    let Some(mut child) = activated(&[free], &["--fdname=metrics"], &arguments) else { return };
    // systemd-socket-activate starts the program at the first connection.
    let _connection = tokio::net::TcpStream::connect(free).await;
    let mut log = BufReader::new(child.stdout.take().unwrap()).lines();
    let search = async {
        while let Some(line) = log.next_line().await.unwrap() {
            if line.contains("a socket named metrics, which no option asks for") {
                return true;
            }
        }
        false
    };
    assert!(soon("the mistake", search).await);
    assert_eq!(child.wait().await.unwrap().code(), Some(1));
}

/// The relay behind `systemd-socket-activate`; none on a machine without it.
fn activated(
    listen: &[SocketAddr],
    options: &[&str],
    arguments: &[&str],
) -> Option<tokio::process::Child> {
    let mut command = Command::new("systemd-socket-activate");
    for address in listen {
        command.args(["-l", &address.to_string()]);
    }
    command.args(options).args(["-E", "CLASP_CONFIG=none"]);
    command.arg(env!("CARGO_BIN_EXE_clasp-relay")).args(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().ok()?;
    // It listens as soon as a connection succeeds.
    let address = *listen.first()?;
    while std::net::TcpStream::connect(address).is_err() {
        assert!(child.try_wait().unwrap().is_none(), "systemd-socket-activate ended");
        std::thread::yield_now();
    }
    Some(child)
}

#[tokio::test]
async fn a_health_check_tells_a_ready_relay_from_none() {
    let relay = Relay::start(&["--health-port", "0"]).await;
    let health = relay.page("health").await.port().to_string();
    let port = relay.address.port().to_string();
    let asked = run(&["healthcheck", "--health-port", &health, "--host", "127.0.0.1"], &[]).await;
    assert_eq!((asked.code, asked.stdout.lines().count()), (Some(0), 1), "{asked:?}");
    let environment = [("CLASP_WS_PORT", port.as_str())];
    assert_eq!(run(&["healthcheck"], &environment).await.code, Some(0));
    relay.stop().await;
    let gone = run(&["healthcheck"], &environment).await;
    assert_eq!((gone.code, gone.stderr.lines().count()), (Some(1), 1), "{gone:?}");
    assert!(gone.stderr.contains("no answer from 127.0.0.1:"), "{gone:?}");
    assert_eq!(run(&["healthcheck", "--nope"], &[]).await.code, Some(2));
}

//! The relay under test: started on a free port, port read from its log, killed on drop.

use std::env;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use clasp_client::Clasp;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::Notify;

use crate::{JOINED, READY, within};

const HOST: &str = "127.0.0.1";

/// A running relay process; dropping it kills the process.
pub struct Relay {
    child: Child,
    port: u16,
    auth_port: Option<u16>,
    quic_port: Option<u16>,
    directory_port: Option<u16>,
}

impl Relay {
    /// Starts the program named by `CLASP_RELAY_BIN` on a port of the kernel's choice and stores
    /// the parameters that the tests rely on in it.
    pub async fn start() -> Self {
        Self::start_on(0).await
    }

    /// The same on a given port, for restarts.
    pub async fn start_on(port: u16) -> Self {
        Self::launch(port, &[]).await
    }

    /// The same as [`Self::start`] with further options.
    pub async fn start_with(options: &[&str]) -> Self {
        Self::launch(0, options).await
    }

    async fn launch(port: u16, options: &[&str]) -> Self {
        let program = env::var_os("CLASP_RELAY_BIN")
            .map(PathBuf::from)
            .expect("CLASP_RELAY_BIN names the relay program to test");
        let mut child = Command::new(&program)
            .args(["--host", HOST, "--port", &port.to_string()])
            .args(options)
            .env("RUST_LOG", "info")
            .env_remove("LOG_FORMAT")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start {}: {e}", program.display()));
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut log = BufReader::new(stdout).lines();
        let mut marks = vec![format!("listening on {HOST}:")];
        let mut mark = |option, text: &str| {
            options.contains(&option).then(|| {
                marks.push(format!("{text}{HOST}:"));
                marks.len() - 1
            })
        };
        let auth = mark("--auth-port", "auth: http://");
        let directory = mark("--rendezvous-port", "rendezvous: http://");
        let quic = mark("--quic-port", "QUIC: quic://");
        let ports = within("the lines with the relay's ports", ports(&mut log, &marks)).await;
        tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        let port_of = |place: Option<usize>| place.map(|place| ports[place]);
        let (auth_port, quic_port) = (port_of(auth), port_of(quic));
        let directory_port = port_of(directory);
        let relay = Self { child, port: ports[0], auth_port, quic_port, directory_port };
        relay.store_ready().await;
        relay
    }

    /// The address clients connect to.
    pub fn url(&self) -> String {
        format!("ws://{HOST}:{}", self.port)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The directory of a relay with `--rendezvous-port auto`.
    pub fn directory(&self) -> String {
        let port = self.directory_port.expect("the relay was started with --rendezvous-port");
        format!("http://{HOST}:{port}")
    }

    /// Where tokens are had, of a relay with `--auth-port 0`.
    pub fn auth(&self) -> String {
        let port = self.auth_port.expect("the relay was started with --auth-port");
        format!("http://{HOST}:{port}")
    }

    /// The UDP port of a relay with `--quic-port 0`.
    pub fn quic_port(&self) -> u16 {
        self.quic_port.expect("the relay was started with --quic-port")
    }

    /// Asks the relay to end (SIGTERM) and waits until it has.
    pub async fn stop(mut self) -> ExitStatus {
        let id = self.child.id().expect("a relay that was not stopped has a process id");
        let sent = Command::new("kill").args(["-TERM", &id.to_string()]).status().await;
        assert!(sent.is_ok_and(|status| status.success()), "cannot send SIGTERM to {id}");
        within("the relay's exit after SIGTERM", self.child.wait())
            .await
            .expect("the exit status of a child is readable")
    }

    async fn store_ready(&self) {
        let client = within("the first connection", Clasp::connect_to(&self.url()))
            .await
            .expect("the relay accepts a client");
        let echoed = Arc::new(Notify::new());
        let echo = Arc::clone(&echoed);
        client
            .subscribe(READY, move |_, _| echo.notify_one())
            .await
            .expect("an open connection takes a subscription");
        for address in [JOINED, READY] {
            client.set(address, true).await.expect("an open connection takes a set");
        }
        within("the echo of the first values", echoed.notified()).await;
    }
}

/// The ports after each of these marks, which come in any order.
async fn ports(log: &mut Lines<BufReader<ChildStdout>>, marks: &[String]) -> Vec<u16> {
    let mut found = vec![None; marks.len()];
    while let Some(line) = log.next_line().await.expect("the relay's log is text") {
        for (mark, port) in marks.iter().zip(&mut found) {
            let Some((_, rest)) = line.split_once(mark.as_str()) else { continue };
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            *port = digits.parse().ok();
            assert!(port.is_some(), "no port in the log line: {line}");
        }
        if let Some(ports) = found.iter().copied().collect() {
            return ports;
        }
    }
    panic!("the relay ended without telling its ports: {found:?}");
}

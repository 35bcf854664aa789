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
        let port = within("the relay's `listening on` line", listening_port(&mut log)).await;
        tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        let relay = Self { child, port };
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

async fn listening_port(log: &mut Lines<BufReader<ChildStdout>>) -> u16 {
    let mark = format!("listening on {HOST}:");
    while let Some(line) = log.next_line().await.expect("the relay's log is text") {
        let Some((_, rest)) = line.split_once(&mark) else {
            continue;
        };
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        return digits.parse().unwrap_or_else(|_| panic!("no port in the log line: {line}"));
    }
    panic!("the relay ended without a `listening on` line");
}

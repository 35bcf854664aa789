//! mosquitto's command line clients.

use std::process::{Output, Stdio};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::support::{Relay, soon};

/// A relay with an MQTT port, and that port.
pub(crate) async fn start(arguments: &[&str]) -> (Relay, u16) {
    let relay = Relay::start(&[&["--mqtt-port", "0"], arguments].concat()).await;
    let port = port(&relay, "MQTT: mqtt").await;
    (relay, port)
}

/// The port of the door that the log calls so.
pub(crate) async fn port(relay: &Relay, name: &str) -> u16 {
    let line = relay.log().line_with(name).await;
    line.rsplit(':').next().unwrap().trim_end_matches('/').parse().unwrap()
}

fn tool(name: &str, port: u16, arguments: &[&str]) -> Command {
    let mut command = Command::new(name);
    // Output by the line, though it is no terminal.
    command.args(["-h", "127.0.0.1", "-p", &port.to_string()]).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Publishes and waits until that is done.
pub(crate) async fn publish(port: u16, arguments: &[&str]) -> Output {
    let output = tool("mosquitto_pub", port, arguments).output();
    soon("the end of mosquitto_pub", output).await.expect("mosquitto_pub is installed")
}

/// Publishes what has to work.
pub(crate) async fn publish_well(port: u16, arguments: &[&str]) {
    let output = publish(port, arguments).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
}

/// Publishes each line as a message.
pub(crate) async fn publish_lines(port: u16, arguments: &[&str], lines: &str) {
    let mut child = tool("mosquitto_pub", port, &[arguments, &["-l"]].concat())
        .stdin(Stdio::piped())
        .spawn()
        .expect("mosquitto_pub is installed");
    let mut input = child.stdin.take().unwrap();
    input.write_all(lines.as_bytes()).await.unwrap();
    drop(input);
    assert!(soon("the end of mosquitto_pub", child.wait()).await.unwrap().success());
}

/// A running mosquitto_sub; killed when dropped.
pub(crate) struct Listener {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Listener {
    /// Subscribes, and waits until that is in force.
    pub(crate) async fn start(port: u16, arguments: &[&str]) -> Listener {
        let mut listener = Self::launch(port, arguments);
        while !listener.line().await.starts_with("Subscribed (mid: 1)") {}
        listener
    }

    pub(crate) fn launch(port: u16, arguments: &[&str]) -> Listener {
        let format = ["-d", "-F", "message %t %p q%q r%r"];
        let mut command = Command::new("stdbuf");
        command.args(["-oL", "mosquitto_sub", "-h", "127.0.0.1", "-p", &port.to_string()]);
        command.args(format).args(arguments).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().expect("mosquitto_sub is installed");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Listener { child, lines }
    }

    /// The next line of any kind.
    pub(crate) async fn line(&mut self) -> String {
        let line = soon("a line of mosquitto_sub", self.lines.next_line()).await.unwrap();
        line.expect("mosquitto_sub goes on")
    }

    /// The next message.
    pub(crate) async fn message(&mut self) -> String {
        loop {
            if let Some(message) = self.line().await.strip_prefix("message ") {
                return message.to_owned();
            }
        }
    }

    /// The end, and its exit code.
    pub(crate) async fn end(&mut self) -> Option<i32> {
        soon("the end of mosquitto_sub", self.child.wait()).await.unwrap().code()
    }

    /// Cuts it off.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

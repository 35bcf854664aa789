//! The snippet that the README quotes.

use std::env;
use std::process::Stdio;

use clasp_interop::{Relay, within};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

#[tokio::test]
async fn the_rust_snippet_prints_the_value_it_set() {
    let relay = Relay::start().await;
    let this = env::current_exe().expect("a test knows its own path");
    let build = this.ancestors().nth(2).expect("tests run from <target>/<profile>/deps");

    let mut snippet = Command::new(build.join("examples").join("connect"))
        .env("CLASP_URL", relay.url())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("cargo builds the example `connect` together with the tests");

    let mut lines = BufReader::new(snippet.stdout.take().expect("stdout is piped")).lines();
    let line = within("a line of the snippet", lines.next_line()).await.expect("text");
    assert_eq!(line.as_deref(), Some("/lights/kitchen Float(0.5)"));
}

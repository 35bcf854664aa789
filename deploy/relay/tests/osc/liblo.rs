//! The tools of liblo, which half of all OSC programs are built on.

use std::process::Stdio;

use clasp_protocol::{RawValue, Value};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::folder::Folder;
use crate::peer::{Ear, osc_address};
use crate::support::{Relay, soon};

/// Runs `oscsend` against the relay.
async fn oscsend(url: &str, arguments: &[&str]) {
    let sent = Command::new("oscsend").arg(url).args(arguments).status().await;
    assert!(sent.expect("oscsend of liblo-tools is installed").success());
}

#[tokio::test]
async fn oscsend_sets_params_and_publishes_events_over_udp_and_tcp() {
    let relay = Relay::start(&["--osc-port", "0"]).await;
    let mut ear = Ear::new(&relay).await;
    let port = osc_address(&relay).await.port();
    for scheme in ["osc.udp", "osc.tcp"] {
        let url = format!("{scheme}://127.0.0.1:{port}/");
        let sent = ["/all", "ihfdsSTFNIc", "1", "2", "0.5", "0.25", "text", "symbol", "x"];
        oscsend(&url, &sent).await;
        let expected = vec![
            Value::Int(1),
            Value::Int(2),
            Value::Float(0.5),
            Value::Float(0.25),
            Value::String("text".into()),
            Value::String("symbol".into()),
            Value::Bool(true),
            Value::Bool(false),
            Value::Null,
            Value::Float(f64::INFINITY),
            Value::String("x".into()),
        ];
        ear.expect("/osc/all", Value::Array(expected)).await;
        oscsend(&url, &["/clasp/event", "si", "/go", "7"]).await;
        ear.hears("/osc/go", Some(RawValue::int(7))).await;
    }
}

#[tokio::test]
async fn oscdump_understands_what_a_destination_is_told() {
    let folder = Folder::new();
    // oscdump cannot say which port the system gave it.
    let port = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut dump = Command::new("oscdump");
    dump.args(["-L", &port.to_string()]).stdout(Stdio::piped()).kill_on_drop(true);
    let mut dump = dump.spawn().expect("oscdump of liblo-tools is installed");
    let mut lines = BufReader::new(dump.stdout.take().unwrap()).lines();
    let config = folder.file("osc.toml");
    let text = format!("[[destination]]\naddr = \"127.0.0.1:{port}\"\npatterns = [\"/osc/**\"]\n");
    std::fs::write(&config, text).unwrap();
    let relay = Relay::start(&["--osc-port", "0", "--osc-config", &config]).await;
    let mut client = Ear::new(&relay).await.0;
    // Nothing tells when oscdump listens, so it is told until it answers.
    let mut number = 0;
    let line = loop {
        number += 1;
        client.set("/osc/number", number).await;
        let wait = std::time::Duration::from_millis(50);
        if let Ok(line) = tokio::time::timeout(wait, lines.next_line()).await {
            break line.unwrap().expect("oscdump goes on");
        }
        assert!(number < 500, "oscdump heard nothing");
    };
    assert!(line.contains(" /number i "), "{line}");
    client.set("/osc/last", 7).await;
    let last = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains(" /last i 7") {
                return;
            }
            assert!(line.contains(" /number i "), "{line}");
        }
        panic!("oscdump ended");
    };
    soon("the last value", last).await;
}

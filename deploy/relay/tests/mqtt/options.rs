//! Options of the door, and mistakes in them.

use crate::folder::Folder;
use crate::support::{any_with, run};
use crate::tools::{Listener, publish_well, start};

#[tokio::test]
async fn a_namespace_and_rules_hold_in_both_directions() {
    let folder = Folder::new();
    let rules = folder.file("mqtt.toml");
    let text = "[[rule]]\ntopic = \"zigbee2mqtt/#\"\naddress = \"/zb/**\"\npayload = \"json\"\n";
    std::fs::write(&rules, text).unwrap();
    let (relay, port) = start(&["--mqtt-namespace", "/iot", "--mqtt-config", &rules]).await;
    let mut clasp = crate::client::Client::join(relay.address).await;
    let mut listener = Listener::start(port, &["-q", "1", "-t", "#"]).await;
    clasp.set("/iot/x/y", 1).await;
    clasp.set("/zb/lamp", 2).await;
    assert_eq!(listener.message().await, "x/y 1 q1 r0");
    assert_eq!(listener.message().await, "zigbee2mqtt/lamp 2 q1 r0");
    publish_well(port, &["-t", "zigbee2mqtt/lamp/set", "-m", "{\"on\":true}"]).await;
    assert_eq!(listener.message().await, "zigbee2mqtt/lamp/set {\"on\":true} q0 r0");
}

#[tokio::test]
async fn mistakes_end_the_start_with_one_clear_line() {
    let folder = Folder::new();
    let file = folder.file("mqtt.toml");
    std::fs::write(&file, "payload = \"jsn\"\n").unwrap();
    let base = ["--host", "127.0.0.1", "--ws-port", "0", "--mqtt-port", "0"];
    for (more, code, words) in [
        (&["--mqtt-config", &file][..], 1, "mqtt.toml:1: "),
        (&["--mqtt-config", "/does/not/exist"], 1, "check --mqtt-config"),
        (&["--mqtt-namespace", "mqtt"], 1, "--mqtt-namespace mqtt: "),
        (&["--mqtts-port", "0"], 2, "--cert"),
    ] {
        let ended = run(&[&base[..], more].concat(), &[]).await;
        assert_eq!(ended.code, Some(code), "{ended:?}");
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(said.contains(words), "{said}");
    }
    let (_relay, taken) = start(&[]).await;
    let taken = taken.to_string();
    let ended = run(&["--host", "127.0.0.1", "--ws-port", "0", "--mqtt-port", &taken], &[]).await;
    assert_eq!(ended.code, Some(1));
    let lines: Vec<_> =
        ended.stdout.lines().chain(ended.stderr.lines()).map(String::from).collect();
    assert!(any_with(&lines, "choose another port with --mqtt-port"), "{ended:?}");
}

#[tokio::test]
async fn mqtt_may_be_all_that_is_served() {
    let arguments = ["--host", "127.0.0.1", "--no-websocket"];
    let ended = run(&arguments, &[]).await;
    assert_eq!(ended.code, Some(1));
    assert!(format!("{}{}", ended.stdout, ended.stderr).contains("--mqtt-port"));
}

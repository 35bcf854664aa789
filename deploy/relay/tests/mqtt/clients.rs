//! What real clients send and get.

use clasp_protocol::Qos;

use crate::client::Client;
use crate::tools::{Listener, port, publish_lines, publish_well, start};

const VERSIONS: [&str; 3] = ["mqttv31", "mqttv311", "mqttv5"];

#[tokio::test]
async fn every_version_and_qos_gets_through() {
    let (_relay, port) = start(&[]).await;
    for version in VERSIONS {
        let mut listener = Listener::start(port, &["-V", version, "-q", "2", "-t", "a/#"]).await;
        for qos in ["0", "1", "2"] {
            publish_well(port, &["-V", version, "-q", qos, "-t", "a/b", "-m", "{ \"x\": 1 }"])
                .await;
            assert_eq!(listener.message().await, format!("a/b {{ \"x\": 1 }} q{qos} r0"));
        }
    }
}

#[tokio::test]
async fn a_clasp_client_and_an_mqtt_client_share_params() {
    let (relay, port) = start(&[]).await;
    let mut clasp = Client::join(relay.address).await;
    clasp.subscribe_all().await;
    let mut listener = Listener::start(port, &["-q", "1", "-t", "#"]).await;
    clasp.set_with("/mqtt/light", 7, Qos::Confirm).await;
    assert_eq!(listener.message().await, "light 7 q1 r0");
    publish_well(port, &["-t", "sensor", "-m", "21.5"]).await;
    loop {
        let event = clasp.next().await;
        if let clasp_protocol::Message::Set(set) = event.message()
            && set.address == "/mqtt/sensor"
        {
            assert_eq!(set.value.to_value(), clasp_protocol::Value::Float(21.5));
            break;
        }
    }
    let mut late = Listener::launch(port, &["-t", "sensor", "-C", "1"]);
    assert_eq!(late.message().await, "sensor 21.5 q0 r1");
}

#[tokio::test]
async fn ten_thousand_messages_of_qos_1_arrive_in_order() {
    let (_relay, port) = start(&[]).await;
    let mut listener = Listener::start(port, &["-V", "mqttv5", "-q", "1", "-t", "burst"]).await;
    let lines: String = (0..10_000).map(|number| format!("{number}\n")).collect();
    publish_lines(port, &["-q", "1", "-t", "burst"], &lines).await;
    for number in 0..10_000 {
        assert_eq!(listener.message().await, format!("burst {number} q1 r0"));
    }
}

#[tokio::test]
async fn a_will_is_published_when_a_client_is_cut_off() {
    let (_relay, port) = start(&[]).await;
    let mut watcher = Listener::start(port, &["-q", "1", "-t", "will/+"]).await;
    let will = ["--will-topic", "will/x", "--will-payload", "gone", "--will-qos", "1"];
    let mortal = Listener::start(port, &[&["-t", "any"][..], &will].concat()).await;
    mortal.kill().await;
    assert_eq!(watcher.message().await, "will/x gone q1 r0");
}

#[tokio::test]
async fn a_silent_client_is_cut_off_with_its_will() {
    let (_relay, port) = start(&[]).await;
    let mut watcher = Listener::start(port, &["-t", "will/+"]).await;
    let mut socket = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let connect = b"\x10\x17\x00\x04MQTT\x04\x06\x00\x01\x00\x01s\x00\x06will/s\x00\x00";
    tokio::io::AsyncWriteExt::write_all(&mut socket, connect).await.unwrap();
    assert_eq!(watcher.message().await, "will/s  q0 r0");
}

#[tokio::test]
async fn the_main_port_takes_mqtt_as_well() {
    let (relay, port) = start(&[]).await;
    let mut listener = Listener::start(port, &["-t", "a"]).await;
    publish_well(relay.address.port(), &["-t", "a", "-m", "1"]).await;
    assert_eq!(listener.message().await, "a 1 q0 r0");
}

#[tokio::test]
async fn the_relay_alone_with_mqtt_says_goodbye_at_its_end() {
    let relay = crate::support::Relay::start(&["--mqtt-port", "0"]).await;
    let port = port(&relay, "MQTT: mqtt").await;
    let mut listener = Listener::start(port, &["-V", "mqttv5", "-t", "a"]).await;
    relay.signal("TERM").await;
    while !listener.line().await.contains("DISCONNECT (139)") {}
    drop(listener);
    assert_eq!(relay.end().await.0, Some(0));
}

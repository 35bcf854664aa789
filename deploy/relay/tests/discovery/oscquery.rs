//! The OSCQuery tree over HTTP.

use std::net::SocketAddr;

use clasp_protocol::message::{Announce, Set, SignalInfo, SignalMeta, SignalType};
use clasp_protocol::{Message, Qos, RawValue, Value};
use serde_json::{Value as Json, json};

use crate::client::Client;
use crate::http;
use crate::support::{Relay, run};

/// A relay with a tree, and where.
pub(crate) async fn relay(arguments: &[&str]) -> (Relay, SocketAddr) {
    let relay = Relay::start(&[&["--oscquery-port", "0"], arguments].concat()).await;
    let address = relay.page("OSCQuery").await;
    (relay, address)
}

/// Sets a param and waits for the ACK.
pub(crate) async fn set(client: &mut Client, address: &str, value: &Value) {
    let value = RawValue::try_from(value).unwrap();
    client.send(&Message::Set(Set::new(address, value)), Qos::Confirm).await;
    let answer = client.next().await;
    assert!(matches!(answer.message(), Message::Ack(_)), "{answer:?}");
}

async fn tree(address: SocketAddr, target: &str) -> Json {
    let answer = http::get(address, target).await;
    assert_eq!(answer.status, 200, "{target}: {}", answer.body);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    serde_json::from_str(&answer.body).unwrap()
}

async fn status(address: SocketAddr, target: &str) -> u16 {
    http::get(address, target).await.status
}

fn level() -> Announce<'static> {
    let meta = SignalMeta {
        unit: Some("dB".into()),
        range: Some((-60.0, 6.0)),
        description: Some("Level of channel 1".into()),
        ..SignalMeta::default()
    };
    let signal = SignalInfo {
        address: "/osc/mix/1/level".into(),
        signal: SignalType::Param,
        datatype: Some("f32".into()),
        access: Some("rw".into()),
        meta: Some(meta),
    };
    Announce { namespace: "/osc".into(), signals: vec![signal], meta: None }
}

#[tokio::test]
async fn params_and_announced_signals_are_a_tree() {
    let (relay, address) = relay(&["--name", "Desk"]).await;
    let mut client = Client::join(relay.address).await;
    client.send(&Message::Announce(level()), Qos::Confirm).await;
    client.next().await;
    set(&mut client, "/osc/mix/1/level", &Value::Float(-3.5)).await;
    set(&mut client, "/osc/mix/1/mute", &Value::Bool(false)).await;
    set(&mut client, "/elsewhere", &Value::Int(1)).await;
    let level = json!({
        "FULL_PATH": "/mix/1/level", "TYPE": "f", "ACCESS": 3, "VALUE": [-3.5],
        "RANGE": [{ "MIN": -60.0, "MAX": 6.0 }], "DESCRIPTION": "Level of channel 1",
        "UNIT": ["dB"], "TAGS": ["param"],
    });
    let mute = json!({ "FULL_PATH": "/mix/1/mute", "TYPE": "T", "ACCESS": 3, "VALUE": [false] });
    let one = json!({
        "FULL_PATH": "/mix/1", "ACCESS": 0, "CONTENTS": { "level": level, "mute": mute },
    });
    let mix = json!({ "FULL_PATH": "/mix", "ACCESS": 0, "CONTENTS": { "1": one } });
    let root = json!({ "FULL_PATH": "/", "ACCESS": 0, "CONTENTS": { "mix": mix } });
    assert_eq!(tree(address, "/").await, root);
    assert_eq!(tree(address, "/mix/1/").await, one);
    assert_eq!(tree(address, "/mix/1/level").await, level);
    let shallow = tree(address, "/?DEPTH=1").await;
    let mix = json!({ "FULL_PATH": "/mix", "ACCESS": 0, "CONTENTS": {} });
    assert_eq!(shallow["CONTENTS"], json!({ "mix": mix }));
}

#[tokio::test]
async fn one_attribute_can_be_asked_for() {
    let (relay, address) = relay(&[]).await;
    let mut client = Client::join(relay.address).await;
    client.send(&Message::Announce(level()), Qos::Confirm).await;
    client.next().await;
    set(&mut client, "/osc/mix/1/level", &Value::Float(0.5)).await;
    let at = "/mix/1/level";
    assert_eq!(tree(address, &format!("{at}?VALUE")).await, json!({ "VALUE": [0.5] }));
    assert_eq!(tree(address, &format!("{at}?TYPE")).await, json!({ "TYPE": "f" }));
    assert_eq!(tree(address, &format!("{at}?UNIT")).await, json!({ "UNIT": ["dB"] }));
    let range = json!({ "RANGE": [{ "MIN": -60.0, "MAX": 6.0 }] });
    assert_eq!(tree(address, &format!("{at}?RANGE")).await, range);
    assert_eq!(tree(address, "/mix?ACCESS").await, json!({ "ACCESS": 0 }));
    assert!(tree(address, "/mix?CONTENTS").await["CONTENTS"]["1"].is_object());
    assert_eq!(status(address, "/mix?VALUE").await, 204, "a container has no value");
    assert_eq!(status(address, &format!("{at}?CONTENTS")).await, 204);
    assert_eq!(status(address, "/nothing").await, 404);
    assert_eq!(status(address, "/nothing?VALUE").await, 404);
    assert_eq!(status(address, &format!("{at}?NONSENSE")).await, 400);
    assert_eq!(status(address, "/mix?DEPTH=x").await, 400);
    assert_eq!(status(address, "/%ff").await, 400);
    assert_eq!(status(address, "/mi*").await, 400, "no node has a wildcard");
    assert_eq!(http::ask(address, "POST", "/").await.status, 405);
}

#[tokio::test]
async fn the_server_tells_what_it_is_and_can() {
    let (_relay, address) = relay(&["--name", "Desk"]).await;
    for target in ["/?HOST_INFO", "/anything?HOST_INFO"] {
        let info = tree(address, target).await;
        assert_eq!(info["NAME"], "Desk");
        for extension in ["LISTEN", "PATH_ADDED", "PATH_REMOVED", "PATH_CHANGED", "VALUE"] {
            assert_eq!(info["EXTENSIONS"][extension], true, "{extension}");
        }
        assert_eq!(info["EXTENSIONS"]["PATH_RENAMED"], false);
        assert_eq!(info.get("OSC_PORT"), None, "there is none");
    }
    assert_eq!(tree(address, "/").await, json!({ "FULL_PATH": "/", "ACCESS": 0, "CONTENTS": {} }));
}

#[tokio::test]
async fn the_namespace_may_be_another_or_everything() {
    let (relay, address) = relay(&["--oscquery-namespace", "/"]).await;
    let mut client = Client::join(relay.address).await;
    set(&mut client, "/lights/1", &Value::Int(7)).await;
    assert_eq!(tree(address, "/lights/1?VALUE").await, json!({ "VALUE": [7] }));
    let ended = run(&["--oscquery-namespace", "/a*"], &[]).await;
    assert_eq!(ended.code, Some(2));
}

#[tokio::test]
async fn a_large_tree_is_cut_and_says_so() {
    let arguments = ["--max-params-per-session", "0"];
    let (relay, address) = relay(&arguments).await;
    let mut client = Client::join(relay.address).await;
    for number in 0..10_050 {
        client.set(&format!("/osc/{}/{number}", number % 7), number).await;
    }
    set(&mut client, "/osc/last", &Value::Int(1)).await;
    let whole = tree(address, "/").await;
    assert_eq!(whole["TRUNCATED"], true);
    let part = tree(address, "/3").await;
    assert_eq!(part.get("TRUNCATED"), None);
    let children = part["CONTENTS"].as_object().unwrap().len();
    assert!((1_400..1_500).contains(&children), "{children}");
}

//! The journal over the port, after real writes.

use clasp_protocol::message::{Publish, Set, SignalType};
use clasp_protocol::{Message, Qos, RawValue};
use serde_json::{Value, json};

use crate::api::{Api, HEX, join, put_admin_token, start};
use crate::client::Client;
use crate::folder::Folder;
use crate::support::Relay;

const ADMIN: [&str; 2] = ["--admin-token", "admin.token"];

/// Sends a SET and waits until it is stored.
async fn store(client: &mut Client, address: &str, value: RawValue<'_>) {
    client.send(&Message::Set(Set::new(address, value)), Qos::Commit).await;
    let answer = client.next().await;
    assert!(matches!(answer.message(), Message::Ack(_)), "{answer:?}");
}

async fn with_writes(folder: &Folder) -> (Relay, Api) {
    put_admin_token(folder);
    let options = [&ADMIN[..], &["--journal", "journal.db"]].concat();
    let (relay, api) = start(folder, &options).await;
    let mut client = join(relay.address, HEX).await;
    let mut cue = Publish::new("/cue/go", SignalType::Event);
    cue.value = Some(RawValue::bool(true));
    client.send(&Message::Publish(cue), Qos::Fire).await;
    store(&mut client, "/v/int", RawValue::int(-5)).await;
    store(&mut client, "/v/float", RawValue::float(0.5)).await;
    store(&mut client, "/v/text", RawValue::str("é\"").unwrap()).await;
    store(&mut client, "/v/bytes", RawValue::bytes(&[0, 255]).unwrap()).await;
    store(&mut client, "/v/int", RawValue::int(6)).await;
    (relay, api)
}

async fn ask(api: Api, path: &str) -> Value {
    let answer = api.get(&format!("/api/journal/{path}"), HEX).await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    assert!(answer.head.contains("content-type: application/json"), "{path}");
    answer.body
}

/// Address and value of each entry.
fn pairs(entries: &Value) -> Vec<(&str, &Value)> {
    let pair = |entry| -> (&str, &Value) {
        let entry: &Value = entry;
        (entry["address"].as_str().unwrap(), &entry["value"])
    };
    entries.as_array().unwrap().iter().map(pair).collect()
}

#[tokio::test]
async fn what_was_written_is_told_with_its_type() {
    let folder = Folder::new();
    let (_relay, api) = with_writes(&folder).await;
    assert_eq!(ask(api, "latest").await, json!({ "seq": 6 }));
    let entries = ask(api, "query").await;
    let expected = [
        ("/cue/go", json!(true)),
        ("/v/int", json!(-5)),
        ("/v/float", json!(0.5)),
        ("/v/text", json!("é\"")),
        ("/v/bytes", json!({ "$bytes": "AP8=" })),
        ("/v/int", json!(6)),
    ];
    let told: Vec<_> = expected.iter().map(|(address, value)| (*address, value)).collect();
    assert_eq!(pairs(&entries), told);
    assert!(entries[2]["value"].is_f64() && entries[1]["value"].is_i64());
    let last = &entries[5];
    assert_eq!(
        (&last["seq"], &last["revision"], &last["op"]),
        (&json!(6), &json!(2), &json!("set"))
    );
    assert_eq!(
        (&entries[0]["signal_type"], &entries[0]["msg_type"]),
        (&json!("event"), &json!(32))
    );
    assert!(last["timestamp"].as_u64().unwrap() >= entries[0]["timestamp"].as_u64().unwrap());

    let mut params = ask(api, "snapshot").await;
    params.as_array_mut().unwrap().sort_by_key(|param| param["address"].to_string());
    let addresses: Vec<&str> = pairs(&params).iter().map(|(address, _)| *address).collect();
    assert_eq!(addresses, ["/v/bytes", "/v/float", "/v/int", "/v/text"]);
    assert_eq!((&params[2]["value"], &params[2]["revision"]), (&json!(6), &json!(2)));
}

#[tokio::test]
async fn questions_narrow_what_is_told() {
    let folder = Folder::new();
    let (_relay, api) = with_writes(&folder).await;
    let time = ask(api, "query").await[3]["timestamp"].as_u64().unwrap();
    let cases: [(&str, &[u64]); 7] = [
        ("query?pattern=/v/int", &[2, 6]),
        ("query?pattern=/v/*&limit=2", &[2, 3]),
        ("query?types=event,stream", &[1]),
        ("since?seq=4", &[5, 6]),
        ("since?seq=1&limit=1", &[2]),
        ("since?seq=6", &[]),
        (&format!("query?from={time}&to={time}"), &[4]),
    ];
    for (path, expected) in cases {
        let entries = ask(api, path).await;
        let told = entries.as_array().unwrap().iter().map(|entry| entry["seq"].as_u64().unwrap());
        assert_eq!(told.collect::<Vec<_>>(), expected, "{path}");
    }
}

#[tokio::test]
async fn mistakes_and_strangers_are_refused_in_json() {
    let folder = Folder::new();
    let (_relay, api) = with_writes(&folder).await;
    for path in ["query?limit=-1", "since", "query?from=soon", "query?pattern=x"] {
        let answer = api.get(&format!("/api/journal/{path}"), HEX).await;
        assert!(answer.status == 400 && !answer.text("error").is_empty(), "{path}: {answer:?}");
    }
    let user = api.register("alice").await;
    for path in ["latest", "query", "since?seq=0", "snapshot"] {
        let path = format!("/api/journal/{path}");
        assert_eq!(api.get(&path, "").await.text("error"), "missing Authorization header");
        assert_eq!(api.get(&path, &user).await.text("error"), "admin scope required");
    }
}

#[tokio::test]
async fn without_a_journal_it_is_said_how_to_get_one() {
    let folder = Folder::new();
    put_admin_token(&folder);
    let (_relay, api) = start(&folder, &ADMIN).await;
    for path in ["latest", "query", "since?seq=0", "snapshot"] {
        let answer = api.get(&format!("/api/journal/{path}"), HEX).await;
        assert!(answer.status == 501 && answer.text("error").contains("--journal"), "{answer:?}");
    }
}

//! Reading: one param, pages of them, entity tags, and values as JSON.

use clasp_protocol::{Qos, RawValue, Value};
use serde_json::{Value as Json, json};

use crate::client::Client;
use crate::support::Relay;
use crate::web::{Web, ask};

#[tokio::test]
async fn what_was_put_is_read_at_the_same_path_over_one_connection() {
    let relay = Relay::start(&[]).await;
    let mut web = Web::connect(relay.address).await;
    assert_eq!(web.get("/params/lights/1/level").await.code(), 201);
    for (revision, value) in
        [(1, "0.5"), (2, "7"), (3, "2.0"), (4, "null"), (5, "[1,{\"a\":true}]")]
    {
        assert_eq!(web.put("/params/lights/1/level", value).await, revision);
        let answer = web.get("/params/lights/1/level").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.text.contains(&format!("\"value\":{value},")), "{answer:?}");
        assert_eq!(answer.body["address"], "/lights/1/level");
        assert_eq!(answer.body["revision"], revision);
        assert!(answer.body["timestamp"].as_u64() > Some(1_600_000_000_000_000), "{answer:?}");
        assert_eq!(answer.body["writer"].as_str().map(str::len), Some(36), "{answer:?}");
        assert_eq!(answer.header("etag"), Some(&*format!("\"{revision}\"")));
    }
}

#[tokio::test]
async fn every_kind_of_value_comes_from_and_to_other_clients_unchanged() {
    let relay = Relay::start(&[]).await;
    let mut web = Web::connect(relay.address).await;
    let values = [
        (Value::Null, json!(null)),
        (Value::Bool(true), json!(true)),
        (Value::Int(i64::MIN), json!(i64::MIN)),
        (Value::Float(2.0), json!(2.0)),
        (Value::String("häß\n".into()), json!("häß\n")),
        (Value::Bytes(vec![0, 255]), json!({ "$bytes": "AP8=" })),
        (
            Value::Map(vec![
                ("b".into(), Value::Array(vec![Value::Int(1)])),
                ("a".into(), Value::Float(0.5)),
            ]),
            json!({ "b": [1], "a": 0.5 }),
        ),
    ];
    let mut client = Client::join(relay.address).await;
    client.subscribe_all().await;
    assert!(client.is_served().await);
    for (value, json) in values {
        web.put("/params/from/http", &json.to_string()).await;
        let told = client.next().await;
        let clasp_protocol::Message::Set(set) = told.message() else { panic!("{told:?}") };
        assert_eq!((&*set.address, set.value.to_value()), ("/from/http", value.clone()));

        let raw = RawValue::try_from(&value).unwrap();
        let set = clasp_protocol::message::Set::new("/from/clasp", raw);
        client.send(&clasp_protocol::Message::Set(set), Qos::Fire).await;
        client.next().await;
        let read = web.get("/params/from/clasp").await;
        assert!(read.text.contains(&format!("\"value\":{json}")), "{read:?}");
    }
}

#[tokio::test]
async fn bodies_are_what_their_content_type_says() {
    let relay = Relay::start(&[]).await;
    let mut web = Web::connect(relay.address).await;
    for (kind, body, value) in [
        ("text/plain; charset=utf-8", "0.5", json!("0.5")),
        ("text/plain", "", json!("")),
        ("application/octet-stream", "ab", json!({ "$bytes": "YWI=" })),
        ("application/vnd.x+json", "0.5", json!(0.5)),
        ("application/x-www-form-urlencoded", "[1]", json!([1])),
    ] {
        let header = format!("content-type: {kind}");
        let put = web.ask("PUT /params/a", &[&header], body).await;
        assert_eq!(put.status, 200, "{kind}: {put:?}");
        assert_eq!(web.get("/params/a").await.body["value"], value, "{kind}");
    }
    let refused = web.ask("PUT /params/a", &["content-type: image/png"], "x").await;
    assert_eq!(refused.status, 415);
}

#[tokio::test]
async fn who_knows_the_revision_is_not_told_again() {
    let relay = Relay::start(&[]).await;
    let mut web = Web::connect(relay.address).await;
    web.put("/params/a", "1").await;
    let again = web.ask("GET /params/a", &["if-none-match: \"1\""], "").await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
    assert_eq!(again.header("etag"), Some("\"1\""));
    web.put("/params/a", "2").await;
    let again = web.ask("GET /params/a", &["if-none-match: \"1\""], "").await;
    assert_eq!((again.status, &again.body["value"]), (200, &json!(2)));
}

#[tokio::test]
async fn addresses_are_percent_encoded_segments() {
    let relay = Relay::start(&[]).await;
    let mut web = Web::connect(relay.address).await;
    web.put("/params/b%C3%BChne/a%20b/50%25", "1").await;
    let answer = web.get("/params/b%C3%BChne/a%20b/50%25").await;
    assert_eq!(answer.body["address"], "/bühne/a b/50%");
    for bad in ["/params/a%2Fb", "/params/a%FF", "/params/a%2", "/params/a%00", "/params/a//b"] {
        let refused = web.get(bad).await;
        assert_eq!((refused.status, refused.code()), (400, 200), "{bad}: {refused:?}");
    }
}

#[tokio::test]
async fn pages_together_tell_each_param_once() {
    let relay = Relay::start(&[]).await;
    let mut web = Web::connect(relay.address).await;
    let all: serde_json::Map<String, Json> =
        (0..250).map(|number| (format!("/rig/{number}/level"), number.into())).collect();
    let mut body = Json::Object(all.clone());
    body["/other"] = 1.into();
    let patched = web.ask("PATCH /params", &[], &body.to_string()).await;
    assert_eq!(patched.body, json!({ "written": 251 }));
    let (mut told, mut after, mut pages) = (serde_json::Map::new(), String::new(), 0);
    loop {
        let page = web.get(&format!("/params?pattern=/rig/**&limit=99{after}")).await;
        let params = page.body["params"].as_array().unwrap_or_else(|| panic!("{page:?}"));
        for param in params {
            let address = param["address"].as_str().unwrap();
            assert!(told.insert(address.into(), param["value"].clone()).is_none(), "{param}");
        }
        pages += 1;
        match page.body["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(pages, 3);
    assert_eq!(told, all);
    assert_eq!(web.get("/params?pattern=/rig/7/*").await.body["params"][0]["value"], 7);
    assert_eq!(web.get("/params?pattern=/none/**").await.body["params"], json!([]));
    for bad in ["?limit=0", "?limit=10001", "?limit=x", "?pattern=rig", "?patern=/rig"] {
        assert_eq!(web.get(&format!("/params{bad}")).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn a_relay_that_answers_null_for_what_is_missing_says_404_here() {
    let relay = Relay::start(&["--get-missing", "null"]).await;
    let answer = ask(relay.address, "GET /params/a", &[], "").await;
    assert_eq!((answer.status, answer.code()), (404, 201));
    assert_eq!(answer.body["address"], "/a");
}

#[tokio::test]
async fn announced_signals_are_listed() {
    use clasp_protocol::message::{Announce, SignalInfo, SignalType};

    let relay = Relay::start(&[]).await;
    let mut client = Client::join(relay.address).await;
    let signal = SignalInfo {
        address: "/rig/1".into(),
        signal: SignalType::Param,
        datatype: Some("f32".into()),
        access: Some("rw".into()),
        meta: None,
    };
    let announce = Announce { namespace: "/rig".into(), signals: vec![signal], meta: None };
    client.send(&clasp_protocol::Message::Announce(announce), Qos::Confirm).await;
    client.next().await;
    let mut web = Web::connect(relay.address).await;
    let listed = web.get("/signals?pattern=/rig/*").await;
    let expected =
        json!([{ "address": "/rig/1", "type": "param", "datatype": "f32", "access": "rw" }]);
    assert_eq!(listed.body["signals"], expected);
    assert_eq!(web.get("/signals?pattern=/x").await.body["signals"], json!([]));
}

//! Writing: conditions, lifetimes, several at once, deletion, events.

use clasp_protocol::Message;
use clasp_protocol::message::SignalType;
use serde_json::json;

use crate::client::Client;
use crate::folder::Folder;
use crate::support::Relay;
use crate::web::Web;

#[tokio::test]
async fn a_write_may_expect_a_revision() {
    let relay = Relay::start(&[]).await;
    let mut web = Web::connect(relay.address).await;
    let new = ["if-none-match: *"];
    assert_eq!(web.ask("PUT /params/a", &new, "1").await.status, 200);
    let taken = web.ask("PUT /params/a", &new, "2").await;
    assert_eq!((taken.status, taken.code()), (409, 400));
    assert_eq!(taken.body["address"], "/a");
    let put = web.ask("PUT /params/a", &["if-match: \"1\""], "3").await;
    assert_eq!((put.status, put.header("etag")), (200, Some("\"2\"")));
    let late = web.ask("PUT /params/a", &["if-match: \"1\""], "4").await;
    assert_eq!(late.status, 409);
    assert_eq!(web.ask("DELETE /params/a", &["if-match: \"1\""], "").await.status, 409);
    assert_eq!(web.get("/params/a").await.body["value"], 3);
    assert_eq!(web.ask("PUT /params/a", &["if-match: *"], "4").await.status, 501);
    assert_eq!(web.ask("PUT /params/a", &["if-match: 1"], "4").await.status, 400);
}

#[tokio::test]
async fn deletion_sets_null_and_everybody_hears_it() {
    let relay = Relay::start(&[]).await;
    let mut web = Web::connect(relay.address).await;
    web.put("/params/a", "1").await;
    let mut client = Client::join(relay.address).await;
    client.subscribe_all().await;
    client.next().await;
    let deleted = web.ask("DELETE /params/a", &[], "").await;
    assert_eq!(deleted.body, json!({ "address": "/a", "revision": 2 }));
    let told = client.next().await;
    let Message::Set(set) = told.message() else { panic!("{told:?}") };
    assert_eq!(set.value.to_value(), clasp_protocol::Value::Null);
    assert_eq!(web.get("/params/a").await.body["value"], json!(null));
}

#[tokio::test]
async fn a_value_lives_as_long_as_its_writer_wants() {
    use clasp_protocol::message::Ttl;

    let relay = Relay::start(&[]).await;
    let mut web = Web::connect(relay.address).await;
    let mut client = Client::join(relay.address).await;
    client.subscribe_all().await;
    assert!(client.is_served().await);
    for (query, ttl) in [
        ("?ttl=60", Ttl::Sliding(60)),
        ("?ttl=60&absolute", Ttl::Absolute(60)),
        ("?ttl=0", Ttl::Never),
    ] {
        web.put(&format!("/params/a{query}"), "1").await;
        let told = client.next().await;
        let Message::Set(set) = told.message() else { panic!("{told:?}") };
        assert_eq!(set.ttl, Some(ttl), "{query}");
    }
    for bad in ["?absolute", "?ttl=-1", "?ttl=4000000000", "?ttl=1&absolute=x", "?tll=1"] {
        let refused = web.ask(&format!("PUT /params/a{bad}"), &[], "1").await;
        assert_eq!(refused.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn several_params_are_written_together_or_not_at_all() {
    let relay = Relay::start(&[]).await;
    let mut web = Web::connect(relay.address).await;
    web.put("/params/a", "1").await;
    let list = json!([
        { "address": "/b", "value": 2 },
        { "address": "/a", "value": 2, "revision": 7 },
    ]);
    let refused = web.ask("PATCH /params", &[], &list.to_string()).await;
    assert_eq!((refused.status, refused.code()), (409, 400));
    assert_eq!(web.get("/params/b").await.status, 404);
    let list = json!([
        { "address": "/b", "value": 2, "ttl": 60 },
        { "address": "/a", "value": 2, "revision": 1 },
    ]);
    let written = web.ask("PATCH /params", &[], &list.to_string()).await;
    assert_eq!(written.body, json!({ "written": 2 }));
    assert_eq!(web.get("/params/a").await.body["value"], 2);
    for bad in ["{}", "[]", "1", "{\"a\": 1}", "[{\"address\": \"/a\"}]", "{"] {
        assert_eq!(web.ask("PATCH /params", &[], bad).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn events_streams_and_gestures_are_heard() {
    let relay = Relay::start(&[]).await;
    let mut web = Web::connect(relay.address).await;
    let mut client = Client::join(relay.address).await;
    client.subscribe_all().await;
    assert!(client.is_served().await);
    for (query, body, signal) in [
        ("", "", SignalType::Event),
        ("", "{\"note\":60}", SignalType::Event),
        ("?type=stream", "0.25", SignalType::Stream),
        ("?type=gesture&id=7&phase=start", "[0.5,0.5]", SignalType::Gesture),
    ] {
        let posted = web.ask(&format!("POST /events/cue/go{query}"), &[], body).await;
        assert_eq!(posted.body, json!({ "address": "/cue/go" }), "{query}");
        let told = client.next().await;
        let Message::Publish(publish) = told.message() else { panic!("{told:?}") };
        assert_eq!((&*publish.address, publish.signal), ("/cue/go", Some(signal)));
        assert_eq!(publish.value.is_some(), !body.is_empty(), "{query}");
        assert_eq!(publish.id, (signal == SignalType::Gesture).then_some(7));
    }
    for bad in ["?type=param", "?type=gesture", "?phase=start", "?type=gesture&phase=x"] {
        let refused = web.ask(&format!("POST /events/a{bad}"), &[], "").await;
        assert_eq!(refused.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn a_write_that_is_answered_durable_survives_a_kill() {
    let folder = Folder::new();
    let journal = folder.file("journal.db");
    let relay = Relay::start(&["--journal", &journal]).await;
    let mut web = Web::connect(relay.address).await;
    let put = web.ask("PUT /params/a?qos=2", &[], "42").await;
    assert_eq!(put.status, 200, "{put:?}");
    relay.signal("KILL").await;
    relay.end().await;
    let relay = Relay::start(&["--journal", &journal]).await;
    let mut web = Web::connect(relay.address).await;
    let read = web.get("/params/a").await;
    assert_eq!((&read.body["value"], &read.body["revision"]), (&json!(42), &json!(1)));
}

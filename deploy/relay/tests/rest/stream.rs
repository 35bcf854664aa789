//! Subscriptions as server-sent events.

use serde_json::json;

use crate::client::Client;
use crate::support::Relay;
use crate::web::{Stream, Web, ask};

#[tokio::test]
async fn a_stream_begins_with_the_state_and_goes_on_with_news() {
    let relay = Relay::start(&[]).await;
    let mut web = Web::connect(relay.address).await;
    web.put("/params/rig/1", "0.5").await;
    web.put("/params/other", "1").await;
    let path = "/subscribe?pattern=/rig/**";
    let mut stream = Web::connect(relay.address).await.stream(path, &[]).await;
    let state = stream.next().await;
    assert_eq!(state.name, "message");
    assert_eq!(state.data["type"], "param");
    assert_eq!((&state.data["value"], &state.data["revision"]), (&json!(0.5), &json!(1)));
    assert_eq!(state.data["state"], true);
    let ready = stream.next().await;
    assert_eq!((&*ready.name, &ready.data["resumed"]), ("ready", &json!(false)));
    assert_eq!(ready.data["session"].as_str().map(str::len), Some(36));

    let mut client = Client::join(relay.address).await;
    client.set("/rig/1", 7).await;
    assert_eq!(stream.news().await, ("/rig/1".into(), json!(7)));
    web.ask("POST /events/rig/go", &[], "").await;
    let event = stream.next().await.data;
    assert_eq!((&event["type"], &event["value"]), (&json!("event"), &json!(null)));
    web.ask("DELETE /params/rig/1", &[], "").await;
    assert_eq!(stream.news().await, ("/rig/1".into(), json!(null)));
    assert_eq!(stream.id, None, "without a journal there is no position");
}

#[tokio::test]
async fn types_and_several_patterns_narrow_a_stream() {
    let relay = Relay::start(&[]).await;
    let mut web = Web::connect(relay.address).await;
    let path = "/events?pattern=/a/*&pattern=/b&types=event,gesture";
    let mut stream = Web::connect(relay.address).await.stream(path, &[]).await;
    assert_eq!(stream.next().await.name, "ready");
    web.put("/params/a/1", "1").await;
    web.ask("POST /events/c", &[], "1").await;
    web.ask("POST /events/a/1", &[], "2").await;
    web.ask("POST /events/b?type=gesture&phase=start&id=3", &[], "3").await;
    assert_eq!(stream.news().await, ("/a/1".into(), json!(2)));
    let gesture = stream.next().await.data;
    assert_eq!((&gesture["id"], &gesture["phase"]), (&json!(3), &json!("start")));
}

#[tokio::test]
async fn what_cannot_be_subscribed_to_is_an_answer() {
    let relay = Relay::start(&[]).await;
    for bad in ["", "?pattern=rig", "?pattern=/a&types=cue", "?pattern=/a&max_rate=x", "?x=1"] {
        let refused = ask(relay.address, &format!("GET /subscribe{bad}"), &[], "").await;
        assert_eq!(refused.status, 400, "{bad}: {refused:?}");
        assert!(refused.code() == 101 || refused.code() == 202, "{refused:?}");
    }
}

#[tokio::test]
async fn a_stream_is_a_session_and_ends_with_its_connection() {
    let relay = Relay::start(&["--max-sessions", "1"]).await;
    let stream = Stream::of(relay.address, "/**").await;
    let refused = ask(relay.address, "GET /subscribe?pattern=/**", &[], "").await;
    assert_eq!((refused.status, refused.code()), (503, 501));
    drop(stream);
    // The relay notices the end of the connection when it does.
    loop {
        let mut web = Web::connect(relay.address).await;
        if web.get("/params").await.status == 200 {
            break;
        }
    }
}

#[tokio::test]
async fn streams_end_when_the_relay_drains() {
    let relay = Relay::start(&[]).await;
    let mut stream = Stream::of(relay.address, "/**").await;
    relay.signal("TERM").await;
    let closed = stream.next().await;
    assert_eq!((&*closed.name, &closed.data["code"]), ("closed", &json!(501)));
    assert!(stream.next_or_end().await.is_none());
    assert_eq!(relay.end().await.0, Some(0));
}

#[tokio::test]
async fn who_does_not_read_disturbs_nobody() {
    let relay = Relay::start(&[]).await;
    let _deaf = Stream::of(relay.address, "/rig/**").await;
    let mut other = Stream::of(relay.address, "/rig/**").await;
    let mut web = Web::connect(relay.address).await;
    let large = format!("\"{}\"", "x".repeat(60_000));
    for number in 0..400 {
        let posted = web.ask("POST /events/rig/1", &[], &large).await;
        assert_eq!(posted.status, 200);
        assert_eq!(other.news().await.0, "/rig/1", "{number}");
    }
}

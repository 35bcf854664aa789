//! The pages about sessions, on a router with clients in memory.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::http::Request;
use clasp_auth::{AdminToken, Chain, Quota};
use clasp_http::bearer::Access;
use clasp_protocol::message::{Features, Hello, Subscribe};
use clasp_protocol::{Message, Qos, codec};
use clasp_router::{
    Close, Config, Connection, Flow, Framing, LinkInfo, Manners, Now, Ports, Router,
};
use clasp_router::{Taken, Wake};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower_service::Service as _;

const ADMIN: &str = "the-token-of-an-operator";

struct Deaf;

impl Wake for Deaf {
    fn wake(self: Arc<Self>) {}
}

fn now() -> Now {
    Now::new(1_750_000_000_500_000, 60_000_000)
}

fn send(connection: &mut Connection, message: &Message<'_>) -> Flow {
    let mut bytes = Vec::new();
    codec::encode(message, Qos::Fire, &mut bytes).unwrap();
    connection.receive(&bytes, now())
}

fn join(router: &Arc<Router>, name: &str, remote: &str) -> Connection {
    let remote = remote.parse().unwrap();
    let link = LinkInfo {
        framing: Framing::Bare,
        remote,
        transport: "websocket",
        manners: Manners::Clasp,
    };
    let mut connection = router.connect(link, Arc::new(Deaf), now());
    let features = Features::default();
    let hello = Hello { version: 1, features, name: name.into(), token: None };
    assert_eq!(send(&mut connection, &Message::Hello(hello)), Flow::Continue);
    connection
}

fn router() -> Arc<Router> {
    let router = Router::new(Config::default(), Ports::default()).unwrap();
    router.tick(now());
    router
}

async fn ask(router: &Arc<Router>, method: &str, path: &str) -> (u16, Value) {
    let admin = Arc::new(AdminToken::new(ADMIN).unwrap());
    let access = Access::new(Arc::new(Chain::new(vec![admin], None)), Quota::per_seconds(0, 1));
    let pages = clasp_http::sessions::section(Arc::clone(router)).pages;
    let request = Request::builder().method(method).uri(path);
    let request = request.header("authorization", format!("Bearer {ADMIN}"));
    let request = request.body(Body::empty()).unwrap();
    let response = pages.layer(Extension(Arc::new(access))).call(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

#[tokio::test]
async fn sessions_are_listed_in_the_order_in_which_they_came() {
    let router = router();
    let mut desk = join(&router, "Desk\n7", "192.0.2.1:5000");
    let _tablet = join(&router, "Tablet", "192.0.2.2:0");
    let subscribe = Subscribe { id: 1, pattern: "/a/*".into(), types: 0xff, options: None };
    send(&mut desk, &Message::Subscribe(subscribe));

    let (status, list) = ask(&router, "GET", "/api/sessions").await;
    assert_eq!((status, &list["total"], &list["limit"]), (200, &json!(2), &json!(100)));
    let queued = list["sessions"][0]["queued_bytes"].as_u64().unwrap();
    assert!(queued > 0, "WELCOME has not been read: {list}");
    let expected = json!({
        "id": desk.session_id().unwrap(),
        "subject": null,
        "name": "Desk7",
        "address": "192.0.2.1:5000",
        "transport": "websocket",
        "credential": null,
        "connected_at": 1_750_000_000,
        "subscriptions": 1,
        "messages_in": 1,
        "queued_bytes": queued,
    });
    assert_eq!(list["sessions"][0], expected);
    assert_eq!(list["sessions"][1]["address"], "192.0.2.2", "no port where none is known");
}

#[tokio::test]
async fn a_list_is_told_in_parts() {
    let router = router();
    let clients: Vec<_> =
        (0..5).map(|number| join(&router, &number.to_string(), "192.0.2.1:1")).collect();
    let (_, list) = ask(&router, "GET", "/api/sessions?offset=3&limit=10").await;
    let names: Vec<_> = list["sessions"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!((&list["total"], names), (&json!(clients.len()), vec![&json!("3"), &json!("4")]));
    let (_, list) = ask(&router, "GET", "/api/sessions?offset=9&limit=0").await;
    assert_eq!((&list["total"], &list["sessions"]), (&json!(5), &json!([])));
    for bad in ["limit=1001", "limit=all", "offset=-1", "page=2"] {
        let (status, answer) = ask(&router, "GET", &format!("/api/sessions?{bad}")).await;
        assert_eq!(status, 400, "{bad}");
        assert!(answer["error"].is_string(), "{bad}: {answer}");
    }
}

#[tokio::test]
async fn a_session_that_is_ended_is_told_why() {
    let router = router();
    let mut desk = join(&router, "Desk", "192.0.2.1:5000");
    let mut other = join(&router, "Other", "192.0.2.1:5001");
    let path = format!("/api/sessions/{}", desk.session_id().unwrap());
    let (status, shown) = ask(&router, "GET", &path).await;
    assert_eq!((status, &shown["name"]), (200, &json!("Desk")));
    let (status, answer) = ask(&router, "DELETE", &format!("{path}?reason=show%20is%20over")).await;
    assert_eq!((status, &answer["ended"]), (200, &json!(true)));

    let mut bytes = Vec::new();
    let close = loop {
        match desk.outbox().take(&mut bytes) {
            Taken::Close(close) => break close,
            Taken::Empty => panic!("no close"),
            Taken::Pull => desk.pull(now()),
            Taken::Bytes => {}
        }
    };
    assert_eq!(close, Close { told: true, ..Close::new(1008, "show is over") });
    assert_eq!(send(&mut desk, &Message::Ping), Flow::Closing);
    assert_eq!(send(&mut other, &Message::Ping), Flow::Continue);
    drop(desk);
    assert_eq!(ask(&router, "GET", &path).await.0, 404);
    assert_eq!(ask(&router, "DELETE", &path).await.0, 404);
}

#[tokio::test]
async fn a_reason_has_to_fit_a_close() {
    let router = router();
    let desk = join(&router, "Desk", "192.0.2.1:5000");
    let path = format!("/api/sessions/{}?reason=", desk.session_id().unwrap());
    let (status, _) = ask(&router, "DELETE", &(path.clone() + &"x".repeat(124))).await;
    assert_eq!(status, 400);
    let (status, _) = ask(&router, "DELETE", &(path + &"x".repeat(123))).await;
    assert_eq!(status, 200);
}

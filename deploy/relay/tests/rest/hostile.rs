//! Requests that mean no good, or are none.

use std::fmt::Write as _;

use crate::support::Relay;
use crate::web::{Web, ask};

#[tokio::test]
async fn large_bodies_are_refused_and_large_values_too() {
    let relay = Relay::start(&[]).await;
    let body = format!("\"{}\"", "x".repeat(300 << 10));
    let refused = ask(relay.address, "PUT /params/a", &[], &body).await;
    assert_eq!((refused.status, refused.code()), (413, 402));
    let body = format!("\"{}\"", "x".repeat(65_600));
    let refused = ask(relay.address, "PUT /params/a", &[], &body).await;
    assert_eq!((refused.status, refused.code()), (413, 402), "{refused:?}");
    let body = format!("\"{}\"", "x".repeat(65_500));
    let refused = ask(relay.address, "PUT /params/a", &[], &body).await;
    assert_eq!((refused.status, refused.code()), (413, 402), "no room for the address");
    let many = (0..3_000).fold(String::new(), |mut text, number| {
        write!(text, "\"/a/{number}\":\"{number:030}\",").unwrap();
        text
    });
    let body = format!("{{{many}\"/b\":1}}");
    let refused = ask(relay.address, "PATCH /params", &[], &body).await;
    assert!([400, 413].contains(&refused.status), "{refused:?}");
    // A length that is announced and never sent is not waited for.
    let mut web = Web::connect(relay.address).await;
    web.write(b"PUT /api/v1/params/a HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n")
        .await;
    assert_eq!(web.answer().await.status, 413);
}

#[tokio::test]
async fn deep_values_are_refused() {
    let relay = Relay::start(&[]).await;
    let mut web = Web::connect(relay.address).await;
    for depth in [33, 127, 129, 60_000] {
        let body = [&*"[".repeat(depth), &*"]".repeat(depth)].concat();
        let refused = web.ask("PUT /params/a", &[], &body).await;
        assert!([400, 413].contains(&refused.status), "{depth}: {refused:?}");
    }
    assert_eq!(web.put("/params/a", &["[".repeat(32), "]".repeat(32)].concat()).await, 1);
}

#[tokio::test]
async fn bodies_that_are_no_json_are_refused() {
    let relay = Relay::start(&[]).await;
    let mut web = Web::connect(relay.address).await;
    for body in ["", "{", "nul", "1 2", "1e999", "\"\\ud800\"", "{\"a\":1,}"] {
        let refused = web.ask("PUT /params/a", &[], body).await;
        assert_eq!((refused.status, refused.code()), (400, 101), "{body}: {refused:?}");
    }
    let bytes = b"PUT /api/v1/params/a HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\n\"\xff\"";
    web.write(bytes).await;
    assert_eq!(web.answer().await.status, 400);
    assert_eq!(web.put("/params/a", "1").await, 1);
}

#[tokio::test]
async fn heads_beyond_the_limit_and_what_is_no_http_end_their_connection_only() {
    let relay = Relay::start(&[]).await;
    let mut web = Web::connect(relay.address).await;
    for start in [
        format!("GET /api/v1/params/a HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(20_000)),
        format!("GET /api/v1/params/{} HTTP/1.1\r\nhost: x\r\n\r\n", "a/".repeat(10_000)),
        format!("GET /api/v1/params/a HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(3_000)),
        "GET /api/v1/params/a HTTP/9\r\n\r\n".into(),
        "PUT /api/v1/params/a HTTP/1.1\r\ncontent-length: -1\r\n\r\n".into(),
    ] {
        let mut bad = Web::connect(relay.address).await;
        bad.write(start.as_bytes()).await;
        assert!(bad.answer().await.status >= 400);
        assert!(bad.is_closed().await);
    }
    assert_eq!(web.put("/params/a", "1").await, 1);
}

#[tokio::test]
async fn a_body_that_never_comes_holds_up_nobody() {
    let relay = Relay::start(&[]).await;
    let mut slow = Web::connect(relay.address).await;
    slow.write(b"PUT /api/v1/params/a HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n1").await;
    let mut web = Web::connect(relay.address).await;
    assert_eq!(web.put("/params/a", "1").await, 1);
    assert_eq!(slow.answer().await.status, 408);
    assert!(slow.is_closed().await);
}

#[tokio::test]
async fn methods_and_pages_that_do_not_exist_are_told_apart() {
    let relay = Relay::start(&[]).await;
    let mut web = Web::connect(relay.address).await;
    let wrong = web.ask("POST /params/a", &[], "1").await;
    assert_eq!((wrong.status, wrong.code()), (405, 101));
    assert_eq!(wrong.header("allow"), Some("GET,HEAD,PUT,DELETE"));
    let absent = web.get("/nothing").await;
    assert_eq!((absent.status, absent.code()), (404, 404));
    assert_eq!(web.get("/params/").await.status, 404);
}

//! Plain HTTP on the WebSocket port.

use std::sync::atomic::Ordering;

use crate::support::Relay;

async fn ask(relay: &Relay, request: &str) -> (String, String) {
    let mut raw = relay.raw().await;
    raw.write(request.as_bytes()).await;
    let head = raw.head().await;
    assert!(head.contains("connection: close"), "{head}");
    (head, String::from_utf8(raw.rest().await).unwrap())
}

#[tokio::test]
async fn any_path_says_ok_and_the_connection_is_closed() {
    let relay = Relay::start().await;
    for request in [
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /any/path HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n",
        "OPTIONS /x HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
        "POST /x HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n",
    ] {
        let (head, body) = ask(&relay, request).await;
        assert!(head.starts_with("http/1.1 200"), "{request}: {head}");
        assert!(head.contains("content-type: text/plain"), "{request}: {head}");
        assert_eq!(body, "ok\n", "{request}");
    }
}

#[tokio::test]
async fn head_has_no_body() {
    let relay = Relay::start().await;
    let (head, body) = ask(&relay, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(head.starts_with("http/1.1 200") && body.is_empty(), "{head}{body}");
}

#[tokio::test]
async fn a_large_unread_body_does_not_lose_the_answer() {
    let relay = Relay::start().await;
    let body = "x".repeat(100_000);
    let request = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{body}");
    assert_eq!(ask(&relay, &request).await.1, "ok\n");
}

#[tokio::test]
async fn readyz_follows_the_readiness() {
    let relay = Relay::start().await;
    let request = "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n";
    let (head, body) = ask(&relay, request).await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert_eq!(body, "ready\n");
    relay.ready.store(false, Ordering::Relaxed);
    let (head, body) = ask(&relay, request).await;
    assert!(head.starts_with("http/1.1 503"), "{head}");
    assert_eq!(body, "not ready\n");
}

#[tokio::test]
async fn other_methods_are_told_the_allowed_ones() {
    let relay = Relay::start().await;
    for method in ["PUT", "DELETE", "PATCH", "BREW"] {
        let (head, _) = ask(&relay, &format!("{method} / HTTP/1.1\r\nHost: x\r\n\r\n")).await;
        assert!(head.starts_with("http/1.1 405"), "{method}: {head}");
        assert!(head.contains("allow: get, head, post, options"), "{method}: {head}");
    }
}

#[tokio::test]
async fn a_probe_that_says_nothing_disturbs_nobody() {
    let relay = Relay::start().await;
    drop(relay.raw().await);
    relay.raw().await.write(b"\x16\x03\x01\x02\x00garbage\r\n\r\n").await;
    relay.join().await;
}

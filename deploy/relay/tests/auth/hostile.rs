//! Requests and sessions of somebody who means ill.

use clasp_protocol::message::{Features, Hello, Set, Subscribe};
use clasp_protocol::{Message, Qos, RawValue};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::api::{Api, HEX, credentials, hello, join, put_admin_token, refusal, start};
use crate::client::{Client, Event};
use crate::folder::Folder;
use crate::support::soon;

/// Sends these bytes; what comes back until the relay closes.
async fn exchange(api: Api, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(api.address()).await.unwrap();
    let mut answer = Vec::new();
    let talk = async {
        // The relay may close before it has read all of it.
        let _ = stream.write_all(bytes).await;
        let _ = stream.read_to_end(&mut answer).await;
    };
    soon("the end of a conversation", talk).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn login(body: &[u8], headers: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST /auth/login HTTP/1.1\r\nhost: relay\r\n{headers}content-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

#[tokio::test]
async fn malformed_requests_are_refused_and_the_next_one_is_served() {
    let folder = Folder::new();
    let (_relay, api) = start(&folder, &[]).await;
    let deep = [b"{\"a\":".repeat(5000), b"1".to_vec(), b"}".repeat(5000)].concat();
    let bodies: [&[u8]; 7] = [
        &b"[".repeat(6000),
        &deep,
        b"{\"username\":\"\xff\xfe\",\"password\":\"secret123\"}",
        b"{\"username\":\"\\ud800\",\"password\":\"secret123\"}",
        b"{\"username\":\"a\",\"username\":\"alice\",\"password\":\"secret123\"}",
        b"{\"username\":5,\"password\":[]}",
        &b" ".repeat(1 << 20),
    ];
    for body in bodies {
        let answer = exchange(api, &login(body, "connection: close\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(answer.contains("{\"error\":"), "{answer}");
    }
    let heads = [
        format!("GET /auth/me HTTP/1.1\r\nhost: relay\r\nx: {}\r\n\r\n", "a".repeat(1 << 20)),
        format!("GET /auth/me HTTP/1.1\r\nhost: relay\r\n{}\r\n", "x: a\r\n".repeat(1 << 14)),
        format!("GET /{} HTTP/1.1\r\nhost: relay\r\n\r\n", "a".repeat(1 << 20)),
    ];
    for head in heads {
        let answer = exchange(api, head.as_bytes()).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    let two_lengths = login(b"abcd", "connection: close\r\ncontent-length: 5\r\n");
    assert!(exchange(api, &two_lengths).await.starts_with("HTTP/1.1 400 "));
    api.register("alice").await;
}

#[tokio::test]
async fn a_request_cannot_be_hidden_in_the_body_of_another() {
    let folder = Folder::new();
    let (_relay, api) = start(&folder, &[]).await;
    let hidden = b"0\r\n\r\nGET /healthz HTTP/1.1\r\nhost: relay\r\nconnection: close\r\n\r\n";
    let answer = exchange(api, &login(hidden, "transfer-encoding: chunked\r\n")).await;
    assert!(!answer.contains(" 200 OK"), "{answer}");
}

#[tokio::test]
async fn guesses_in_one_breath_count_one_by_one() {
    let folder = Folder::new();
    let (_relay, api) = start(&folder, &[]).await;
    api.register("alice").await;
    let guess = credentials("alice", "wrong-one").to_string();
    let end = b"GET /healthz HTTP/1.1\r\nhost: relay\r\nconnection: close\r\n\r\n";
    let breath = [login(guess.as_bytes(), "").repeat(30), end.to_vec()].concat();
    let answer = exchange(api, &breath).await;
    let count = |status: &str| answer.matches(status).count();
    assert_eq!((count("HTTP/1.1 401 "), count("HTTP/1.1 429 ")), (5, 25), "{answer}");
}

/// How many of eight requests at the same time succeed.
async fn winners(api: Api, path: &'static str, body: &Value) -> usize {
    let mut requests = JoinSet::new();
    for _ in 0..8 {
        let body = body.clone();
        requests.spawn(async move { api.post(path, &body).await.status });
    }
    let statuses = requests.join_all().await;
    assert!(statuses.iter().all(|status| [200, 409].contains(status)), "{statuses:?}");
    statuses.iter().filter(|status| **status == 200).count()
}

#[tokio::test]
async fn of_those_who_ask_for_one_identity_at_the_same_time_one_gets_it() {
    let folder = Folder::new();
    let (_relay, api) = start(&folder, &[]).await;
    assert_eq!(winners(api, "/auth/register", &credentials("alice", "secret123")).await, 1);
    assert_eq!(winners(api, "/auth/guest", &json!({ "user_id": "victim-1" })).await, 1);
}

#[tokio::test]
async fn a_token_in_an_address_opens_nothing_and_is_not_logged() {
    let folder = Folder::new();
    let (relay, api) = start(&folder, &["--log-level", "trace"]).await;
    let token = api.register("alice").await;
    for name in ["token", "access_token", "authorization"] {
        let answer = api.get(&format!("/auth/me?{name}={token}"), "").await;
        assert_eq!(answer.status, 401, "{answer:?}");
    }
    let (_, log) = relay.stop().await;
    assert!(!log.iter().any(|line| line.contains(&token[5..])), "{log:#?}");
}

#[tokio::test]
async fn a_token_that_ends_during_hello_leaves_no_session() {
    let folder = Folder::new();
    let (relay, api) = start(&folder, &[]).await;
    for _ in 0..8 {
        let token = api.guest().await;
        let ending = {
            let token = token.clone();
            tokio::spawn(async move { api.ask("POST /auth/logout", &token, &Value::Null).await })
        };
        let (mut client, mut event) = hello(relay.address, Some(&token)).await;
        assert_eq!(ending.await.unwrap().status, 200);
        while !matches!(event, Event::Close(1008, _)) {
            assert!(matches!(event, Event::Frame(_)), "{event:?}");
            event = client.next().await;
        }
    }
}

/// The code of the ERROR that answers a message, if one does.
async fn error(client: &mut Client, message: &Message<'_>) -> Option<u16> {
    client.send(message, Qos::Fire).await;
    client.send(&Message::Ping, Qos::Fire).await;
    let mut code = None;
    loop {
        match client.next().await.message() {
            Message::Pong => return code,
            Message::Error(error) => code = Some(error.code),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_second_hello_brings_no_further_rights() {
    let folder = Folder::new();
    put_admin_token(&folder);
    let (relay, api) = start(&folder, &["--admin-token", "admin.token"]).await;
    let mut guest = join(relay.address, &api.guest().await).await;
    let (name, token) = ("test".into(), Some(HEX.into()));
    let hello = Hello { version: 1, features: Features::RELAY, name, token };
    assert_eq!(error(&mut guest, &Message::Hello(hello)).await, Some(101));
    let write = Message::Set(Set::new("/a", RawValue::int(1)));
    assert_eq!(error(&mut guest, &write).await, Some(301));
}

#[tokio::test]
async fn addresses_and_patterns_that_look_alike_are_not_alike() {
    let folder = Folder::new();
    let (relay, api) = start(&folder, &[]).await;
    api.register("alice").await;
    let narrow = json!({
        "username": "alice", "password": "secret123", "scopes": ["read:/a/*", "write:/a/b"],
    });
    let answer = api.post("/auth/login", &narrow).await;
    let mut session = join(relay.address, answer.text("token")).await;
    let patterns = [
        ("/a/*", None),
        ("/a/b", None),
        ("/a", Some(301)),
        ("/a/**", Some(301)),
        ("/*/b", Some(301)),
        ("/A/*", Some(301)),
        ("/**", Some(301)),
    ];
    for (pattern, code) in patterns {
        let subscribe = Subscribe { id: 1, pattern: pattern.into(), types: 0xff, options: None };
        let told = error(&mut session, &Message::Subscribe(subscribe)).await;
        assert_eq!(told, code, "{pattern}");
    }
    let addresses = [
        ("/a/b", None),
        ("/a/b/c", Some(301)),
        ("/a/*", Some(301)),
        ("/a/x/../b", Some(301)),
        ("/a/./b", Some(301)),
        ("/a//b", Some(200)),
        ("/a/b/", Some(200)),
        ("/a/\u{ff42}", Some(301)),
    ];
    for (address, code) in addresses {
        let set = Message::Set(Set::new(address, RawValue::int(1)));
        assert_eq!(error(&mut session, &set).await, code, "{address}");
    }
}

#[tokio::test]
async fn who_has_left_is_nobody_any_more_and_nobody_else_either() {
    let folder = Folder::new();
    let (relay, api) = start(&folder, &[]).await;
    let token = api.register("alice").await;
    let id = api.get("/auth/me", &token).await.text("user_id").to_owned();
    let password = json!({ "password": "secret123" });
    assert_eq!(api.ask("DELETE /auth/account", &token, &password).await.status, 200);
    assert_eq!(relay.stop().await.0, Some(0));
    let (relay, api) = start(&folder, &[]).await;
    assert_eq!(api.get("/auth/me", &token).await.status, 401);
    assert_eq!(refusal(relay.address, Some(&token)).await, 300);
    assert_eq!(api.post("/auth/guest", &json!({ "user_id": id })).await.status, 409);
    let again = json!({ "username": "alice", "password": "secret123", "user_id": id });
    assert_eq!(api.post("/auth/register", &again).await.status, 409);
    api.register("alice").await;
}

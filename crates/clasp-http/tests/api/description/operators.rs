//! What operators ask of the registry, the journal and the sessions, in every way that is answered
//! differently.

use std::sync::Arc;

use clasp_protocol::message::{Features, Hello, Set};
use clasp_protocol::{Message, Qos, RawValue, codec};
use clasp_router::{Connection, Framing, LinkInfo, Manners, Wake};

use super::Walk;
use crate::support::{ADMIN, Desk, now};

const KEY: &str = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8";
const ID: &str = "clasp:SzW383y2F1hUUW5tt2vBi";

/// Asks with a bad token and with one that is not enough.
async fn refused(desk: &Desk, lines: &[&'static str], walk: &mut Walk) {
    let user = desk.guest().await;
    for line in lines {
        let asked = line.replace("{id}", ID);
        for token in ["cpsk_no", &user] {
            walk.push((line, desk.with(token, &asked, r#"{"status":"revoked"}"#).await));
        }
    }
}

pub(crate) async fn entities(desk: &Desk, bare: &Desk, walk: &mut Walk) {
    let lamp = format!(r#"{{"type":"device","name":"lamp","public_key":"{KEY}"}}"#);
    let owner = desk.user("olga").await;
    desk.with(&owner, "POST /auth/register", r#"{"name":"cam","scopes":[]}"#).await;
    let requests = [
        ("POST /api/entities", &lamp[..]),
        ("POST /api/entities", &lamp),
        ("POST /api/entities", r#"{"type":"user","name":"u","metadata":{"a":"b"}}"#),
        ("POST /api/entities", r#"{"type":"robot","name":"u"}"#),
        ("POST /api/entities", "{}"),
        ("GET /api/entities", ""),
        ("GET /api/entities/{id}", ""),
        ("POST /api/entities/{id}/token", ""),
        ("POST /api/entities/{id}/token", r#"{"keypair_hex":"no"}"#),
        ("POST /api/entities/{id}/token", "[]"),
        ("PUT /api/entities/{id}/status", r#"{"status":"revoked"}"#),
        ("PUT /api/entities/{id}/status", r#"{"status":"active"}"#),
        ("PUT /api/entities/{id}/status", r#"{"status":"gone"}"#),
        ("PUT /api/entities/{id}/status", "{}"),
        ("DELETE /api/entities/{id}", ""),
        ("DELETE /api/entities/{id}", ""),
        ("GET /api/entities/{id}", ""),
        ("PUT /api/entities/{id}/status", r#"{"status":"active"}"#),
        ("POST /api/entities/{id}/token", ""),
        ("GET /api/trust-anchors", ""),
        ("POST /api/capabilities/revoke", r#"{"nonce":"n-1"}"#),
        ("POST /api/capabilities/revoke", r#"{"nonce":"n 1"}"#),
        ("POST /api/capabilities/revoke", "{}"),
    ];
    for (line, body) in requests {
        walk.push((line, desk.with(ADMIN, &line.replace("{id}", ID), body).await));
    }
    for line in ["GET /api/entities/{id}", "DELETE /api/entities/{id}"] {
        walk.push((line, desk.with(ADMIN, &line.replace("{id}", "xyz"), "").await));
    }
    walk.push(("GET /api/entities", desk.with(ADMIN, "GET /api/entities?limit=-1", "").await));
    walk.push(("GET /api/entities", desk.with(&owner, "GET /api/entities", "").await));
    for line in ["GET /api/entities", "POST /api/entities"] {
        walk.push((line, bare.with(ADMIN, line, &lamp).await));
    }
    let guarded = [
        "POST /api/entities",
        "GET /api/entities",
        "GET /api/entities/{id}",
        "DELETE /api/entities/{id}",
        "PUT /api/entities/{id}/status",
        "POST /api/entities/{id}/token",
        "POST /api/capabilities/revoke",
    ];
    refused(desk, &guarded, walk).await;
}

pub(crate) async fn journal(desk: &Desk, bare: &Desk, walk: &mut Walk) {
    let mut client = join(desk);
    send(&mut client, &Message::Set(Set::new("/a", RawValue::int(1))));
    send(&mut client, &Message::Set(Set::new("/b", RawValue::bytes(&[1]).unwrap())));
    let lines = [
        ("GET /api/journal/latest", "GET /api/journal/latest"),
        ("GET /api/journal/query", "GET /api/journal/query?deletions=true"),
        ("GET /api/journal/since", "GET /api/journal/since?seq=1"),
        ("GET /api/journal/snapshot", "GET /api/journal/snapshot"),
        ("GET /api/journal/query", "GET /api/journal/query?limit=-1"),
        ("GET /api/journal/since", "GET /api/journal/since"),
    ];
    for (described, line) in lines {
        walk.push((described, desk.with(ADMIN, line, "").await));
    }
    for (described, line) in &lines[..4] {
        walk.push((described, bare.with(ADMIN, line, "").await));
    }
    let guarded: Vec<&str> = lines[..4].iter().map(|(described, _)| *described).collect();
    refused(desk, &guarded, walk).await;
}

pub(crate) async fn sessions(desk: &Desk, walk: &mut Walk) {
    let client = join(desk);
    let id = client.session_id().unwrap();
    let own = ["GET /api/sessions/{id}", "DELETE /api/sessions/{id}"];
    for line in own {
        walk.push((line, desk.with(ADMIN, &line.replace("{id}", id), "").await));
        walk.push((line, desk.with(ADMIN, line, "").await));
    }
    let long = format!("DELETE /api/sessions/{id}?reason={}", "x".repeat(124));
    walk.push((own[1], desk.with(ADMIN, &long, "").await));
    for line in ["GET /api/sessions", "GET /api/sessions?limit=many"] {
        walk.push(("GET /api/sessions", desk.with(ADMIN, line, "").await));
    }
    refused(desk, &["GET /api/sessions", own[0], own[1]], walk).await;
}

struct Deaf;

impl Wake for Deaf {
    fn wake(self: Arc<Self>) {}
}

/// A session in memory.
fn join(desk: &Desk) -> Connection {
    let remote = "192.0.2.1:5000".parse().unwrap();
    let link = LinkInfo {
        framing: Framing::Bare,
        remote,
        transport: "websocket",
        manners: Manners::Clasp,
    };
    let mut connection = desk.relay.connect(link, Arc::new(Deaf), now());
    let hello =
        Hello { version: 1, features: Features::default(), name: "test".into(), token: None };
    send(&mut connection, &Message::Hello(hello));
    connection
}

fn send(connection: &mut Connection, message: &Message<'_>) {
    let mut bytes = Vec::new();
    codec::encode(message, Qos::Fire, &mut bytes).unwrap();
    connection.receive(&bytes, now());
}

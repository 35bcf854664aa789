//! Every status that `/openapi.json` names is met, no other is, and bodies have the shapes it says.

mod operators;

use std::collections::{BTreeMap, BTreeSet};

use clasp_auth::Quota;
use serde_json::Value;

use crate::support::{ADMIN, Answer, Desk, bare_desk, desk, generous};

/// What was asked, under the path as described, and what came.
pub(crate) type Walk = Vec<(&'static str, Answer)>;

fn shape<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(name) => document.pointer(name.strip_prefix('#').unwrap()).unwrap(),
        None => schema,
    }
}

/// Checks the parts of JSON Schema that the description uses.
fn check(document: &Value, schema: &Value, value: &Value) {
    let schema = shape(document, schema);
    if schema["type"].is_null() {
        return;
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        kinds => kinds.as_array().unwrap().iter().map(|kind| kind.as_str().unwrap()).collect(),
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    assert!(kinds.contains(&kind), "{value} is no {kinds:?}");
    for item in value.as_array().into_iter().flatten() {
        check(document, &schema["items"], item);
    }
    if let Some(members) = value.as_object() {
        for name in schema["required"].as_array().into_iter().flatten() {
            assert!(members.contains_key(name.as_str().unwrap()), "{name} is missing in {value}");
        }
        for (name, member) in members {
            let described = &schema["properties"][name];
            let others = &schema["additionalProperties"];
            let schema = if described.is_null() { others } else { described };
            assert!(schema.is_object(), "{name} is not described: {value}");
            check(document, schema, member);
        }
    }
}

async fn sign_in(desk: &Desk, walk: &mut Walk) {
    let credentials = r#"{"username":"alice","password":"secret123"}"#;
    let requests = [
        ("POST /auth/register", credentials),
        ("POST /auth/register", credentials),
        ("POST /auth/register", "nope"),
        ("POST /auth/register", r#"{"username":"b2","password":"secret123","scopes":["admin:x"]}"#),
        ("POST /auth/login", credentials),
        ("POST /auth/login", r#"{"username":"alice"}"#),
        ("POST /auth/login", r#"{"username":"alice","password":"wrong"}"#),
        ("POST /auth/guest", "{}"),
        ("POST /auth/guest", r#"{"name":"Alice"}"#),
        ("POST /auth/guest", r#"{"scopes":["write:/a"]}"#),
        ("POST /auth/guest", "[1]"),
    ];
    for (line, body) in requests {
        walk.push((line, desk.ask(line, &[], body).await));
    }
    for line in ["POST /auth/register", "POST /auth/guest"] {
        walk.push((line, desk.with("cpsk_no", line, "{}").await));
    }
    let alien = ["origin: https://evil.example"];
    for line in ["POST /auth/register", "POST /auth/login"] {
        walk.push((line, desk.ask(line, &alien, credentials).await));
    }
}

async fn sessions(desk: &Desk, walk: &mut Walk) {
    let user = desk.user("carol").await;
    let guest = desk.guest().await;
    let lamp = desk.with(&user, "POST /auth/register", r#"{"name":"lamp","scopes":[]}"#).await;
    let requests = [
        (&user[..], "POST /auth/refresh", ""),
        (lamp.text("token"), "POST /auth/refresh", ""),
        (&user, "GET /auth/me", ""),
        (ADMIN, "GET /auth/me", ""),
        (&user, "GET /auth/tokens", ""),
        (&guest, "POST /auth/password", r#"{"old_password":"a","new_password":"secret456"}"#),
        (&user, "POST /auth/password", "{}"),
        (&user, "POST /auth/password", r#"{"old_password":"wrong1","new_password":"secret456"}"#),
        (ADMIN, "POST /auth/logout", ""),
        (&guest, "POST /auth/logout", "nope"),
        (&guest, "POST /auth/logout", ""),
        (&user, "DELETE /auth/account", "{}"),
        (&user, "DELETE /auth/account", r#"{"password":"wrong1"}"#),
        (ADMIN, "DELETE /auth/account", r#"{"password":"wrong1"}"#),
    ];
    for (token, line, body) in requests {
        walk.push((line, desk.with(token, line, body).await));
    }
    let change = r#"{"old_password":"secret123","new_password":"secret456"}"#;
    let changed = desk.with(&user, "POST /auth/password", change).await;
    let user = changed.text("token").to_owned();
    walk.push(("POST /auth/password", changed));
    let own = desk.with(&user, "GET /auth/tokens", "").await.body["tokens"][0]["id"].clone();
    let guest = desk.guest().await;
    let line = format!("DELETE /auth/tokens/{}", own.as_str().unwrap());
    for token in [&guest, "cpsk_no", &user] {
        walk.push(("DELETE /auth/tokens/{id}", desk.with(token, &line, "").await));
    }
    let user = desk.user("dora").await;
    let leave = desk.with(&user, "DELETE /auth/account", r#"{"password":"secret123"}"#).await;
    walk.push(("DELETE /auth/account", leave));
}

async fn administration(desk: &Desk, walk: &mut Walk) {
    let user = desk.user("erin").await;
    let me = desk.with(&user, "GET /auth/me", "").await;
    let id = me.text("user_id").to_owned();
    let guest = desk.guest().await;
    let own = desk.with(&guest, "GET /auth/tokens", "").await;
    let token_id = own.body["tokens"][0]["id"].as_str().unwrap().to_owned();
    let walks = [
        ("GET /api/users", "GET /api/users?limit=2".to_owned()),
        ("GET /api/tokens", format!("GET /api/tokens?user_id={id}")),
        ("GET /api/relay", "GET /api/relay".to_owned()),
        ("GET /api/users/{id}", format!("GET /api/users/{id}")),
        ("DELETE /api/tokens/{id}", format!("DELETE /api/tokens/{token_id}")),
        ("DELETE /api/users/{id}", format!("DELETE /api/users/{id}")),
    ];
    for (described, line) in &walks {
        for token in ["cpsk_no", &user, ADMIN] {
            walk.push((described, desk.with(token, line, "").await));
        }
    }
    for described in ["GET /api/users/{id}", "DELETE /api/users/{id}", "DELETE /api/tokens/{id}"] {
        let line = described.replace("{id}", "nobody");
        walk.push((described, desk.with(ADMIN, &line, "").await));
    }
    for line in ["GET /api/users", "GET /api/tokens"] {
        walk.push((line, desk.with(ADMIN, &format!("{line}?limit=many"), "").await));
    }
}

/// What only those meet who try too often.
async fn throttled(walk: &mut Walk) {
    let once = Quota::per_seconds(1, 60);
    let desk = desk(
        clasp_auth::accounts::Quotas { login: once, register: once, guest: once, ..generous() },
        &[],
        "",
    );
    let user = desk.user("alice").await;
    desk.guest().await;
    let wrong = r#"{"username":"alice","password":"wrong",
                    "old_password":"wrong","new_password":"secret1"}"#;
    desk.ask("POST /auth/login", &[], wrong).await;
    for line in ["POST /auth/login", "POST /auth/register", "POST /auth/guest"] {
        walk.push((line, desk.ask(line, &[], wrong).await));
    }
    for line in ["POST /auth/password", "DELETE /auth/account"] {
        walk.push((line, desk.with(&user, line, wrong).await));
    }
}

#[tokio::test]
async fn every_route_answers_as_described_and_no_other_way() {
    let desk = desk(generous(), &[], "");
    let document = desk.ask("GET /openapi.json", &[], "").await.body;
    let mut walk = Walk::new();
    sign_in(&desk, &mut walk).await;
    sessions(&desk, &mut walk).await;
    administration(&desk, &mut walk).await;
    throttled(&mut walk).await;
    operators::entities(&desk, &bare_desk(), &mut walk).await;
    operators::journal(&desk, &bare_desk(), &mut walk).await;
    operators::sessions(&desk, &mut walk).await;
    let anonymous = ["POST /auth/refresh", "POST /auth/logout", "GET /auth/me", "GET /auth/tokens"];
    for line in anonymous.into_iter().chain(["POST /auth/password", "DELETE /auth/account"]) {
        walk.push((line, desk.ask(line, &[], "").await));
    }

    let mut met: BTreeMap<String, BTreeSet<u16>> = BTreeMap::new();
    for (line, answer) in walk {
        let (method, path) = line.split_once(' ').unwrap();
        let operation = &document["paths"][path][method.to_lowercase()];
        let response = &operation["responses"][answer.status.to_string()];
        assert!(!response.is_null(), "{line} is not described with {answer:?}");
        check(&document, &response["content"]["application/json"]["schema"], &answer.body);
        met.entry(line.to_owned()).or_default().insert(answer.status);
    }
    let mut described: BTreeMap<String, BTreeSet<u16>> = BTreeMap::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let responses = operation["responses"].as_object().unwrap();
            let statuses = responses.keys().map(|status| status.parse().unwrap()).collect();
            described.insert(format!("{} {path}", method.to_uppercase()), statuses);
        }
    }
    described.retain(|line, _| line.contains(" /a"));
    assert_eq!(met, described);
}

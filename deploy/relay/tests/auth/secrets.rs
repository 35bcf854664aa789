//! Looks for secrets in a log that tells everything.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};

use crate::api::{Api, HEX, hello, join, put_admin_token};
use crate::authority::{self, Authority, strs};
use crate::folder::Folder;
use crate::support::{Relay, soon};

const LISTED: &str = "cpsk_00112233445566778899aabbccddeeff";
const CAPABILITY: &str = include_str!("../../../../crates/clasp-auth/tests/vectors/root.cap");
const ENTITY: &str = include_str!("../../../../crates/clasp-auth/tests/vectors/entity.ent");
const RSA: &str = include_str!("../../../../crates/clasp-auth/tests/vectors/jwt-rsa.json");
/// The seed of the key that signed [`CAPABILITY`].
const SEED: &str = "0101010101010101010101010101010101010101010101010101010101010101";

/// Every option that names a secret.
fn options(folder: &Folder, certificate: &[String], jwks: &Value) -> Vec<String> {
    put_admin_token(folder);
    let list = json!([{ "token": LISTED, "subject": "desk", "scopes": ["read:/**"] }]);
    let files = [
        ("--tokens-file", "tokens.json", list.to_string()),
        ("--trust-anchor", "anchor.seed", SEED.to_owned()),
        ("--jwt-jwks", "keys.json", jwks.to_string()),
    ];
    let mut options = certificate.to_vec();
    for (flag, name, text) in files {
        authority::write(&folder.path().join(name), &text);
        options.extend([flag.to_owned(), folder.file(name)]);
    }
    let more = [
        "--admin-token",
        "admin.token",
        "--registry-db",
        "registry.db",
        "--jwt-audience",
        "clasp",
        "--auth-port",
        "0",
        "--data-dir",
        folder.path().to_str().unwrap(),
    ];
    options.extend(more.map(str::to_owned));
    options
}

/// One POST by TLS.
async fn by_tls(address: SocketAddr, path: &str, body: &Value, root: &str) {
    let url = format!("https://{address}{path}");
    let curl = tokio::process::Command::new("curl")
        .args(["-s", "--cacert", root, "-d", &body.to_string(), &url])
        .output();
    let output = soon("an answer by TLS", curl).await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("{\""), "{output:?}");
}

/// The same token with a part of it changed.
fn tampered(token: &str) -> String {
    let place = token.len() - 10;
    let other = if &token[place..=place] == "A" { "B" } else { "A" };
    format!("{}{other}{}", &token[..place], &token[place + 1..])
}

/// The lines of a private key between its first and its last.
fn key_lines(path: &str) -> Vec<String> {
    let key = std::fs::read_to_string(path).unwrap();
    key.lines().filter(|line| !line.starts_with("-----")).map(str::to_owned).collect()
}

/// Whether a line holds the secret or most of it.
fn gives_away(line: &str, secret: &str) -> bool {
    let part = &secret[secret.len() / 3..];
    line.contains(secret) || (part.len() >= 12 && line.contains(part))
}

#[tokio::test]
async fn no_secret_is_in_the_log_at_any_level() {
    let (folder, certificates) = (Folder::new(), Authority::new());
    let jwts: Value = serde_json::from_str(RSA).unwrap();
    let options = options(&folder, &certificates.arguments("relay"), &jwts["jwks"]);
    let relay = Relay::start_in(&strs(&options), &[("RUST_LOG", "trace")]).await;
    let address = relay.page("auth").await;
    let (api, root) = (Api::at(address), certificates.file("root.pem"));

    let token = api.register("alice").await;
    let change = json!({ "old_password": "secret123", "new_password": "secret-456" });
    let changed = api.ask("POST /auth/password", &token, &change).await;
    let fresh = changed.text("token").to_owned();
    let refreshed = api.ask("POST /auth/refresh", &fresh, &Value::Null).await;
    let device = json!({ "name": "lamp", "scopes": ["write:/lamp/**"] });
    let device = api.ask("POST /auth/register", &fresh, &device).await;
    let guest = api.guest().await;
    let guess = json!({ "username": "alice", "password": "a-wrong-guess" });
    by_tls(address, "/auth/login", &guess, &root).await;
    let misplaced = json!({ "username": "a-misplaced-password", "password": "typed-twice" });
    by_tls(address, "/auth/login", &misplaced, &root).await;
    api.post("/auth/login", &json!("a-body-that-is-no-object")).await;
    api.get("/auth/me?token=a-token-in-the-address", "").await;
    api.get("/api/relay", HEX).await;
    relay.signal("HUP").await;

    let jwt = jwts["RS256"].as_str().unwrap();
    let good = [&fresh, refreshed.text("token"), device.text("token"), &guest, HEX, LISTED, jwt];
    for token in good.into_iter().chain([CAPABILITY.trim()]) {
        join(relay.address, token).await;
        api.get("/auth/me", token).await;
    }
    let bad = [tampered(jwt), tampered(CAPABILITY.trim()), tampered(&fresh), ENTITY.into()];
    for token in bad.iter().chain([&token, &"cpsk_a-guessed-token".to_owned()]) {
        hello(relay.address, Some(token)).await;
        api.get("/auth/me", token).await;
    }
    let (code, log) = relay.stop().await;
    assert_eq!(code, Some(0));

    let words = [
        "secret123",
        "secret-456",
        "a-wrong-guess",
        "a-misplaced-password",
        "typed-twice",
        "a-body-that-is-no-object",
        "a-token-in-the-address",
        "a-guessed-token",
        "$argon2",
        SEED,
    ];
    let issued = [&token, &fresh, refreshed.text("token"), device.text("token"), &guest];
    let key = key_lines(&certificates.file("key.pem"));
    let secrets = words.into_iter().chain(good.into_iter().chain([CAPABILITY.trim()]));
    let secrets = secrets.chain(issued.into_iter().map(|token| &token[5..]));
    for secret in secrets.chain(bad.iter().chain(&key).map(String::as_str)) {
        let line = log.iter().find(|line| gives_away(line, secret));
        assert_eq!(line, None, "{secret}");
    }
    assert!(log.iter().any(|line| line.contains("DEBUG")), "the log was asked for everything");
    assert!(Path::new(&folder.file("registry.db")).exists(), "entities were asked for");
}

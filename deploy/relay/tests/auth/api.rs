//! A relay with an auth port, requests to it as curl would send them, and sessions with tokens.

use std::net::SocketAddr;

use clasp_protocol::message::{Features, Hello};
use clasp_protocol::{Message, Qos};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{Client, Event};
use crate::folder::Folder;
use crate::support::{Relay, soon};

/// A token as `openssl rand -hex 32` makes it.
pub(crate) const HEX: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// An auth port.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Api {
    address: SocketAddr,
    /// For whom a proxy in between would speak.
    client: Option<&'static str>,
}

/// An answer of it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn text(&self, member: &str) -> &str {
        self.body[member].as_str().unwrap_or_else(|| panic!("no {member} in {self:?}"))
    }
}

impl Api {
    /// The auth port at this address.
    pub(crate) fn at(address: SocketAddr) -> Api {
        Api { address, client: None }
    }

    /// The same port, asked by a proxy for a client.
    pub(crate) fn behind(self, client: &'static str) -> Api {
        Api { client: Some(client), ..self }
    }

    pub(crate) fn address(self) -> SocketAddr {
        self.address
    }

    /// One request on a connection of its own; `token` may be empty.
    pub(crate) async fn ask(self, line: &str, token: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let bearer = match token {
            "" => String::new(),
            token => format!("authorization: Bearer {token}\r\n"),
        };
        let forwarded = |client| format!("x-forwarded-for: {client}\r\n");
        let client = self.client.map(forwarded).unwrap_or_default();
        let length = format!("content-length: {}\r\n", body.len());
        let headers = [bearer, client, length].concat();
        let request =
            format!("{line} HTTP/1.1\r\nhost: relay\r\nconnection: close\r\n{headers}\r\n{body}");
        let exchange = async {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        };
        let answer = soon("an HTTP answer", exchange).await;
        let (head, body) = answer.split_once("\r\n\r\n").expect("head and body");
        let status = head.split(' ').nth(1).expect("a status line").parse().unwrap();
        let head = head.to_lowercase();
        let is_chunked = head.contains("transfer-encoding: chunked");
        let body = if is_chunked { dechunked(body) } else { body.to_owned() };
        let body = serde_json::from_str(&body).unwrap_or(Value::Null);
        Answer { status, head, body }
    }

    pub(crate) async fn post(self, path: &str, body: &Value) -> Answer {
        self.ask(&format!("POST {path}"), "", body).await
    }

    pub(crate) async fn get(self, path: &str, token: &str) -> Answer {
        self.ask(&format!("GET {path}"), token, &Value::Null).await
    }

    /// Registers and returns the token.
    pub(crate) async fn register(self, name: &str) -> String {
        let answer = self.post("/auth/register", &credentials(name, "secret123")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.text("token").to_owned()
    }

    /// A guest's token.
    pub(crate) async fn guest(self) -> String {
        self.post("/auth/guest", &json!({})).await.text("token").to_owned()
    }
}

/// The text of a chunked body.
fn dechunked(mut rest: &str) -> String {
    let mut text = String::new();
    while let Some((length, more)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        text.push_str(&more[..length]);
        rest = &more[(length + 2).min(more.len())..];
    }
    text
}

pub(crate) fn credentials(name: &str, password: &str) -> Value {
    json!({ "username": name, "password": password })
}

/// A relay with an auth port, its files in `folder`.
pub(crate) async fn start(folder: &Folder, arguments: &[&str]) -> (Relay, Api) {
    let directory = folder.path().to_str().unwrap();
    let own = ["--auth-port", "0", "--data-dir", directory];
    let relay = Relay::start(&[&own[..], arguments].concat()).await;
    let api = Api::at(relay.page("auth").await);
    (relay, api)
}

/// Puts the guide's admin token where `--admin-token admin.token` finds it.
pub(crate) fn put_admin_token(folder: &Folder) {
    let path = folder.path().join("admin.token");
    std::fs::write(&path, format!("{HEX}\n")).unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(path, private).unwrap();
}

/// Says HELLO with a token; the first answer.
pub(crate) async fn hello(address: SocketAddr, token: Option<&str>) -> (Client, Event) {
    let mut client = Client::connect(address).await;
    let (name, token) = ("test".into(), token.map(Into::into));
    let hello = Hello { version: 1, features: Features::RELAY, name, token };
    client.send(&Message::Hello(hello), Qos::Fire).await;
    let answer = client.next().await;
    (client, answer)
}

/// A session of this token that has taken WELCOME and SNAPSHOT.
pub(crate) async fn join(address: SocketAddr, token: &str) -> Client {
    let (mut client, welcome) = hello(address, Some(token)).await;
    assert!(matches!(welcome.message(), Message::Welcome(_)), "{welcome:?}");
    let snapshot = client.next().await;
    assert!(matches!(snapshot.message(), Message::Snapshot(_)), "{snapshot:?}");
    client
}

/// The code of the ERROR that refuses HELLO.
pub(crate) async fn refusal(address: SocketAddr, token: Option<&str>) -> u16 {
    let (_, answer) = hello(address, token).await;
    let Message::Error(error) = answer.message() else { panic!("{answer:?}") };
    error.code
}

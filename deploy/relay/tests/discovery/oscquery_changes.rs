//! The OSCQuery tree over WebSocket: values and changes as they happen.

use std::net::SocketAddr;

use clasp_protocol::Value;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message as Packet};

use crate::client::Client;
use crate::oscquery::{relay, set};
use crate::support::soon;

/// A program that browses the tree.
pub(crate) struct Browser(WebSocketStream<TcpStream>);

impl Browser {
    pub(crate) async fn open(address: SocketAddr, target: &str) -> Result<Browser, Error> {
        Self::open_with(address, target, None).await
    }

    async fn open_with(
        address: SocketAddr,
        target: &str,
        origin: Option<&'static str>,
    ) -> Result<Browser, Error> {
        let mut request = format!("ws://{address}{target}").into_client_request().unwrap();
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().unwrap());
        }
        let stream = TcpStream::connect(address).await.unwrap();
        let upgrade = tokio_tungstenite::client_async(request, stream);
        soon("the upgrade", upgrade).await.map(|(socket, _)| Browser(socket))
    }

    pub(crate) async fn say(&mut self, command: &str, path: &str) {
        let text = json!({ "COMMAND": command, "DATA": path }).to_string();
        self.0.send(Packet::Text(text.into())).await.unwrap();
    }

    /// The next message: an OSC packet with its zeros as dots, or a command and its path.
    pub(crate) async fn next(&mut self) -> String {
        match soon("a message", self.0.next()).await.unwrap().unwrap() {
            Packet::Binary(packet) => String::from_utf8_lossy(&packet).replace('\0', "."),
            Packet::Text(text) => {
                let json: serde_json::Value = serde_json::from_str(&text).unwrap();
                format!("{} {}", json["COMMAND"].as_str().unwrap(), json["DATA"].as_str().unwrap())
            }
            Packet::Close(close) => format!("close {}", close.unwrap().code),
            other => panic!("{other:?}"),
        }
    }
}

fn text(text: &str) -> Value {
    Value::String(text.into())
}

#[tokio::test]
async fn who_listens_gets_the_present_value_and_each_change_as_an_osc_packet() {
    let (relay, address) = relay(&[]).await;
    let mut client = Client::join(relay.address).await;
    set(&mut client, "/osc/a", &text("one")).await;
    set(&mut client, "/osc/b", &text("b")).await;
    let mut browser = Browser::open(address, "/").await.unwrap();
    browser.say("LISTEN", "/a").await;
    assert_eq!(browser.next().await, "/a..,s..one.");
    set(&mut client, "/osc/a", &text("two")).await;
    assert_eq!(browser.next().await, "/a..,s..two.");
    set(&mut client, "/osc/a", &Value::Bool(true)).await;
    assert_eq!(browser.next().await, "PATH_CHANGED /a");
    assert_eq!(browser.next().await, "/a..,T..");
    browser.say("IGNORE", "/a").await;
    browser.say("LISTEN", "/b").await;
    // The answer to the second command shows that the first was carried out.
    assert_eq!(browser.next().await, "/b..,s..b...");
    set(&mut client, "/osc/a", &Value::Bool(false)).await;
    set(&mut client, "/osc/b", &text("c")).await;
    assert_eq!(browser.next().await, "/b..,s..c...", "nothing of /a comes");
}

#[tokio::test]
async fn nodes_come_and_go() {
    let (relay, address) = relay(&["--param-ttl", "1", "--notify-expiry"]).await;
    let mut client = Client::join(relay.address).await;
    set(&mut client, "/osc/before", &text("x")).await;
    let mut browser = Browser::open(address, "/").await.unwrap();
    set(&mut client, "/osc/new/node", &text("x")).await;
    set(&mut client, "/elsewhere", &text("x")).await;
    let mut told = Vec::new();
    while !told.iter().any(|it| it == "PATH_REMOVED /new/node") {
        told.push(browser.next().await);
    }
    assert!(told.contains(&"PATH_ADDED /new/node".into()), "{told:?}");
    assert!(!told.iter().any(|it| it.contains("elsewhere")), "{told:?}");
    assert!(!told.contains(&"PATH_ADDED /before".into()), "{told:?}");
}

#[tokio::test]
async fn noise_disturbs_nobody() {
    let (relay, address) = relay(&[]).await;
    let mut client = Client::join(relay.address).await;
    set(&mut client, "/osc/a", &text("one")).await;
    let mut noisy = Browser::open(address, "/").await.unwrap();
    let mut quiet = Browser::open(address, "/").await.unwrap();
    for noise in ["", "{", "[]", r#"{"COMMAND":"START_OSC_STREAMING","DATA":{}}"#] {
        noisy.0.send(Packet::Text(noise.into())).await.unwrap();
    }
    noisy.0.send(Packet::Binary(vec![0xFF; 1_000].into())).await.unwrap();
    noisy.say("LISTEN", "/*/[").await;
    noisy.say("LISTEN", &"/x".repeat(5_000)).await;
    for browser in [&mut noisy, &mut quiet] {
        browser.say("LISTEN", "/a").await;
    }
    for browser in [&mut noisy, &mut quiet] {
        assert_eq!(browser.next().await, "/a..,s..one.");
    }
    let long = "x".repeat(70_000);
    noisy.0.send(Packet::Text(long.into())).await.unwrap();
    let end = soon("the end", async {
        while let Some(Ok(packet)) = noisy.0.next().await {
            assert!(!packet.is_binary());
        }
    });
    end.await;
    set(&mut client, "/osc/a", &text("two")).await;
    assert_eq!(quiet.next().await, "/a..,s..two.");
}

#[tokio::test]
async fn only_pages_of_listed_origins_may_listen() {
    let (_relay, address) = relay(&["--origin", "https://app.example.com"]).await;
    let open = |origin| Browser::open_with(address, "/", origin);
    assert!(open(Some("https://app.example.com")).await.is_ok());
    assert!(open(None).await.is_ok(), "programs that are no pages name no origin");
    match open(Some("https://evil.example")).await {
        Err(Error::Http(answer)) => assert_eq!(answer.status(), 403),
        _ => panic!("a page of another origin was let in"),
    }
}

#[tokio::test]
async fn a_relay_that_stops_says_goodbye() {
    let (relay, address) = relay(&[]).await;
    let mut browser = Browser::open(address, "/").await.unwrap();
    let (ended, told) = tokio::join!(relay.stop(), browser.next());
    assert_eq!((ended.0, told.as_str()), (Some(0), "close 1001"));
}

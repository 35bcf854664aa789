//! A relay that keeps itself listed elsewhere.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::http;
use crate::support::{Relay, run, soon};

#[tokio::test]
async fn a_relay_lists_itself_at_another_and_leaves_when_it_stops() {
    let home = Relay::start(&["--rendezvous-port", "auto"]).await;
    let address = home.page("rendezvous").await;
    let url = format!("http://{address}");
    let listed = ["--rendezvous-url", &url, "--rendezvous-tag", "stage", "--name", "Stage"];
    let relay = Relay::start(&listed).await;
    relay.log().line_with("listed at").await;
    let body = http::get(address, "/api/v1/discover?tag=stage").await.body;
    let entries: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(entries[0]["name"], "Stage");
    assert_eq!(entries[0]["endpoints"], json!({ "ws": format!("ws://{}", relay.address) }));
    assert_eq!(relay.stop().await.0, Some(0));
    assert_eq!(http::get(address, "/api/v1/discover").await.body, "[]");
}

/// Takes one request and answers it; its head and body.
async fn serve(listener: &TcpListener, status: &str, body: &str) -> String {
    let exchange = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = read(&mut stream).await;
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}");
        stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).await.unwrap();
        request
    };
    soon("a request of the relay", exchange).await
}

async fn read(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    loop {
        assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return text;
        }
    }
}

#[tokio::test]
async fn an_entry_is_refreshed_with_its_secret_and_made_anew_when_it_was_forgotten() {
    let directory = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/base/", directory.local_addr().unwrap());
    let relay = Relay::start(&["--rendezvous-url", &url, "--rendezvous-refresh", "1"]).await;
    let entry = |id: &str| json!({ "id": id, "timestamp": 1, "ttl": 300, "secret": "s3" });
    let first = serve(&directory, "201 Created", &entry("one").to_string()).await;
    assert!(first.starts_with("POST /base/api/v1/register "), "{first}");
    let refresh = serve(&directory, "200 OK", "").await;
    assert!(refresh.starts_with("POST /base/api/v1/refresh/one "), "{refresh}");
    assert!(refresh.contains("x-clasp-secret: s3\r\n"), "{refresh}");
    serve(&directory, "404 Not Found", "").await;
    let again = serve(&directory, "201 Created", &entry("two").to_string()).await;
    assert!(again.starts_with("POST /base/api/v1/register "), "{again}");
    let (_, farewell) = tokio::join!(relay.stop(), async {
        loop {
            let request = serve(&directory, "204 No Content", "").await;
            if !request.starts_with("POST") {
                return request;
            }
        }
    });
    assert!(farewell.starts_with("DELETE /base/api/v1/unregister/two "), "{farewell}");
}

#[tokio::test]
async fn endpoints_of_the_operators_choice_are_listed_instead() {
    let directory = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", directory.local_addr().unwrap());
    let endpoint = "wss://relay.example.com/clasp";
    let _relay = Relay::start(&["--rendezvous-url", &url, "--rendezvous-endpoint", endpoint]).await;
    let request = serve(&directory, "503 Service Unavailable", "").await;
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["endpoints"], json!({ "wss": endpoint }));
}

#[tokio::test]
async fn a_directory_that_is_no_address_is_a_mistake_in_the_options() {
    for url in ["directory", "ftp://a", "http://", "http://user@a"] {
        let ended = run(&["--rendezvous-url", url], &[]).await;
        assert_eq!(ended.code, Some(2), "{url}");
    }
    let wrong = ["-p", "0", "--host", "127.0.0.1", "--rendezvous-url", "http://127.0.0.1:9"];
    let ended = run(&[&wrong[..], &["--rendezvous-endpoint", "relay"]].concat(), &[]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stdout.contains("--rendezvous-endpoint relay: expected"), "{}", ended.stdout);
}

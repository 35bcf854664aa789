//! JWT keys from a file and from an address.

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

fn vectors() -> Value {
    serde_json::from_str(RSA).unwrap()
}

/// Answers one request with this, and tells where.
async fn answering(status: &'static str, body: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
        }
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all((head + &body).as_bytes()).await.unwrap();
    });
    format!("--jwt-jwks=http://{address}/keys")
}

#[tokio::test]
async fn keys_come_from_a_file() {
    let folder = Folder::new();
    let keys = folder.flag("--jwt-jwks", "keys.json", vectors()["jwks"].to_string());
    let tokens = open(&[&keys, "--jwt-audience=clasp", "--jwt-subject-prefix=id/"]).await.unwrap();
    let grant = present(&tokens, vectors()["RS256"].as_str().unwrap()).unwrap();
    assert_eq!(grant.subject.as_deref(), Some("id/alice"));
    let tokens = open(&[&keys, "--jwt-audience=clasp", "--jwt-issuer=other"]).await.unwrap();
    assert!(present(&tokens, vectors()["RS256"].as_str().unwrap()).is_err());
}

#[tokio::test]
async fn keys_come_from_an_address() {
    let keys = answering("200 OK", vectors()["jwks"].to_string()).await;
    let tokens = open(&[&keys, "--jwt-audience=clasp"]).await.unwrap();
    assert!(present(&tokens, vectors()["PS256"].as_str().unwrap()).is_ok());
}

#[tokio::test]
async fn without_keys_the_relay_starts_and_refuses_jwts() {
    for (status, body) in [
        ("503 Service Unavailable", vectors()["jwks"].to_string()),
        ("200 OK", " ".repeat(300 * 1024)),
        ("200 OK", "<html>".to_owned()),
    ] {
        let keys = answering(status, body).await;
        let tokens = open(&[&keys, "--jwt-audience=clasp"]).await.unwrap();
        let said = present(&tokens, vectors()["RS256"].as_str().unwrap()).unwrap_err();
        assert_eq!(said.to_string(), "Invalid token: token not accepted");
    }
}

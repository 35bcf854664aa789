//! What a server can listen on, and what is said when it cannot.

use clasp_transport::{Config, Server};

use crate::support::{Client, Relay, local};

fn on(host: &str) -> Config {
    Config { host: host.to_owned(), ..local() }
}

#[tokio::test]
async fn port_0_is_answered_by_the_real_port() {
    let server = Server::bind(local()).await.unwrap();
    assert_ne!(server.local_addr().port(), 0);
}

#[tokio::test]
async fn a_host_name_will_do() {
    let relay = Relay::with(on("localhost")).await;
    Client::connect(relay.address).await.hello().await;
}

#[tokio::test]
async fn an_ipv6_address_may_have_brackets() {
    for host in ["::1", "[::1]"] {
        match Server::bind(on(host)).await {
            Ok(server) => assert!(server.local_addr().is_ipv6()),
            Err(error) => assert!(error.to_string().contains("[::1]:0"), "{error}"),
        }
    }
}

#[tokio::test]
async fn an_error_names_address_and_cause() {
    let first = Server::bind(local()).await.unwrap();
    let port = first.local_addr().port();
    let error = Server::bind(Config { port, ..local() }).await.unwrap_err().to_string();
    assert!(error.contains(&format!("127.0.0.1:{port}")), "{error}");
    assert!(error.contains("in use"), "{error}");
}

#[tokio::test]
async fn a_name_without_address_is_an_error() {
    let error = Server::bind(on("no such host")).await.unwrap_err().to_string();
    assert!(error.contains("no such host:0"), "{error}");
}

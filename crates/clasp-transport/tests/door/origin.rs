//! Whose connections are counted: real addresses behind proxies, and their limits.

use std::net::SocketAddr;
use std::sync::Arc;

use clasp_auth::{Authenticator, Denied, Grant};
use clasp_protocol::Message;
use clasp_router::Ports;
use clasp_transport::Config;
use futures_util::StreamExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tungstenite::client::IntoClientRequest as _;
use tungstenite::error::Error;

use crate::support::{Client, Frames, Relay, decode, local, soon, until};

/// Believes what comes from this machine.
fn proxied() -> Config {
    Config { trusted_proxies: "127.0.0.1".parse().unwrap(), ..local() }
}

/// A WebSocket whose connection begins with `header` and whose request says `forwarded`.
async fn come(relay: &Relay, header: &[u8], forwarded: &str) -> Result<Client, Error> {
    let mut stream = TcpStream::connect(relay.address).await.unwrap();
    stream.write_all(header).await.unwrap();
    let mut request = format!("ws://{}/", relay.address).into_client_request().unwrap();
    if !forwarded.is_empty() {
        request.headers_mut().insert("x-forwarded-for", forwarded.parse().unwrap());
    }
    let (socket, _) = soon(tokio_tungstenite::client_async(request, stream)).await?;
    Ok(Client { socket })
}

fn status(refused: Result<Client, Error>) -> u16 {
    match refused {
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("not refused"),
    }
}

fn remotes(relay: &Relay) -> Vec<SocketAddr> {
    relay.router.sessions(0, 99).sessions.iter().map(|session| session.link.remote).collect()
}

#[tokio::test]
async fn behind_a_proxy_every_client_has_its_own_limit() {
    let relay = Relay::with(Config { connections_per_address_max: 1, ..proxied() }).await;
    let first = come(&relay, b"", "192.0.2.1").await.unwrap();
    assert_eq!(status(come(&relay, b"", "192.0.2.1").await), 429);
    assert_eq!(status(come(&relay, b"", "6.6.6.6, 192.0.2.1").await), 429);
    let _second = come(&relay, b"", "192.0.2.2").await.unwrap();
    drop(first);
    // The permit comes back a moment after the connection is gone.
    while come(&relay, b"", "192.0.2.1").await.is_err() {}
}

#[tokio::test]
async fn this_machine_itself_is_not_limited() {
    let limits = Config { connections_per_address_max: 1, ..local() };
    let relay = Relay::with(Config { connections_per_second_max: 1, ..limits }).await;
    let _clients = (relay.join().await, relay.join().await, relay.join().await);
}

#[tokio::test]
async fn a_header_of_somebody_else_is_not_believed() {
    let relay = Relay::with(Config { trusted_proxies: "10.0.0.1".parse().unwrap(), ..local() });
    let relay = relay.await;
    come(&relay, b"", "192.0.2.1").await.unwrap().hello().await;
    until(|| !remotes(&relay).is_empty()).await;
    assert!(remotes(&relay)[0].ip().is_loopback());
}

#[tokio::test]
async fn a_client_that_opens_connections_too_fast_is_turned_away() {
    let relay = Relay::with(Config { connections_per_second_max: 1, ..proxied() }).await;
    // Sooner or later two of them fall into one second.
    while come(&relay, b"", "192.0.2.1").await.is_ok() {}
    assert!(come(&relay, b"", "192.0.2.2").await.is_ok());
    // And some time later it may come again.
    while come(&relay, b"", "192.0.2.1").await.is_err() {}
}

#[tokio::test]
async fn the_proxy_protocol_tells_who_it_is() {
    let relay = Relay::with(Config { proxy_protocol: true, ..proxied() }).await;
    let version_1 = b"PROXY TCP4 192.0.2.1 10.0.0.1 4242 80\r\n";
    let version_2 = [
        &b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"[..],
        &[192, 0, 2, 2, 10, 0, 0, 1, 0x10, 0x92, 0, 80],
    ];
    let mut first = come(&relay, version_1, "").await.unwrap();
    first.hello().await;
    let mut second = come(&relay, &version_2.concat(), "198.51.100.1").await.unwrap();
    second.hello().await;
    let expected: [SocketAddr; 2] =
        ["192.0.2.1:4242".parse().unwrap(), "192.0.2.2:4242".parse().unwrap()];
    assert_eq!(remotes(&relay), expected);
    let mut third = come(&relay, b"PROXY UNKNOWN\r\n", "192.0.2.3").await.unwrap();
    third.hello().await;
    assert_eq!(remotes(&relay)[2], "192.0.2.3:0".parse().unwrap());
}

#[tokio::test]
async fn a_connection_without_the_header_that_has_to_come_is_closed() {
    let relay = Relay::with(Config { proxy_protocol: true, ..proxied() }).await;
    let mut raw = relay.raw().await;
    raw.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(raw.rest().await.is_empty());
    let mut half = relay.raw().await;
    half.write(b"PROXY TCP4 192.0").await;
    assert!(half.rest().await.is_empty(), "closed when its time is over");
}

struct Nobody;

impl Authenticator for Nobody {
    fn authenticate(&self, _: Option<&str>, _: u64) -> Result<Grant, Denied> {
        Err(Denied::Missing)
    }
}

#[tokio::test]
async fn refused_hellos_are_counted_for_the_real_address() {
    let mut router = clasp_router::Config::default();
    router.groups.failed_hellos_per_minute_max = 2;
    let ports = Ports { authenticator: Arc::new(Nobody), ..Ports::default() };
    let relay = Relay::with_ports(proxied(), router, ports).await;
    for (remote, expected) in [
        ("192.0.2.1", (300, 1008)),
        ("192.0.2.1", (300, 1008)),
        ("192.0.2.1", (429, 1013)),
        ("192.0.2.2", (300, 1008)),
    ] {
        let mut client = come(&relay, b"", remote).await.unwrap();
        client.send(&crate::support::hello()).await;
        let frame = client.frame().await;
        let Message::Error(error) = decode(&frame) else { panic!("an ERROR") };
        let close = client.closed().await;
        assert_eq!((error.code, u16::from(close.code)), expected, "{remote}");
        while let Some(Ok(Frames::Ping(_))) = soon(client.socket.next()).await {}
    }
}

//! How connections end, and with which code.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use clasp_auth::{Authenticator, Denied, Grant};
use clasp_protocol::message::Set;
use clasp_protocol::{Message, RawValue};
use clasp_router::Ports;
use quinn::Endpoint;

use crate::support::{Client, Relay, decode, encoded, hello, set, soon, subscribe, until};

#[tokio::test]
async fn all_are_told_when_the_relay_ends() {
    let mut relay = Relay::start().await;
    let mut client = relay.join(b"clasp/2").await;
    let waiting = relay.try_connect(b"clasp/2").await.unwrap();
    client.send(&subscribe("/**")).await;
    client.send(&set("/x", 1)).await;
    client.sees("/x", 1).await;
    relay.shutdown.send(true).unwrap();
    assert!(client.try_frame().await.is_none());
    assert_eq!(client.closed().await, (4, "server shutting down".to_owned()));
    soon(waiting.closed()).await;
    soon(&mut relay.server).await.unwrap();
    assert_eq!(relay.router.connections(), 0);
}

#[tokio::test]
async fn bytes_that_begin_no_frame_end_the_connection() {
    let relay = Relay::start().await;
    let mut client = relay.join(b"clasp/2").await;
    client.write(b"GET / HTTP/1.1").await;
    let (code, reason) = client.closed().await;
    assert!(code == 1 && reason.contains("0x47 instead of 0x53"), "{code} {reason}");
}

struct Nobody;

impl Authenticator for Nobody {
    fn authenticate(&self, _: Option<&str>, _: u64) -> Result<Grant, Denied> {
        Err(Denied::Missing)
    }
}

#[tokio::test]
async fn who_may_not_come_in_gets_an_error_and_the_code_for_it() {
    let ports = Ports { authenticator: Arc::new(Nobody), ..Ports::default() };
    let relay = Relay::with_ports(|_| {}, clasp_router::Config::default(), ports).await;
    let mut client = relay.connect(b"clasp/3").await;
    client.send(&hello()).await;
    let frame = client.frame().await;
    let Message::Error(error) = decode(&frame) else { panic!("an ERROR") };
    assert_eq!(error.code, 300);
    assert_eq!(client.closed().await.0, 2);
}

#[tokio::test]
async fn who_reads_nothing_is_closed_in_the_end() {
    let relay = Relay::with(|config| config.stall_timeout = Duration::from_secs(1)).await;
    let mut client = relay.join(b"clasp/2").await;
    client.send(&subscribe("/**")).await;
    let big = vec![7; 60_000];
    let mut sent = 0;
    // The relay stops reading in the end, too.
    loop {
        let address = format!("/big/{sent}");
        let set = Message::Set(Set::new(&*address, RawValue::bytes(&big).unwrap()));
        if soon(client.send.write_all(&encoded(&set))).await.is_err() {
            break;
        }
        sent += 1;
    }
    assert!(sent > 0);
    assert_eq!(client.closed().await, (3, "slow consumer".to_owned()));
    until(|| relay.router.connections() == 0).await;
}

#[tokio::test]
async fn a_client_that_vanishes_is_noticed() {
    let relay = Relay::with(|config| {
        config.keep_alive = Duration::from_millis(300);
        config.idle_timeout = Duration::from_secs(1);
    })
    .await;
    let (config, address) = (relay.client_config(b"clasp/2"), relay.address);
    let client = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime.block_on(async {
            let mut endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
            endpoint.set_default_client_config(config);
            let connection = soon(endpoint.connect(address, "localhost").unwrap()).await.unwrap();
            let mut client = Client::over(connection).await;
            client.hello().await;
            client
        });
        // Without its runtime it cannot say goodbye.
        drop(runtime);
        client
    });
    let _client = soon(client).await.unwrap();
    until(|| relay.router.connections() == 0).await;
}

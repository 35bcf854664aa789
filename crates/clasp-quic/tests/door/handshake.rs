//! From the first packet to WELCOME.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use quinn::{ConnectionError, Endpoint, TransportErrorCode};
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

use crate::support::{Relay, encoded, hello, set, soon, subscribe, until};

const SECOND: Duration = Duration::from_secs(1);
/// Longer than any test waits.
const FOREVER: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn other_protocols_are_refused() {
    let relay = Relay::start().await;
    let error = relay.try_connect(b"h3").await.unwrap_err();
    let ConnectionError::ConnectionClosed(close) = error else { panic!("{error}") };
    assert_eq!(close.error_code, TransportErrorCode::crypto(120), "no_application_protocol");
    relay.join(b"clasp/2").await;
}

#[tokio::test]
async fn many_shake_hands_at_once_while_one_has_stopped_in_the_middle() {
    let config = |config: &mut clasp_quic::Config| {
        (config.handshake_timeout, config.idle_timeout) = (FOREVER, FOREVER);
    };
    let relay = Arc::new(Relay::with(config).await);
    // Between this client and the relay, so that the answer to its first packet gets lost.
    let between = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let mut endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    endpoint.set_default_client_config(relay.client_config(b"clasp/2"));
    let _stopped = endpoint.connect(between.local_addr().unwrap(), "localhost").unwrap();
    let mut packet = [0; 2_048];
    let length = soon(between.recv(&mut packet)).await.unwrap();
    between.send_to(&packet[..length], relay.address).await.unwrap();
    let begun = async { while between.recv_from(&mut packet).await.unwrap().1 != relay.address {} };
    soon(begun).await;

    let mut joining = JoinSet::new();
    for number in 0..20 {
        let relay = Arc::clone(&relay);
        let protocol: &[u8] = if number % 2 == 0 { b"clasp/2" } else { b"clasp/3" };
        joining.spawn(async move { relay.join(protocol).await });
    }
    let clients = soon(joining.join_all()).await;
    assert_eq!((clients.len(), relay.router.connections()), (20, 20));
}

#[tokio::test]
async fn who_opens_no_stream_delays_nobody_and_has_to_go() {
    let relay = Relay::with(|config| config.handshake_timeout = SECOND).await;
    let silent = relay.try_connect(b"clasp/2").await.unwrap();
    relay.join(b"clasp/2").await;
    let ConnectionError::ApplicationClosed(close) = silent.closed().await else {
        panic!("the relay closes it")
    };
    assert_eq!(close.error_code.into_inner(), 1);
    assert!(close.reason.starts_with(b"handshake timeout"), "{close}");
}

#[tokio::test]
async fn who_says_no_hello_has_to_go() {
    let relay = Relay::with(|config| config.handshake_timeout = SECOND).await;
    let mut client = relay.connect(b"clasp/2").await;
    client.write(&encoded(&hello())[..3]).await;
    let (code, reason) = client.closed().await;
    assert_eq!((code, reason.as_str()), (1, "handshake timeout: no HELLO"));
    until(|| relay.router.connections() == 0).await;
}

#[tokio::test]
async fn under_load_clients_have_to_prove_their_address() {
    let relay = Relay::with(|config| config.retry_from = 0).await;
    let mut client = relay.join(b"clasp/3").await;
    client.send(&subscribe("/**")).await;
    client.send(&set("/x", 1)).await;
    client.sees("/x", 1).await;
}

#[tokio::test]
async fn too_many_handshakes_are_refused() {
    let relay = Relay::with(|config| config.handshakes_max = 0).await;
    let error = relay.try_connect(b"clasp/2").await.unwrap_err();
    let ConnectionError::ConnectionClosed(close) = error else { panic!("{error}") };
    assert_eq!(close.error_code, TransportErrorCode::CONNECTION_REFUSED);
}

#[tokio::test]
async fn a_full_relay_says_so() {
    let router = clasp_router::Config { sessions_max: 1, ..clasp_router::Config::default() };
    let relay = Relay::with_ports(|_| {}, router, clasp_router::Ports::default()).await;
    let _one = relay.join(b"clasp/2").await;
    let another = relay.try_connect(b"clasp/2").await.unwrap();
    let ConnectionError::ApplicationClosed(close) = another.closed().await else {
        panic!("the relay closes it")
    };
    assert_eq!((close.error_code.into_inner(), &close.reason[..]), (3, &b"server full"[..]));
}

#[tokio::test]
async fn a_renewed_certificate_serves_new_connections_and_disturbs_no_old_one() {
    let mut relay = Relay::start().await;
    let mut before = relay.join(b"clasp/2").await;
    relay.renew();
    relay.tls.reload().unwrap();
    let after = relay.join(b"clasp/2").await;
    assert_ne!(before.shown(), after.shown());
    before.send(&subscribe("/**")).await;
    before.send(&set("/x", 1)).await;
    before.sees("/x", 1).await;
}

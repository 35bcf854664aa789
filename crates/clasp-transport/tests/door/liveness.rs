//! Deadlines of open connections.

use std::time::Duration;

use clasp_transport::Config;
use tungstenite::protocol::frame::coding::CloseCode;

use crate::support::{Client, Frames, Relay, local, until};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn without_hello_the_handshake_times_out() {
    let relay = Relay::with(Config { handshake_timeout: SECOND, ..local() }).await;
    let mut patient = relay.join().await;
    let mut client = Client::connect(relay.address).await;
    let close = client.closed().await;
    assert_eq!((close.code, close.reason.as_str()), (CloseCode::Policy, "handshake timeout"));
    patient.send_raw(Frames::Ping(Default::default())).await;
    assert!(patient.next().await.is_pong(), "who said HELLO stays");
}

#[tokio::test]
async fn a_silent_client_is_pinged_and_stays_while_it_answers() {
    let config = Config { ping_interval: SECOND, session_timeout: 3 * SECOND, ..local() };
    let relay = Relay::with(config).await;
    let mut client = relay.join().await;
    for _ in 0..3 {
        assert!(client.next().await.is_ping(), "the library answers by itself");
    }
}

#[tokio::test]
async fn a_client_that_does_not_answer_is_closed_as_idle() {
    let config = Config { ping_interval: Duration::ZERO, session_timeout: SECOND, ..local() };
    let relay = Relay::with(config).await;
    let mut client = relay.join().await;
    let close = client.closed().await;
    assert_eq!((close.code, close.reason.as_str()), (CloseCode::Away, "idle timeout"));
}

#[tokio::test]
async fn a_peer_that_ignores_the_close_is_dropped() {
    let config = Config { ping_interval: Duration::ZERO, session_timeout: SECOND, ..local() };
    let relay = Relay::with(config).await;
    let mut raw = relay.raw().await;
    raw.upgrade().await;
    raw.rest().await;
    until(|| relay.router.connections() == 0).await;
}

//! Limits of sessions as a client meets them.

use clasp_protocol::Message;

use crate::client::{Client, Event};
use crate::support::Relay;

#[tokio::test]
async fn a_client_beyond_the_limit_is_told_and_closed_until_a_place_is_free() {
    let relay = Relay::start(&["--max-sessions", "1"]).await;
    let mut first = Client::join(relay.address).await;
    let mut second = Client::connect(relay.address).await;
    let refusal = second.next().await;
    let Message::Error(error) = refusal.message() else { panic!("{refusal:?}") };
    assert_eq!((error.code, error.message.as_ref()), (501, "server full"));
    assert_eq!(second.next().await, Event::Close(1013, "server full".into()));
    assert_eq!(second.next().await, Event::End);
    assert!(first.is_served().await);

    drop((first, second));
    // The relay learns of the closed socket in its own time.
    let mut refused = true;
    while refused {
        let mut third = Client::connect(relay.address).await;
        third.hello().await;
        refused = matches!(third.next().await.message(), Message::Error(_));
    }
}

#[tokio::test]
async fn zero_max_sessions_is_no_limit() {
    let relay = Relay::start(&["--max-sessions", "0"]).await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(Client::join(relay.address).await);
    }
    for client in &mut clients {
        assert!(client.is_served().await);
    }
}

#[tokio::test]
async fn a_silent_session_is_closed_with_a_reason() {
    let relay = Relay::start(&["--session-timeout", "1", "--ping-interval", "0"]).await;
    let mut client = Client::join(relay.address).await;
    assert_eq!(client.next().await, Event::Close(1001, "idle timeout".into()));
    assert_eq!(client.next().await, Event::End);
}

#[tokio::test]
async fn a_session_that_only_listens_outlives_the_timeout_by_answering_pings() {
    let relay = Relay::start(&["--session-timeout", "5", "--ping-interval", "1"]).await;
    let mut listener = Client::join(relay.address).await;
    listener.subscribe_all().await;
    // A silent one ends by the timeout, which thus has passed for the listener as well.
    let mut silent = Client::join(relay.address).await;
    let listening = async {
        let event = listener.next().await;
        assert!(matches!(event.message(), Message::Set(_)), "{event:?}");
    };
    let writing = async {
        let ended = silent.silence().await;
        assert!(ended.starts_with(&[0x88]), "{ended:?}");
        Client::join(relay.address).await.set("/a", 1).await;
    };
    tokio::join!(listening, writing);
}

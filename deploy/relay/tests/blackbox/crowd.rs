//! Many sockets at once.

use tokio::net::TcpStream;
use tokio::task::JoinSet;

use clasp_protocol::Message;

use crate::client::Client;
use crate::support::{Relay, sockets};

#[tokio::test]
async fn ten_thousand_silent_sockets_do_not_disturb_a_client() {
    let relay = Relay::start(&["--max-sessions", "0"]).await;
    let mut early = Client::join(relay.address).await;
    early.subscribe_all().await;
    let mut silent = Vec::new();
    for _ in 0..sockets(10_000) {
        silent.push(TcpStream::connect(relay.address).await.unwrap());
    }
    let mut late = Client::join(relay.address).await;
    late.set("/a", 1).await;
    let event = early.next().await;
    assert!(matches!(event.message(), Message::Set(_)), "{event:?}");
    assert!(late.is_served().await);
    drop(silent);
}

#[tokio::test]
async fn thousands_of_sessions_all_receive_what_one_publishes() {
    let relay = Relay::start(&["--max-sessions", "0"]).await;
    let count = sockets(3_000);
    let mut joining = JoinSet::new();
    let mut listeners = Vec::new();
    for _ in 0..count {
        let address = relay.address;
        joining.spawn(async move {
            let mut client = Client::join(address).await;
            client.subscribe_all().await;
            assert!(client.is_served().await);
            client
        });
        if joining.len() == 100 {
            listeners.extend(joining.join_next().await.map(Result::unwrap));
        }
    }
    while let Some(client) = joining.join_next().await {
        listeners.push(client.unwrap());
    }
    let mut writer = Client::join(relay.address).await;
    writer.set("/lights/on", 1).await;
    for listener in &mut listeners {
        let event = listener.next().await;
        let Message::Set(set) = event.message() else { panic!("{event:?}") };
        assert_eq!(set.address, "/lights/on");
    }
    assert_eq!(listeners.len(), count);
    let (code, _) = relay.stop().await;
    assert_eq!(code, Some(0));
}

//! A load that runs while much state is saved.

use std::fs;
use std::time::SystemTime;

use clasp_protocol::message::{Publish, Set, SignalType};
use clasp_protocol::{Message, Qos, RawValue};
use tokio::sync::watch;

use crate::client::{Client, decoded, integer};
use crate::folder::{Folder, strs};
use crate::support::Relay;

const PARAMS: i64 = 100_000;

/// Saves that have to happen under load.
const SAVES: usize = 3;

fn event(value: i64) -> Message<'static> {
    let value = Some(RawValue::int(value));
    Message::Publish(Publish { value, ..Publish::new("/live/tick", SignalType::Event) })
}

async fn set_all(relay: &Relay) {
    let mut client = Client::join(relay.address).await;
    for value in 0..PARAMS {
        let set = Set::new(format!("/stage/{}/{value}", value % 100), RawValue::int(value));
        client.send(&Message::Set(set), Qos::Fire).await;
    }
    assert!(client.sync().await.is_empty(), "no param is refused");
}

/// Publishes until told to stop, as fast as the relay takes it; how many events.
async fn publish(mut client: Client, stop: watch::Receiver<bool>) -> i64 {
    let mut count = 0;
    while !*stop.borrow() {
        for _ in 0..50 {
            // Something has to change for a state to be saved again.
            let set = Set::new("/live/count", RawValue::int(count));
            client.send(&Message::Set(set), Qos::Fire).await;
            client.send(&event(count), Qos::Fire).await;
            count += 1;
        }
        client.sync().await;
    }
    client.send(&event(-1), Qos::Fire).await;
    client.sync().await;
    count
}

/// Hears every event once and in order; how many there were.
async fn listen(mut client: Client) -> i64 {
    let mut expected = 0;
    loop {
        let payload = client.next().await;
        let Message::Publish(publish) = decoded(&payload) else { panic!("{payload:?}") };
        match integer(&publish.value.unwrap()) {
            -1 => return expected,
            value => assert_eq!(value, expected, "an event was lost or came too early"),
        }
        expected += 1;
    }
}

#[tokio::test]
async fn nothing_is_lost_or_out_of_order_while_a_hundred_thousand_params_are_saved() {
    let folder = Folder::new();
    let options = "--persist-interval 1 --max-params 0 --max-params-per-session 0 \
                   --initial-snapshot empty";
    let options: Vec<String> = options.split_whitespace().map(String::from).collect();
    let arguments = [folder.journal(), folder.persist(), options].concat();
    let relay = Relay::start(&strs(&arguments)).await;
    set_all(&relay).await;
    let mut listener = Client::join(relay.address).await;
    listener.subscribe("/live/tick").await;
    let (stop, stopped) = watch::channel(false);
    let publishing = tokio::spawn(publish(Client::join(relay.address).await, stopped));
    let listening = tokio::spawn(listen(listener));

    let path = folder.path().join("state.db");
    let time = || fs::metadata(&path).and_then(|file| file.modified()).unwrap_or(SystemTime::now());
    for _ in 0..SAVES {
        let before = time();
        let saved = async {
            while time() == before {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        crate::support::soon("a save", saved).await;
    }
    stop.send_replace(true);
    let (published, heard) = (publishing.await.unwrap(), listening.await.unwrap());
    assert_eq!(heard, published);
    println!("{published} events were heard while the state was saved {SAVES} times");
    let (code, log) = relay.stop().await;
    assert_eq!(code, Some(0), "{log:#?}");
    let relay = Relay::start(&strs(&arguments)).await;
    let recovered = relay.log().line_with("recovered ").await;
    assert!(recovered.contains("recovered 100,001 params"), "{recovered}");
}

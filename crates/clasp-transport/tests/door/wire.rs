//! What the tests of every door of our own need: messages as frames, and waiting.

use std::future::Future;
use std::time::Duration;

use clasp_protocol::message::{Features, Hello, Set, Subscribe};
use clasp_protocol::{Frame, Message, Qos, RawValue, codec};

/// Waits for something that is to happen; generous, since a busy machine is no failure.
pub(crate) async fn soon<T>(event: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), event).await.expect("it happens in time")
}

/// Waits for a state that tells nobody.
pub(crate) async fn until(mut holds: impl FnMut() -> bool) {
    let poll = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(poll).await;
}

/// One CLASP frame.
pub(crate) fn encoded(message: &Message<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::encode(message, Qos::Fire, &mut bytes).unwrap();
    bytes
}

pub(crate) fn decode(bytes: &[u8]) -> Message<'_> {
    codec::decode(Frame::parse(bytes).unwrap().payload).unwrap()
}

pub(crate) fn hello() -> Message<'static> {
    let name = "test".into();
    Message::Hello(Hello { version: 1, features: Features::RELAY, name, token: None })
}

pub(crate) fn set(address: &str, value: i64) -> Message<'_> {
    Message::Set(Set::new(address, RawValue::int(value)))
}

pub(crate) fn subscribe(pattern: &str) -> Message<'_> {
    Message::Subscribe(Subscribe { id: 1, pattern: pattern.into(), types: 0xff, options: None })
}

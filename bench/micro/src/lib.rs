//! What the micro-benchmarks share: typical frames, and a router with sessions in it.

use std::net::SocketAddr;
use std::sync::Arc;

use clasp_protocol::codec::encode;
use clasp_protocol::message::{
    Features, Hello, Message, Publish, Set, SignalType, Subscribe, TypeMask,
};
use clasp_protocol::{Qos, RawValue};
use clasp_router::{
    Config, Connection, Framing, LinkInfo, Manners, Now, Ports, Router, Taken, Wake,
};

/// The address everything here is about.
pub const ADDRESS: &str = "/show/lights/zone5/dimmer";

/// The moment at which everything here happens.
pub const NOW: Now = Now { unix_us: 1_700_000_000_000_000, mono_us: 1_000_000 };

/// A message as one frame.
pub fn frame(message: &Message<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(message, message.default_qos(), &mut bytes).expect("the message is short");
    bytes
}

/// An event with a number.
pub fn event() -> Message<'static> {
    let mut publish = Publish::new(ADDRESS, SignalType::Event);
    publish.value = Some(RawValue::float(0.5));
    Message::Publish(publish)
}

/// An event with a kibibyte.
pub fn event_kibibyte() -> Message<'static> {
    let mut publish = Publish::new(ADDRESS, SignalType::Event);
    publish.value = Some(RawValue::bytes(&[0xA5; 1024]).expect("a kibibyte fits"));
    Message::Publish(publish)
}

/// A SET of a number.
pub fn set() -> Message<'static> {
    Message::Set(Set::new(ADDRESS, RawValue::float(0.5)))
}

/// A SET of a kibibyte.
pub fn set_kibibyte() -> Message<'static> {
    let value = RawValue::bytes(&[0xA5; 1024]).expect("a kibibyte fits");
    Message::Set(Set::new(ADDRESS, value))
}

fn hello() -> Message<'static> {
    Message::Hello(Hello {
        version: 1,
        name: "micro".into(),
        features: Features::default(),
        token: None,
    })
}

struct Quiet;

impl Wake for Quiet {
    fn wake(self: Arc<Self>) {}
}

/// A router with one publisher and subscribers of all that is below `/show`.
pub struct Stage {
    publisher: Connection,
    subscribers: Vec<Connection>,
    buffer: Vec<u8>,
}

impl Stage {
    /// Opens the sessions and throws away what greets them.
    pub fn open(subscribers: usize) -> Stage {
        let config = Config { sessions_max: 0, ..Config::default() };
        let router = Router::new(config, Ports::default()).expect("the defaults are sound");
        let publisher = connect(&router, None);
        let subscribers = (0..subscribers).map(|_| connect(&router, Some("/show/**"))).collect();
        let mut stage = Stage { publisher, subscribers, buffer: Vec::new() };
        stage.drain();
        stage
    }

    /// The publisher sends a frame.
    pub fn send(&mut self, frame: &[u8]) {
        self.publisher.receive(frame, NOW);
    }

    /// Empties every outbox as a link does; returns the bytes that were in them.
    pub fn drain(&mut self) -> usize {
        let mut bytes = 0;
        for connection in self.subscribers.iter_mut().chain([&mut self.publisher]) {
            loop {
                self.buffer.clear();
                match connection.outbox().take(&mut self.buffer) {
                    Taken::Bytes => bytes += self.buffer.len(),
                    Taken::Pull => connection.pull(NOW),
                    Taken::Empty | Taken::Close(_) => break,
                }
            }
        }
        bytes
    }
}

fn connect(router: &Arc<Router>, pattern: Option<&'static str>) -> Connection {
    let remote = SocketAddr::from(([127, 0, 0, 1], 1));
    let link = LinkInfo {
        framing: Framing::WebSocket,
        remote,
        transport: "websocket",
        manners: Manners::Clasp,
    };
    let mut connection = router.connect(link, Arc::new(Quiet), NOW);
    connection.receive(&frame(&hello()), NOW);
    if let Some(pattern) = pattern {
        let subscribe = Subscribe {
            id: 1,
            pattern: pattern.into(),
            types: TypeMask::ALL.to_wire(),
            options: None,
        };
        connection.receive(&frame(&Message::Subscribe(subscribe)), NOW);
    }
    connection
}

/// Encodes into a buffer that is used again and again.
pub fn encode_again(message: &Message<'_>, out: &mut Vec<u8>) {
    out.clear();
    encode(message, Qos::Confirm, out).expect("the message is short");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subscriber_gets_what_is_sent() {
        let mut stage = Stage::open(3);
        assert_eq!(stage.drain(), 0);
        let event = frame(&event());
        stage.send(&event);
        let one = stage.drain();
        assert_eq!(one % 3, 0);
        assert!(one > 3 * event.len());
        stage.send(&event);
        stage.send(&event);
        assert_eq!(stage.drain(), 2 * one);
    }
}

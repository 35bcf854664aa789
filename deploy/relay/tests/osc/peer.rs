//! An OSC client over UDP, a CLASP client that watches, and where the relay listens.

use std::net::SocketAddr;

use clasp_protocol::message::{Features, Hello, SignalType};
use clasp_protocol::{Message, Qos, RawValue, Value};
use rosc::{OscBundle, OscMessage, OscPacket, OscTime, OscType, decoder, encoder};
use tokio::net::UdpSocket;

use crate::client::Client;
use crate::support::{Relay, soon};

/// Stands for "at once".
pub(crate) const AT_ONCE: OscTime = OscTime { seconds: 0, fractional: 1 };

pub(crate) fn message(address: &str, arguments: Vec<OscType>) -> OscPacket {
    OscPacket::Message(OscMessage { addr: address.into(), args: arguments })
}

pub(crate) fn bundle(timetag: OscTime, content: Vec<OscPacket>) -> OscPacket {
    OscPacket::Bundle(OscBundle { timetag, content })
}

/// Where the relay takes OSC, as its log tells.
pub(crate) async fn osc_address(relay: &Relay) -> SocketAddr {
    let line = relay.log().line_with("OSC: udp://").await;
    let (_, after) = line.split_once("OSC: udp://").unwrap();
    after.split_whitespace().next().unwrap().parse().unwrap()
}

/// A socket that talks to the relay.
pub(crate) struct Peer {
    socket: UdpSocket,
}

impl Peer {
    pub(crate) async fn new(relay: SocketAddr) -> Peer {
        Peer::at("127.0.0.1:0".parse().unwrap(), relay).await
    }

    pub(crate) async fn at(own: SocketAddr, relay: SocketAddr) -> Peer {
        let socket = UdpSocket::bind(own).await.unwrap();
        socket.connect(relay).await.unwrap();
        Peer { socket }
    }

    /// Hears everybody, not only the relay that it was connected to.
    pub(crate) async fn listener() -> Peer {
        Peer { socket: UdpSocket::bind("127.0.0.1:0").await.unwrap() }
    }

    pub(crate) fn port(&self) -> i32 {
        self.socket.local_addr().unwrap().port().into()
    }

    pub(crate) async fn raw(&self, bytes: &[u8]) {
        self.socket.send(bytes).await.unwrap();
    }

    pub(crate) async fn packet(&self, packet: &OscPacket) {
        self.raw(&encoder::encode(packet).unwrap()).await;
    }

    pub(crate) async fn send(&self, address: &str, arguments: Vec<OscType>) {
        self.packet(&message(address, arguments)).await;
    }

    /// The next packet as its messages.
    pub(crate) async fn next(&self) -> Vec<(String, Vec<OscType>)> {
        let mut bytes = [0; 65_536];
        let length = soon("an OSC packet", self.socket.recv(&mut bytes)).await.unwrap();
        let (_, packet) = decoder::decode_udp(&bytes[..length]).unwrap();
        let mut found = Vec::new();
        flatten(packet, &mut found);
        found
    }

    /// The next packet, which is this one message.
    pub(crate) async fn expect(&self, address: &str, arguments: Vec<OscType>) {
        assert_eq!(self.next().await, [(address.to_owned(), arguments)]);
    }

    /// Waits until the relay has carried out everything that was sent.
    pub(crate) async fn settle(&self) {
        self.clock_us().await;
    }

    /// The relay's clock after everything that was sent, microseconds since 1970.
    pub(crate) async fn clock_us(&self) -> i64 {
        self.send("/clasp/ping", vec![]).await;
        loop {
            let heard = self.next().await;
            if let [(address, arguments)] = &heard[..]
                && address == "/clasp/pong"
                && let [OscType::Long(clock_us)] = arguments[..]
            {
                return clock_us;
            }
        }
    }

    /// Subscribes and waits until that is in force.
    pub(crate) async fn subscribe(&self, pattern: &str) {
        self.send("/clasp/subscribe", vec![pattern.into()]).await;
        while self.next().await[0].0 != "/clasp/subscribed" {}
    }
}

fn flatten(packet: OscPacket, found: &mut Vec<(String, Vec<OscType>)>) {
    match packet {
        OscPacket::Message(message) => found.push((message.addr, message.args)),
        OscPacket::Bundle(bundle) => bundle.content.into_iter().for_each(|it| flatten(it, found)),
    }
}

/// A CLASP client that hears everything.
pub(crate) struct Ear(pub(crate) Client);

impl Ear {
    pub(crate) async fn new(relay: &Relay) -> Ear {
        let mut client = Client::join(relay.address).await;
        client.subscribe_all().await;
        assert!(client.is_served().await);
        Ear(client)
    }

    pub(crate) async fn with_token(relay: &Relay, token: &str) -> Ear {
        let mut client = Client::connect(relay.address).await;
        let (name, token) = ("ear".into(), Some(token.into()));
        let hello = Hello { version: 1, features: Features::RELAY, name, token };
        client.send(&Message::Hello(hello), Qos::Fire).await;
        for _ in ["WELCOME", "SNAPSHOT"] {
            client.next().await;
        }
        client.subscribe_all().await;
        assert!(client.is_served().await);
        Ear(client)
    }

    /// The next change.
    pub(crate) async fn next(&mut self) -> (String, Value) {
        let event = self.0.next().await;
        let Message::Set(set) = event.message() else { panic!("{event:?}") };
        (set.address.to_string(), set.value.to_value())
    }

    pub(crate) async fn expect(&mut self, address: &str, value: Value) {
        assert_eq!(self.next().await, (address.to_owned(), value));
    }

    /// The next thing it hears is this event.
    pub(crate) async fn hears(&mut self, address: &str, value: Option<RawValue<'_>>) {
        let heard = self.0.next().await;
        let Message::Publish(event) = heard.message() else { panic!("{heard:?}") };
        assert_eq!(event.signal, Some(SignalType::Event));
        assert_eq!((&*event.address, event.value), (address, value));
    }
}

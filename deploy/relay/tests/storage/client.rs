//! A CLASP client that survives the death of its relay, and the state as a new session sees it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use clasp_protocol::message::{Bundle, Features, Get, Hello, Part, Replay, Set, Subscribe, Ttl};
use clasp_protocol::{Frame, Message, Qos, RawValue, codec};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Packet;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use crate::support::soon;

/// An open session.
pub(crate) struct Client {
    socket: WebSocketStream<TcpStream>,
}

/// A param as a SNAPSHOT tells it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Param {
    /// The value's type code and its bytes on the wire.
    pub(crate) value: RawValue<'static>,
    pub(crate) revision: u64,
    pub(crate) writer: Option<String>,
    pub(crate) timestamp: Option<u64>,
}

/// Params by address.
pub(crate) type State = BTreeMap<String, Param>;

impl Client {
    /// Opens a session; the initial snapshot is among what it receives.
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self::try_open(address).await.expect("the relay is there")
    }

    /// Like [`Self::open`]; none while there is no relay, or one that leaves.
    pub(crate) async fn try_open(address: SocketAddr) -> Option<Self> {
        let mut request = format!("ws://{address}/").into_client_request().unwrap();
        let protocol = HeaderValue::from_static("clasp");
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        let stream = TcpStream::connect(address).await.ok()?;
        stream.set_nodelay(true).ok()?;
        let upgrade = tokio_tungstenite::client_async(request, stream);
        let (socket, _) = soon("the upgrade", upgrade).await.ok()?;
        let mut client = Self { socket };
        let name = "test".into();
        let hello = Hello { version: 1, features: Features::RELAY, name, token: None };
        client.try_send(&Message::Hello(hello), Qos::Fire).await.then_some(client)
    }

    /// Opens a session and takes everything it is greeted with.
    pub(crate) async fn join(address: SocketAddr) -> Self {
        let mut client = Self::open(address).await;
        client.sync().await;
        client
    }

    /// Sends one frame; whether the relay could be written to.
    pub(crate) async fn try_send(&mut self, message: &Message<'_>, qos: Qos) -> bool {
        let mut frame = Vec::new();
        codec::encode(message, qos, &mut frame).unwrap();
        self.socket.send(Packet::Binary(frame.into())).await.is_ok()
    }

    /// Sends frames in as few packets as may be.
    pub(crate) async fn send_all<'m>(
        &mut self,
        messages: impl IntoIterator<Item = Message<'m>>,
        qos: Qos,
    ) {
        for message in messages {
            let mut frame = Vec::new();
            codec::encode(&message, qos, &mut frame).unwrap();
            self.socket.feed(Packet::Binary(frame.into())).await.unwrap();
        }
        self.socket.flush().await.unwrap();
    }

    pub(crate) async fn send(&mut self, message: &Message<'_>, qos: Qos) {
        assert!(self.try_send(message, qos).await, "the relay has gone");
    }

    /// The payload of the next frame; none when the relay has gone.
    pub(crate) async fn try_next(&mut self) -> Option<Vec<u8>> {
        let next = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Packet::Binary(frame))) => {
                        return Some(Frame::parse(&frame).unwrap().payload.to_vec());
                    }
                    Some(Ok(Packet::Close(_)) | Err(_)) | None => return None,
                    Some(Ok(_)) => {}
                }
            }
        };
        soon("a frame", next).await
    }

    pub(crate) async fn next(&mut self) -> Vec<u8> {
        self.try_next().await.expect("the relay is there")
    }

    /// Everything that comes until a PING is answered.
    pub(crate) async fn sync(&mut self) -> Vec<Vec<u8>> {
        self.try_sync().await.expect("the relay is there")
    }

    /// Like [`Self::sync`]; none when the relay has gone.
    pub(crate) async fn try_sync(&mut self) -> Option<Vec<Vec<u8>>> {
        if !self.try_send(&Message::Ping, Qos::Fire).await {
            return None;
        }
        let mut before = Vec::new();
        loop {
            let payload = self.try_next().await?;
            if decoded(&payload) == Message::Pong {
                return Some(before);
            }
            before.push(payload);
        }
    }

    /// SETs an integer; the revision in the ACK.
    pub(crate) async fn set(&mut self, address: &str, value: i64, qos: Qos) -> u64 {
        self.set_value(address, (RawValue::int(value), None), qos).await
    }

    /// SETs any value with a lifetime; the revision in the ACK.
    pub(crate) async fn set_value(
        &mut self,
        address: &str,
        (value, ttl): (RawValue<'_>, Option<Ttl>),
        qos: Qos,
    ) -> u64 {
        self.send(&Message::Set(Set { ttl, ..Set::new(address, value) }), qos).await;
        loop {
            let payload = self.next().await;
            match decoded(&payload) {
                Message::Ack(ack) if ack.address.as_deref() == Some(address) => {
                    return ack.revision.unwrap();
                }
                Message::Error(error) => panic!("{error:?}"),
                _ => {}
            }
        }
    }

    pub(crate) async fn subscribe(&mut self, pattern: &str) {
        let subscribe = Subscribe { id: 1, pattern: pattern.into(), types: 0xff, options: None };
        self.send(&Message::Subscribe(subscribe), Qos::Fire).await;
        self.sync().await;
    }

    /// Whether a param is there, by GET.
    pub(crate) async fn has(&mut self, address: &str) -> bool {
        self.send(&Message::Get(Get { address: address.into() }), Qos::Fire).await;
        let answers = self.sync().await;
        answers.iter().any(|payload| matches!(decoded(payload), Message::Snapshot(_)))
    }

    /// The answers to a REPLAY, and the number in the ACK that ends it.
    pub(crate) async fn replay(&mut self, replay: Replay<'_>) -> (Vec<Vec<u8>>, u64) {
        self.send(&Message::Replay(replay), Qos::Confirm).await;
        let mut answers = Vec::new();
        loop {
            let payload = self.next().await;
            match decoded(&payload) {
                Message::Ack(ack) => return (answers, ack.revision.unwrap()),
                Message::Error(error) => panic!("{error:?}"),
                _ => answers.push(payload),
            }
        }
    }
}

/// The message in a payload.
pub(crate) fn decoded(payload: &[u8]) -> Message<'_> {
    codec::decode(payload).unwrap()
}

/// SETs that stand or fall together.
pub(crate) fn bundle<'a>(addresses: &[&'a str], value: i64) -> Message<'a> {
    let part = |address: &&'a str| Part {
        message: Message::Set(Set::new(*address, RawValue::int(value))),
        wire: None,
    };
    Message::Bundle(Bundle { timestamp: None, parts: addresses.iter().map(part).collect() })
}

/// The integer in a value.
pub(crate) fn integer(value: &RawValue<'_>) -> i64 {
    value.number().unwrap().as_f64() as i64
}

/// All params, as a new session is told them.
pub(crate) async fn state(address: SocketAddr) -> State {
    told(&Client::open(address).await.sync().await)
}

/// All params in what a session was greeted with.
pub(crate) fn told(greeting: &[Vec<u8>]) -> State {
    let mut state = State::new();
    for payload in greeting {
        let Message::Snapshot(snapshot) = decoded(payload) else { continue };
        for entry in snapshot.params {
            let param = Param {
                value: entry.value.into_owned(),
                revision: entry.revision,
                writer: entry.writer.map(|writer| writer.to_string()),
                timestamp: entry.timestamp,
            };
            state.insert(entry.address.to_string(), param);
        }
    }
    state
}

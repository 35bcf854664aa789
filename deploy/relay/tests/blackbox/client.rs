//! A CLASP client over WebSocket that shows every frame and the close.

use std::net::SocketAddr;

use clasp_protocol::message::{Features, Get, Hello, Publish, Set, SignalType, Subscribe};
use clasp_protocol::{Frame, Message, Qos, RawValue, codec};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message as Packet};

use crate::support::soon;

/// A connected client.
pub(crate) struct Client {
    socket: WebSocketStream<TcpStream>,
}

/// What the relay sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The payload of one CLASP frame.
    Frame(Vec<u8>),
    /// A WebSocket close with its code and reason.
    Close(u16, String),
    /// The connection is over.
    End,
}

impl Event {
    /// The message of a frame.
    pub(crate) fn message(&self) -> Message<'_> {
        let Event::Frame(payload) = self else { panic!("{self:?} is no frame") };
        codec::decode(payload).unwrap()
    }
}

impl Client {
    /// Opens a WebSocket without HELLO.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address, None).await.expect("the relay upgrades")
    }

    /// Opens a WebSocket as a page of `origin` would.
    pub(crate) async fn try_connect(
        address: SocketAddr,
        origin: Option<&'static str>,
    ) -> Result<Self, Error> {
        Self::open(address, origin.map(|origin| ("origin", origin)), b"").await
    }

    /// Opens a WebSocket as a proxy does that tells where its client is.
    pub(crate) async fn connect_from(address: SocketAddr, client: &str) -> Result<Self, Error> {
        Self::open(address, Some(("x-forwarded-for", client)), b"").await
    }

    /// Opens a WebSocket on a connection that begins with these bytes.
    pub(crate) async fn connect_after(address: SocketAddr, bytes: &[u8]) -> Result<Self, Error> {
        Self::open(address, None, bytes).await
    }

    async fn open(
        address: SocketAddr,
        header: Option<(&'static str, &str)>,
        before: &[u8],
    ) -> Result<Self, Error> {
        let mut request = format!("ws://{address}/").into_client_request().unwrap();
        let protocol = HeaderValue::from_static("clasp");
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        if let Some((name, value)) = header {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(before).await?;
        let config = WebSocketConfig::default().read_buffer_size(4 << 10);
        let upgrade = tokio_tungstenite::client_async_with_config(request, stream, Some(config));
        let (socket, _) = soon("the upgrade", upgrade).await?;
        Ok(Self { socket })
    }

    /// Opens a session and takes WELCOME and SNAPSHOT.
    pub(crate) async fn join(address: SocketAddr) -> Self {
        let mut client = Self::connect(address).await;
        client.greeted().await;
        client
    }

    /// Sends HELLO and takes WELCOME and SNAPSHOT.
    pub(crate) async fn greeted(&mut self) {
        self.hello().await;
        let welcome = self.next().await;
        assert!(matches!(welcome.message(), Message::Welcome(_)), "{welcome:?}");
        let snapshot = self.next().await;
        assert!(matches!(snapshot.message(), Message::Snapshot(_)), "{snapshot:?}");
    }

    /// Sends HELLO.
    pub(crate) async fn hello(&mut self) {
        let name = "test".into();
        let hello = Hello { version: 1, features: Features::RELAY, name, token: None };
        self.send(&Message::Hello(hello), Qos::Fire).await;
    }

    /// Sends SUBSCRIBE for everything below `/`.
    pub(crate) async fn subscribe_all(&mut self) {
        let subscribe = Subscribe { id: 1, pattern: "/**".into(), types: 0xff, options: None };
        self.send(&Message::Subscribe(subscribe), Qos::Fire).await;
    }

    /// Sends SET without asking for an ACK.
    pub(crate) async fn set(&mut self, address: &str, value: i64) {
        self.set_with(address, value, Qos::Fire).await;
    }

    /// Sends SET.
    pub(crate) async fn set_with(&mut self, address: &str, value: i64, qos: Qos) {
        self.send(&Message::Set(Set::new(address, RawValue::int(value))), qos).await;
    }

    /// Sends PUBLISH of an event.
    pub(crate) async fn publish(&mut self, address: &str, qos: Qos) {
        let event = Publish::new(address, SignalType::Event);
        self.send(&Message::Publish(event), qos).await;
    }

    /// Sends GET.
    pub(crate) async fn get(&mut self, address: &str) {
        self.send(&Message::Get(Get { address: address.into() }), Qos::Fire).await;
    }

    /// Sends one frame.
    pub(crate) async fn send(&mut self, message: &Message<'_>, qos: Qos) {
        let mut frame = Vec::new();
        codec::encode(message, qos, &mut frame).unwrap();
        self.socket.send(Packet::Binary(frame.into())).await.unwrap();
    }

    /// The next event; pings are answered on the way.
    pub(crate) async fn next(&mut self) -> Event {
        let next = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Packet::Binary(frame))) => {
                        let frame = Frame::parse(&frame).unwrap();
                        return Event::Frame(frame.payload.to_vec());
                    }
                    Some(Ok(Packet::Close(Some(close)))) => {
                        return Event::Close(close.code.into(), close.reason.to_string());
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Event::End,
                }
            }
        };
        soon("a frame or a close", next).await
    }

    /// Whether a PING is answered, and nothing else before.
    pub(crate) async fn is_served(&mut self) -> bool {
        self.send(&Message::Ping, Qos::Fire).await;
        let answer = self.next().await;
        matches!(answer, Event::Frame(_)) && answer.message() == Message::Pong
    }
}

impl Client {
    /// Reads bare bytes and answers nothing, not even pings, until the relay closes; the last
    /// WebSocket frame as it came.
    pub(crate) async fn silence(&mut self) -> Vec<u8> {
        let stream = self.socket.get_mut();
        let mut bytes = Vec::new();
        soon("the relay's close", stream.read_to_end(&mut bytes)).await.unwrap();
        let mut rest = bytes.as_slice();
        let mut last = rest;
        // Frames of a server that only pings and closes are short and not masked.
        while let [_, length, ..] = rest {
            last = rest;
            rest = &rest[2 + usize::from(*length)..];
        }
        last.to_vec()
    }
}

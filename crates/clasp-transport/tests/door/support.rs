//! A relay on a free port and clients for it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clasp_protocol::message::Set;
use clasp_protocol::{Message, RawValue};
use clasp_router::{Ports, Router};
use clasp_transport::pages::Probes;
use clasp_transport::{Config, Server, run_ticker};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tungstenite::protocol::CloseFrame;

use crate::socket::{self, Socket};
pub(crate) use crate::wire::{decode, encoded, hello, set, soon, subscribe, until};

pub(crate) type Frames = tungstenite::Message;

pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    pub(crate) router: Arc<Router>,
    pub(crate) ready: Arc<AtomicBool>,
    pub(crate) shutdown: watch::Sender<bool>,
    pub(crate) server: JoinHandle<()>,
    ticker: JoinHandle<()>,
}

impl Relay {
    pub(crate) async fn start() -> Relay {
        Relay::with(local()).await
    }

    pub(crate) async fn with(config: Config) -> Relay {
        Relay::with_router(config, clasp_router::Config::default()).await
    }

    pub(crate) async fn with_router(config: Config, router: clasp_router::Config) -> Relay {
        Relay::with_ports(config, router, Ports::default()).await
    }

    pub(crate) async fn with_ports(
        config: Config,
        router: clasp_router::Config,
        ports: Ports,
    ) -> Relay {
        let router = Router::new(router, ports).unwrap();
        let server = Server::bind(config).await.unwrap();
        let address = server.local_addr();
        let ready = Arc::new(AtomicBool::new(true));
        let readiness = Arc::clone(&ready);
        let pages = Arc::new(Probes::new(move || readiness.load(Ordering::Relaxed)));
        let (shutdown, stop) = watch::channel(false);
        Relay {
            address,
            ready,
            shutdown,
            server: tokio::spawn(server.run(Arc::clone(&router), pages, stop)),
            ticker: tokio::spawn(run_ticker(Arc::clone(&router))),
            router,
        }
    }

    /// A client after HELLO, WELCOME and SNAPSHOT.
    pub(crate) async fn join(&self) -> Client {
        let mut client = Client::connect(self.address).await;
        client.hello().await;
        client
    }

    pub(crate) async fn raw(&self) -> Raw {
        Raw { stream: soon(socket::dial(self.address)).await }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.server.abort();
        self.ticker.abort();
    }
}

/// Loopback, a free port.
pub(crate) fn local() -> Config {
    let acceptor = socket::acceptor();
    Config { host: "127.0.0.1".to_owned(), port: 0, acceptor, ..Config::default() }
}

pub(crate) fn set_bytes<'a>(address: &'a str, value: &[u8]) -> Message<'a> {
    Message::Set(Set::new(address, RawValue::bytes(value).unwrap()))
}

/// A WebSocket client that speaks CLASP.
pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<Socket>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Client {
        let stream = soon(socket::dial(address)).await;
        let url = format!("ws://{address}/clasp");
        let upgrade = tokio_tungstenite::client_async(url, stream);
        Client { socket: soon(upgrade).await.unwrap().0 }
    }

    pub(crate) async fn hello(&mut self) {
        self.send(&hello()).await;
        assert!(matches!(decode(&self.frame().await), Message::Welcome(_)));
        assert!(matches!(decode(&self.frame().await), Message::Snapshot(_)));
    }

    pub(crate) async fn send(&mut self, message: &Message<'_>) {
        self.send_raw(Frames::binary(encoded(message))).await;
    }

    pub(crate) async fn send_raw(&mut self, message: Frames) {
        soon(self.socket.send(message)).await.unwrap();
    }

    pub(crate) async fn next(&mut self) -> Frames {
        soon(self.socket.next()).await.expect("the connection is open").unwrap()
    }

    /// Bytes of the next binary message; pings do not prolong the wait.
    pub(crate) async fn frame(&mut self) -> Vec<u8> {
        let binary = async {
            loop {
                match self.next().await {
                    Frames::Binary(bytes) => return bytes.to_vec(),
                    Frames::Ping(_) | Frames::Pong(_) => {}
                    other => panic!("a binary message, not {other:?}"),
                }
            }
        };
        soon(binary).await
    }

    /// Reads SETs up to that of `address` to `value`.
    pub(crate) async fn sees(&mut self, address: &str, value: i64) {
        let wanted = RawValue::int(value);
        loop {
            let frame = self.frame().await;
            if let Message::Set(set) = decode(&frame)
                && set.address == address
                && set.value == wanted
            {
                return;
            }
        }
    }

    /// Closes, and waits for the answer, so that all that was sent is read.
    pub(crate) async fn closed_by_us(&mut self) {
        soon(self.socket.close(None)).await.unwrap();
        while soon(self.socket.next()).await.is_some_and(|message| message.is_ok()) {}
    }

    /// Reads on to the Close.
    pub(crate) async fn closed(&mut self) -> CloseFrame {
        loop {
            if let Frames::Close(close) = self.next().await {
                return close.expect("the relay gives a code");
            }
        }
    }
}

/// A bare socket, for what no client library would do.
pub(crate) struct Raw {
    pub(crate) stream: Socket,
}

impl Raw {
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        soon(self.stream.write_all(bytes)).await.unwrap();
        soon(self.stream.flush()).await.unwrap();
    }

    /// The head of a response.
    pub(crate) async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(soon(self.stream.read_u8()).await.unwrap());
        }
        String::from_utf8(head).unwrap().to_lowercase()
    }

    pub(crate) async fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        soon(self.stream.read_exact(&mut bytes)).await.unwrap();
        bytes
    }

    /// All that comes before the end, be it orderly or not.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let mut piece = [0; 4_096];
        loop {
            match soon(self.stream.read(&mut piece)).await {
                Ok(0) | Err(_) => return rest,
                Ok(bytes) => rest.extend_from_slice(&piece[..bytes]),
            }
        }
    }

    pub(crate) async fn upgrade(&mut self) {
        self.write(upgrade_request("").as_bytes()).await;
        assert!(self.head().await.starts_with("http/1.1 101"));
    }
}

/// A WebSocket request with further header lines, each with its line end.
pub(crate) fn upgrade_request(lines: &str) -> String {
    format!(
        "GET /any/path?x=1 HTTP/1.1\r\nHost: relay\r\nUpgrade: websocket\r\n\
         Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{lines}\r\n"
    )
}

/// A client's frame of less than 126 bytes, masked with zeros.
pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first, 0x80 | u8::try_from(payload.len()).unwrap(), 0, 0, 0, 0];
    bytes.extend_from_slice(payload);
    bytes
}

//! The WebSocket side: LISTEN and IGNORE in, values as OSC packets and changes of the tree out.

mod changes;
mod commands;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{
    CONNECTION, HeaderMap, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::uri::PathAndQuery;
use axum::response::{IntoResponse as _, Response};
use clasp_gateway::{Bell, Collected, Guest};
use clasp_http::Place;
use clasp_http::api_error::ApiError;
use clasp_transport::{batch, clock};
use futures_util::{SinkExt, StreamExt as _};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;
use tokio::time::{self, MissedTickBehavior};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Packet;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};

use crate::pages::{Shared, refuse};
use crate::question::Question;
use changes::Changes;
use commands::Command;

/// Longest message of a client, bytes.
const MESSAGE_BYTES_MAX: usize = 64 << 10;
/// How long a client may take for what it is sent.
const PATIENCE: Duration = Duration::from_secs(30);
/// Time between two pings; a client that was silent for two of them is gone.
const PING: Duration = Duration::from_secs(30);
/// Time between two looks for params that went without a word.
const LOOK: Duration = Duration::from_secs(60);

type Wire = WebSocketStream<TokioIo<Upgraded>>;

/// The tasks of all WebSockets; they end with it.
#[derive(Debug, Default)]
pub(crate) struct Listeners(Mutex<JoinSet<()>>);

impl Listeners {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.0.lock().expect("no holder panics");
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }
}

/// Whether a request asks for a WebSocket.
pub(crate) fn is_wanted(request: &Request) -> bool {
    has_word(request.headers(), &UPGRADE, "websocket")
}

/// Answers the upgrade and sees to the client from then on.
pub(crate) fn upgrade(shared: &Arc<Shared>, mut request: Request, remote: SocketAddr) -> Response {
    let headers = request.headers();
    let key = headers.get(SEC_WEBSOCKET_KEY).filter(|_| {
        has_word(headers, &CONNECTION, "upgrade")
            && headers.get(SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13")
    });
    let Some(accept) = key.map(|key| derive_accept_key(key.as_bytes())) else {
        let text = "this is no WebSocket handshake of version 13";
        return ApiError::new(StatusCode::BAD_REQUEST, text).into_response();
    };
    let root = PathAndQuery::from_static("/");
    let target = request.uri().path_and_query().unwrap_or(&root);
    let token = match Question::read(target, headers) {
        Ok(question) => question.token,
        Err(reason) => return ApiError::new(StatusCode::BAD_REQUEST, reason).into_response(),
    };
    let bell = Bell::new();
    let mut guest = match shared.root.enter(remote, token.as_deref(), Arc::clone(&bell)) {
        Ok(guest) => guest,
        Err(refused) => return refuse(&refused),
    };
    let changes = match batch(|| Changes::begin(shared.root.clone(), &mut guest)) {
        Ok(changes) => changes,
        Err(refused) => return refuse(&refused),
    };
    // The place among the connections is kept as long as the WebSocket lives.
    let place = request.extensions().get::<Place>().cloned();
    let upgrade = hyper::upgrade::on(&mut request);
    let client = Client { guest, bell, changes };
    let mut draining = shared.draining.clone();
    shared.listeners.spawn(async move {
        if let Some(wire) = open(upgrade).await {
            client.serve(wire, async move { drop(draining.wait_for(|it| *it).await) }).await;
        }
        drop(place);
    });
    let answer = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(CONNECTION, "upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_ACCEPT, accept);
    answer.body(Body::empty()).unwrap_or_else(|_| StatusCode::BAD_REQUEST.into_response())
}

fn has_word(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|it| it.trim().eq_ignore_ascii_case(word))
}

async fn open(upgrade: OnUpgrade) -> Option<Wire> {
    let upgraded = time::timeout(PATIENCE, upgrade).await.ok()?.ok()?;
    let mut config = WebSocketConfig::default();
    config.max_message_size = Some(MESSAGE_BYTES_MAX);
    config.max_frame_size = Some(MESSAGE_BYTES_MAX);
    config.read_buffer_size = 4 << 10;
    config.write_buffer_size = 16 << 10;
    let wire = TokioIo::new(upgraded);
    Some(WebSocketStream::from_raw_socket(wire, Role::Server, Some(config)).await)
}

/// Why a client is left.
enum End {
    /// The relay drains.
    Drain,
    /// The router ended the session.
    Session(String),
    /// It is gone, or might as well be.
    Gone,
}

/// One WebSocket.
struct Client {
    guest: Guest,
    bell: Arc<Bell>,
    changes: Changes,
}

impl Client {
    async fn serve(mut self, mut wire: Wire, drained: impl Future<Output = ()>) {
        let end = tokio::select! {
            end = self.talk(&mut wire) => end,
            () = drained => End::Drain,
        };
        let (code, reason) = match end {
            End::Drain => (CloseCode::Away, "the relay is going away".to_owned()),
            End::Session(reason) => (CloseCode::Policy, reason),
            End::Gone => return,
        };
        let close = CloseFrame { code, reason: reason.into() };
        let _ = time::timeout(Duration::from_secs(1), wire.close(Some(close))).await;
        batch(|| self.guest.leave(clock::now()));
    }

    async fn talk(&mut self, wire: &mut Wire) -> End {
        let ticks = |every| {
            let mut ticks = time::interval_at(time::Instant::now() + every, every);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        };
        let (mut pings, mut looks) = (ticks(PING), ticks(LOOK));
        let mut silent = 0;
        loop {
            if let Err(end) = self.tell(wire).await {
                return end;
            }
            tokio::select! {
                packet = wire.next() => {
                    silent = 0;
                    match packet {
                        Some(Ok(Packet::Text(text))) => self.command(&text),
                        Some(Ok(Packet::Close(_)) | Err(_)) | None => return End::Gone,
                        Some(Ok(_)) => {}
                    }
                }
                () = self.bell.rung() => {}
                _ = pings.tick() => {
                    silent += 1;
                    if silent > 2 || send(wire, Packet::Ping(Vec::new().into())).await.is_err() {
                        return End::Gone;
                    }
                }
                _ = looks.tick() => batch(|| self.changes.look(&mut self.guest)),
            }
        }
    }

    fn command(&mut self, text: &str) {
        match Command::read(text) {
            Some(Command::Listen(path)) => {
                batch(|| self.changes.listen(&mut self.guest, path));
            }
            Some(Command::Ignore(path)) => self.changes.ignore(&path),
            // Other programs' extensions.
            None => {}
        }
    }

    /// Sends all that has come.
    async fn tell(&mut self, wire: &mut Wire) -> Result<(), End> {
        loop {
            let mut packets = Vec::new();
            let collected = batch(|| {
                let now = clock::now();
                let changes = &mut self.changes;
                let collected = self.guest.collect(now, |arrival| {
                    changes.take(arrival, &mut packets);
                });
                if collected == Collected::Quiet {
                    changes.settle(&mut packets);
                }
                collected
            });
            for packet in packets {
                feed(wire, packet).await?;
            }
            match collected {
                // Others have their turn between two pieces of a large tree.
                Collected::More => tokio::task::yield_now().await,
                Collected::Quiet => break,
                Collected::Closed(close) => return Err(End::Session(close.reason.to_string())),
            }
        }
        batch(|| self.changes.ask(&mut self.guest));
        flush(wire).await
    }
}

async fn feed(wire: &mut Wire, packet: Packet) -> Result<(), End> {
    in_time(wire.feed(packet)).await
}

async fn flush(wire: &mut Wire) -> Result<(), End> {
    in_time(SinkExt::<Packet>::flush(wire)).await
}

async fn send(wire: &mut Wire, packet: Packet) -> Result<(), End> {
    in_time(wire.send(packet)).await
}

async fn in_time<E>(sending: impl Future<Output = Result<(), E>>) -> Result<(), End> {
    match time::timeout(PATIENCE, sending).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(End::Gone),
    }
}

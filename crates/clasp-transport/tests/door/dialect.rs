//! Another protocol behind the listeners: one that answers each line with the same line.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clasp_router::{Close, Now, Taken, Wake};
use clasp_transport::{Config, Departure, Dialect, Dismissal, Received, Talk, Wire};
use parking_lot::Mutex;
use tungstenite::client::IntoClientRequest as _;

use crate::socket;
use crate::support::{Client, Frames, Raw, Relay, local, soon, until, upgrade_request};

const LINE_BYTES_MAX: usize = 100_000;

#[derive(Debug, Default)]
struct Lines {
    silence_max_s: Option<u32>,
    open: Mutex<Vec<Arc<Line>>>,
    left: Arc<Mutex<Vec<Departure>>>,
}

impl Dialect for Lines {
    fn name(&self) -> &'static str {
        "lines"
    }

    fn begins_with(&self, first: u8) -> bool {
        first == b'>'
    }

    fn subprotocols(&self) -> &'static [&'static str] {
        &["lines"]
    }

    fn open(&self, _: SocketAddr, wake: Arc<dyn Wake>, _: Now) -> Arc<dyn Talk> {
        let (left, state) = (Arc::clone(&self.left), Mutex::default());
        let line = Arc::new(Line { wake, left, silence_max_s: self.silence_max_s, state });
        self.open.lock().push(Arc::clone(&line));
        line
    }
}

struct Line {
    wake: Arc<dyn Wake>,
    left: Arc<Mutex<Vec<Departure>>>,
    silence_max_s: Option<u32>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    out: Vec<u8>,
    established: bool,
    waits: bool,
    ends: bool,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Line")
    }
}

impl Line {
    fn go_on(&self) {
        self.state.lock().waits = false;
        Arc::clone(&self.wake).wake();
    }
}

impl Talk for Line {
    fn receive(&self, input: &[u8], _: Now) -> Received {
        let mut state = self.state.lock();
        assert!(!state.waits && !state.ends, "no input is wanted");
        let Some(end) = input.iter().position(|byte| *byte == b'\n') else {
            state.ends = input.len() > LINE_BYTES_MAX;
            let open = !state.ends;
            drop(state);
            Arc::clone(&self.wake).wake();
            return Received { used: 0, needed: 0, open };
        };
        state.out.extend_from_slice(&input[..=end]);
        state.established = true;
        state.waits = input.starts_with(b">wait");
        state.ends = input.starts_with(b">end");
        let open = !state.ends;
        drop(state);
        Arc::clone(&self.wake).wake();
        Received { used: end + 1, needed: 0, open }
    }

    fn may_receive(&self) -> bool {
        !self.state.lock().waits
    }

    fn take(&self, into: &mut Vec<u8>) -> Taken {
        let mut state = self.state.lock();
        std::mem::swap(&mut state.out, into);
        match (state.ends, into.is_empty()) {
            (true, _) => Taken::Close(Close::new(1000, "as you wish")),
            (false, true) => Taken::Empty,
            (false, false) => Taken::Bytes,
        }
    }

    fn pull(&self, _: Now) {}

    fn established(&self) -> bool {
        self.state.lock().established
    }

    fn silence_max_s(&self) -> Option<u32> {
        self.silence_max_s
    }

    fn dismiss(&self, why: Dismissal, _: Now) {
        {
            let mut state = self.state.lock();
            state.out.extend_from_slice(format!("{why:?}\n").as_bytes());
            state.ends = true;
        }
        Arc::clone(&self.wake).wake();
    }

    fn leave(&self, how: Departure, _: Now) {
        self.left.lock().push(how);
    }
}

async fn alone(lines: &Arc<Lines>, config: Config) -> Relay {
    Relay::with(Config { wire: Wire::Foreign(Arc::clone(lines) as _), ..config }).await
}

/// A WebSocket that carries lines.
async fn connect(relay: &Relay) -> Client {
    let mut request = format!("ws://{}/lines", relay.address).into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", "lines".parse().unwrap());
    let stream = soon(socket::dial(relay.address)).await;
    let (socket, response) = soon(tokio_tungstenite::client_async(request, stream)).await.unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "lines");
    Client { socket }
}

async fn line(raw: &mut Raw) -> String {
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        line.extend_from_slice(&raw.bytes::<1>().await);
    }
    String::from_utf8(line).unwrap()
}

#[tokio::test]
async fn it_may_have_a_port_of_its_own() {
    let lines = Arc::new(Lines::default());
    let relay = alone(&lines, local()).await;
    let mut raw = relay.raw().await;
    for byte in b"\0 anything\n" {
        raw.write(&[*byte]).await;
    }
    assert_eq!(line(&mut raw).await, "\0 anything\n");
    raw.write(b"one\ntwo\nthr").await;
    assert_eq!(line(&mut raw).await, "one\n");
    assert_eq!(line(&mut raw).await, "two\n");
    raw.write(b"ee\n").await;
    assert_eq!(line(&mut raw).await, "three\n");
    drop(raw);
    until(|| *lines.left.lock() == [Departure::Lost]).await;
}

#[tokio::test]
async fn it_is_known_by_its_first_byte_beside_websocket() {
    let lines = Arc::new(Lines::default());
    let relay = Relay::with(Config { dialects: vec![Arc::clone(&lines) as _], ..local() }).await;
    relay.join().await;
    let mut raw = relay.raw().await;
    raw.write(b">hello\n").await;
    assert_eq!(line(&mut raw).await, ">hello\n");
}

#[tokio::test]
async fn it_travels_in_a_websocket_whose_messages_mean_nothing() {
    let lines = Arc::new(Lines::default());
    let relay = Relay::with(Config { dialects: vec![Arc::clone(&lines) as _], ..local() }).await;
    let mut client = connect(&relay).await;
    for piece in ["o", "ne\ntwo", "\n>wait\nthree\n", "four\n"] {
        client.send_raw(Frames::binary(piece)).await;
    }
    let mut text = Vec::new();
    while !text.ends_with(b">wait\n") {
        text.extend(client.frame().await);
    }
    lines.open.lock()[0].go_on();
    while !text.ends_with(b"four\n") {
        text.extend(client.frame().await);
    }
    assert_eq!(text, b"one\ntwo\n>wait\nthree\nfour\n");
    client.send_raw(Frames::binary("x".repeat(200) + "\n")).await;
    assert_eq!(client.frame().await.len(), 201);
    client.send_raw(Frames::binary(">end\nignored\n")).await;
    assert_eq!(client.frame().await, b">end\n");
    assert_eq!(client.closed().await.reason.as_str(), "as you wish");
    drop(client);
    until(|| *lines.left.lock() == [Departure::Closed]).await;
}

#[tokio::test]
async fn a_websocket_that_the_client_ends_or_breaks_is_lost() {
    let lines = Arc::new(Lines::default());
    let relay = Relay::with(Config { dialects: vec![Arc::clone(&lines) as _], ..local() }).await;
    connect(&relay).await.closed_by_us().await;
    until(|| *lines.left.lock() == [Departure::Lost]).await;
    let mut raw = relay.raw().await;
    raw.write(upgrade_request("Sec-WebSocket-Protocol: lines\r\n").as_bytes()).await;
    assert!(raw.head().await.contains("sec-websocket-protocol: lines"));
    raw.write(&[0xff, 0xff]).await;
    assert!(raw.rest().await.starts_with(&[0x88]), "a Close");
    drop(raw);
    until(|| *lines.left.lock() == [Departure::Lost, Departure::Lost]).await;
}

#[tokio::test]
async fn its_input_waits_until_it_is_wanted() {
    let lines = Arc::new(Lines::default());
    let relay = alone(&lines, local()).await;
    let mut raw = relay.raw().await;
    raw.write(b">wait\none\n>wait\ntwo\n").await;
    assert_eq!(line(&mut raw).await, ">wait\n");
    let open = Arc::clone(&lines.open.lock()[0]);
    open.go_on();
    assert_eq!(line(&mut raw).await, "one\n");
    assert_eq!(line(&mut raw).await, ">wait\n");
    raw.write(b"three\n").await;
    open.go_on();
    assert_eq!(line(&mut raw).await, "two\n");
    assert_eq!(line(&mut raw).await, "three\n");
}

#[tokio::test]
async fn it_has_the_last_word_when_it_wants_no_more() {
    let lines = Arc::new(Lines::default());
    let relay = alone(&lines, local()).await;
    let mut raw = relay.raw().await;
    raw.write(b">end\nmore\n").await;
    assert_eq!(raw.rest().await, b">end\n");
    drop(raw);
    until(|| *lines.left.lock() == [Departure::Closed]).await;
}

#[tokio::test]
async fn it_is_asked_to_go_when_the_relay_ends() {
    let lines = Arc::new(Lines::default());
    let mut relay = alone(&lines, local()).await;
    let mut raw = relay.raw().await;
    raw.write(b"hi\n").await;
    assert_eq!(line(&mut raw).await, "hi\n");
    relay.shutdown.send(true).unwrap();
    assert_eq!(raw.rest().await, b"Shutdown\n");
    drop(raw);
    soon(&mut relay.server).await.unwrap();
    assert_eq!(*lines.left.lock(), [Departure::Closed]);
}

#[tokio::test]
async fn it_says_how_long_a_client_may_be_silent() {
    let lines = Arc::new(Lines { silence_max_s: Some(1), ..Lines::default() });
    let relay = alone(&lines, local()).await;
    let mut raw = relay.raw().await;
    raw.write(b"hi\n").await;
    assert_eq!(raw.rest().await, b"hi\nSilent\n");
}

#[tokio::test]
async fn who_does_not_introduce_himself_is_too_late() {
    let lines = Arc::new(Lines::default());
    let second = Duration::from_secs(1);
    let relay = alone(&lines, Config { handshake_timeout: second, ..local() }).await;
    let mut raw = relay.raw().await;
    raw.write(b"h").await;
    assert_eq!(raw.rest().await, b"Late\n");
}

#[tokio::test]
async fn endless_input_without_meaning_ends_the_connection() {
    let lines = Arc::new(Lines::default());
    let relay = alone(&lines, local()).await;
    let mut raw = relay.raw().await;
    raw.write(&[b'x'; LINE_BYTES_MAX + 1]).await;
    assert!(raw.rest().await.is_empty());
}

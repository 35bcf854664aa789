//! One client: frames from its stream to the router, and what the outbox holds back to it.

use std::sync::Arc;
use std::time::Duration;

use clasp_protocol::stream::Assembly;
use clasp_router::metrics::HandshakeFailure;
use clasp_router::{Close, Connection, Flow, Framing, LinkInfo, Manners, Now, Taken, Wake};
use clasp_transport::{batch, clock};
use quinn::{RecvStream, SendStream};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::farewell;
use crate::fleeting::is_fleeting;
use crate::server::Shared;

/// Bytes read at a time.
const READ_BYTES: usize = 64 << 10;

/// Longest time for a client to take what was queued before its end.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Wakes the session's task.
#[derive(Debug, Default)]
struct Bell(Notify);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}

pub(crate) struct Session {
    shared: Arc<Shared>,
    peer: quinn::Connection,
    link: Connection,
    bell: Arc<Bell>,
    /// Fleeting frames may travel as datagrams.
    datagrams: bool,
    assembly: Assembly,
    /// Frames still go to the router.
    reading: bool,
    /// What the stream gets, and how much of it QUIC has taken.
    out: Vec<u8>,
    written: usize,
    /// Nothing follows `out`.
    closing: Option<Close>,
    /// Until when HELLO has to be there; none afterwards.
    hello_by: Option<Instant>,
    /// Until when some of `out` has to be taken.
    stalls_at: Instant,
    dismissed: bool,
}

/// What a session waits for.
enum Event {
    Wrote(usize),
    Read(bytes::Bytes),
    /// The client has ended its stream.
    Ended,
    Datagram(bytes::Bytes),
    Rang,
    /// A deadline may be over.
    Due,
    /// The relay ends.
    Draining,
    /// The connection is over, or the client does not listen any more.
    Lost,
}

impl Session {
    pub(crate) fn open(shared: Arc<Shared>, peer: quinn::Connection, datagrams: bool) -> Session {
        let bell = Arc::new(Bell::default());
        let info = LinkInfo {
            framing: Framing::Bare,
            remote: peer.remote_address(),
            transport: "quic",
            manners: Manners::Clasp,
        };
        let link = batch(|| shared.router.connect(info, Arc::clone(&bell) as _, clock::now()));
        let now = Instant::now();
        Session {
            hello_by: Some(now + shared.config.handshake_timeout),
            stalls_at: now + shared.config.stall_timeout,
            shared,
            peer,
            link,
            bell,
            datagrams,
            assembly: Assembly::default(),
            reading: true,
            out: Vec::new(),
            written: 0,
            closing: None,
            dismissed: false,
        }
    }

    /// Serves the client to its end.
    pub(crate) async fn run(mut self) {
        if let Some(close) = self.refusal() {
            return self.peer.close(farewell::code(&close), close.reason.as_bytes());
        }
        let Some((mut send, mut recv)) = self.streams().await else { return };
        let mut draining = self.shared.draining.clone();
        loop {
            // A client that is never silent must not keep its thread from others.
            tokio::task::coop::consume_budget().await;
            self.hand_over(clock::now());
            self.refill();
            if self.closing.is_some() && self.written == self.out.len() {
                break;
            }
            let event = self.next(&mut send, &mut recv, &mut draining).await;
            if !self.handle(event) {
                self.read_rest(&mut recv).await;
                break;
            }
        }
        let close = self.closing.take();
        let peer = self.peer.clone();
        batch(|| self.link.leave(clock::now()));
        drop(self);
        part(&peer, send, close).await;
    }

    /// Why the router has refused the connection at once, if it has. There is no stream yet for the
    /// ERROR that says the same.
    fn refusal(&self) -> Option<Close> {
        let outbox = self.link.outbox();
        if outbox.take(&mut Vec::new()) != Taken::Bytes {
            return None;
        }
        match outbox.take(&mut Vec::new()) {
            Taken::Close(close) => Some(close),
            _ => None,
        }
    }

    /// The stream that carries everything, once the client has opened it.
    async fn streams(&mut self) -> Option<(SendStream, RecvStream)> {
        let mut draining = self.shared.draining.clone();
        let limit = self.shared.config.handshake_timeout;
        let (code, reason) = tokio::select! {
            streams = self.peer.accept_bi() => return streams.ok(),
            () = tokio::time::sleep(limit) => {
                self.shared.router.counters().handshake_failed(HandshakeFailure::Timeout);
                (farewell::PROTOCOL, "handshake timeout: open a bidirectional stream for frames")
            }
            _ = draining.wait_for(|stop| *stop) => (farewell::SHUTDOWN, "server shutting down"),
        };
        self.peer.close(code, reason.as_bytes());
        None
    }

    async fn next(
        &mut self,
        send: &mut SendStream,
        recv: &mut RecvStream,
        draining: &mut watch::Receiver<bool>,
    ) -> Event {
        let wants_input = self.reading && self.link.may_read();
        let waits = self.written < self.out.len();
        let stalls_at = waits.then_some(self.stalls_at);
        let due = self.hello_by.into_iter().chain(stalls_at).min();
        tokio::select! {
            written = send.write(&self.out[self.written..]), if waits => {
                written.map_or(Event::Lost, Event::Wrote)
            }
            chunk = recv.read_chunk(READ_BYTES, true), if wants_input => match chunk {
                Ok(Some(chunk)) => Event::Read(chunk.bytes),
                Ok(None) => Event::Ended,
                Err(_) => Event::Lost,
            },
            datagram = self.peer.read_datagram(), if wants_input && self.datagrams => {
                datagram.map_or(Event::Lost, Event::Datagram)
            }
            () = self.bell.0.notified() => Event::Rang,
            () = sleep_until(due) => Event::Due,
            _ = draining.wait_for(|stop| *stop), if !self.dismissed => Event::Draining,
            _ = self.peer.closed() => Event::Lost,
        }
    }

    /// Whether the connection goes on.
    fn handle(&mut self, event: Event) -> bool {
        match event {
            Event::Wrote(bytes) => {
                self.written += bytes;
                self.stalls_at = Instant::now() + self.shared.config.stall_timeout;
                self.shared.router.counters().bytes_sent(bytes);
            }
            Event::Read(bytes) => self.take(&bytes),
            Event::Ended => {
                self.reading = false;
                self.count_loss();
                self.link.outbox().close(Close::new(1000, "the stream has ended"));
            }
            Event::Datagram(bytes) => self.datagram(&bytes),
            Event::Rang => {}
            Event::Due => return self.is_in_time(),
            Event::Draining => {
                self.dismissed = true;
                self.stalls_at = Instant::now() + LAST_WORDS;
                self.link.outbox().close(Close::new(1001, "server shutting down"));
            }
            Event::Lost => {
                self.count_loss();
                return false;
            }
        }
        true
    }

    fn count_loss(&self) {
        if self.hello_by.is_some() {
            self.shared.router.counters().handshake_failed(HandshakeFailure::Gone);
        }
    }

    fn is_in_time(&mut self) -> bool {
        let now = Instant::now();
        if self.hello_by.is_some_and(|by| by <= now) {
            self.hello_by = None;
            self.reading = false;
            self.shared.router.counters().handshake_failed(HandshakeFailure::Timeout);
            self.link.outbox().close(Close::new(1002, "handshake timeout: no HELLO"));
        }
        let stalled = self.written < self.out.len() && self.stalls_at <= now;
        if stalled {
            self.peer.close(farewell::OVERLOAD, b"slow consumer");
        }
        !stalled
    }

    fn take(&mut self, bytes: &[u8]) {
        self.shared.router.counters().bytes_received(bytes.len());
        self.assembly.push(bytes);
    }

    /// Gives the router the frames that are whole, as long as it takes them.
    fn hand_over(&mut self, now: Now) {
        let Session { assembly, link, reading, .. } = self;
        batch(|| {
            while *reading && link.may_read() {
                match assembly.next_frame() {
                    Ok(Some(frame)) => *reading = link.receive(frame, now) == Flow::Continue,
                    Ok(None) => return,
                    Err(error) => {
                        *reading = false;
                        link.outbox().close(Close::new(1002, error.to_string()));
                    }
                }
            }
        });
        self.greet();
    }

    fn greet(&mut self) {
        if self.hello_by.is_none() || !self.link.established() {
            return;
        }
        self.hello_by = None;
        let name = self.link.client_name().unwrap_or_default();
        let session = self.link.session_id().unwrap_or_default();
        tracing::info!(remote = %self.peer.remote_address(), session, "client {name:?} has joined");
    }

    /// What came before the connection was lost still counts; none of it has to be waited for.
    async fn read_rest(&mut self, recv: &mut RecvStream) {
        while self.reading && self.link.may_read() {
            let Ok(Some(chunk)) = recv.read_chunk(READ_BYTES, true).await else { return };
            self.take(&chunk.bytes);
            self.hand_over(clock::now());
        }
    }

    fn datagram(&mut self, bytes: &[u8]) {
        self.shared.router.counters().bytes_received(bytes.len());
        if !self.link.established() || !is_fleeting(bytes) {
            return self.shared.router.counters().decode_error();
        }
        let flow = batch(|| self.link.receive(bytes, clock::now()));
        self.reading = flow == Flow::Continue;
    }

    /// Gets something to write when everything is written.
    fn refill(&mut self) {
        while self.written == self.out.len() && self.closing.is_none() {
            self.out.clear();
            self.written = 0;
            match self.link.outbox().take(&mut self.out) {
                Taken::Bytes => {
                    self.send_fleeting();
                    self.stalls_at = Instant::now() + self.shared.config.stall_timeout;
                }
                Taken::Pull => batch(|| self.link.pull(clock::now())),
                Taken::Close(close) => self.closing = Some(close),
                Taken::Empty => {
                    self.out = Vec::new();
                    return;
                }
            }
        }
    }

    /// Sends by datagram what may travel so and fits; the rest stays for the stream, in order.
    fn send_fleeting(&mut self) {
        let Some(most) = self.peer.max_datagram_size().filter(|_| self.datagrams) else { return };
        let (mut from, mut kept) = (0, 0);
        while let Ok(Some(length)) = clasp_protocol::Frame::needed(&self.out[from..]) {
            let until = (from + length).min(self.out.len());
            let frame = &self.out[from..until];
            let fits = frame.len() <= most && frame.len() <= self.peer.datagram_send_buffer_space();
            let sent = fits
                && is_fleeting(frame)
                && self.peer.send_datagram(bytes::Bytes::copy_from_slice(frame)).is_ok();
            if sent {
                self.shared.router.counters().bytes_sent(length);
            } else {
                self.out.copy_within(from..until, kept);
                kept += until - from;
            }
            from = until;
        }
        self.out.truncate(kept);
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Closes the connection when the client has taken everything, at once if it is lost anyway.
async fn part(peer: &quinn::Connection, mut send: SendStream, close: Option<Close>) {
    let close = close.unwrap_or_else(|| Close::new(1000, ""));
    if send.finish().is_ok() {
        let _ = tokio::time::timeout(LAST_WORDS, send.stopped()).await;
    }
    peer.close(farewell::code(&close), close.reason.as_bytes());
}

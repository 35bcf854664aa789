//! One connection's life after the upgrade: socket to router, and the waits for both directions.

mod peer;

use std::cell::{Cell, RefCell};
use std::future::Future as _;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use clasp_auth::Permit;
use clasp_protocol::stream::Delimiter;
use clasp_router::metrics::HandshakeFailure;
use clasp_router::{Close, Flow, Framing, LinkInfo, Manners, Now};

use crate::batch::{Owed, batch, batch_owing, checkpoint};
use crate::clock;
use crate::cutter::Cutter;
use crate::gathering::weight;
use crate::link::{Flusher, Link, Source, state};
use crate::server::Shared;
use crate::talk::{Departure, Dismissal};
use crate::upgrade::{Spoken, Upgraded};
use crate::websocket::{Decoder, Event, Step};
use peer::Peer;

/// Bytes read at a time, into a buffer that all connections of a thread share.
const READ_BYTES: usize = 128 << 10;
const _: () = assert!(READ_BYTES >= clasp_tls::READ_BYTES_MAX);

/// Reads, or answers of the router to a pull, before other connections get their turn.
const ROUNDS: usize = 4;

/// Weight of messages of one read after which receivers are served, so that a burst that came in
/// one read does not make them look slow.
const WEIGHT_PER_FLUSH: usize = 256;

/// Receivers from which on a client always lets others that are ready speak first, so that each
/// receiver gets all their messages in one write; the rescheduling is a small part of the cost.
const PATIENCE_LINKS: usize = 16;

/// Another client's words on this thread so recently mean that more are likely to be waiting.
const CROWD_US: u64 = 100;

/// Seconds for the peer to answer a Close, or to end its side of the stream.
const CLOSE_ANSWER_S: u32 = 2;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    /// Place of the client that spoke last, and when by the monotonic clock.
    static SPOKE: Cell<(u32, u64)> = const { Cell::new((u32::MAX, 0)) };
}

/// What is still made of the client's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// Messages go to the peer.
    Messages,
    /// Only a Close is waited for.
    Close,
    /// Nothing: the bytes cannot be understood any more, or matter no more.
    Nothing,
    /// The peer has sent its Close, or ended its side of the stream.
    Over,
}

/// What became of the start of the input.
enum Frame {
    /// So many bytes are done with.
    Used(usize),
    /// So many bytes are lacking before the next step.
    Lacks(usize),
}

/// Has the task polled again when others, and sockets that are ready, have had their turn.
fn after_others(cx: &mut Context<'_>) {
    // The runtime keeps what yields until it has looked at the sockets.
    let _ = std::pin::pin!(tokio::task::yield_now()).poll(cx);
}

/// One client, owned by its task.
pub(crate) struct Client {
    shared: Arc<Shared>,
    link: Arc<Link>,
    peer: Peer,
    cutter: Cutter,
    /// Start of a frame whose rest has not come yet; while `stalled`, everything not yet handed
    /// over.
    tail: Vec<u8>,
    /// The peer does not take the next message yet.
    stalled: bool,
    reading: Reading,
    hello_done: bool,
    close_sent: bool,
    /// Receivers of what this client said last wait until it is polled again.
    patient: bool,
    /// Others have had their turn since the last pull.
    yielded: bool,
    _permit: Option<Box<Permit>>,
}

impl Client {
    /// Introduces an upgraded socket to the router, or to the door for what it speaks.
    pub(crate) fn open(shared: Arc<Shared>, upgraded: Upgraded) -> Client {
        let Upgraded { stream, channel, visitor, spoken, early } = upgraded;
        let now = clock::now();
        let counters = Arc::clone(shared.router.counters());
        let pinged = spoken.framing == Framing::WebSocket && spoken.dialect.is_none();
        let link = Link::new((stream, channel), (spoken.framing, pinged), counters);
        let remote = visitor.remote;
        let cutter = cutter(&shared, &spoken);
        let peer = batch(|| match spoken {
            Spoken { framing, dialect: None } => {
                let transport = if pinged { "websocket" } else { "tcp" };
                let info = LinkInfo { framing, remote, transport, manners: Manners::Clasp };
                let connection = shared.router.connect(info, Arc::clone(&link) as _, now);
                link.attach(Source::Clasp(Some(Arc::clone(connection.outbox()))));
                Peer::Clasp(connection)
            }
            Spoken { dialect: Some(dialect), .. } => {
                let talk = dialect.open(remote, Arc::clone(&link) as _, now);
                link.attach(Source::Foreign(Arc::clone(&talk)));
                Peer::foreign(talk)
            }
        });
        shared.arrive(&link, now);
        link.place.store(shared.registry.insert(Arc::clone(&link)), Ordering::Relaxed);
        let mut client = Client {
            _permit: visitor.permit.map(Box::new),
            shared,
            link,
            peer,
            cutter,
            tail: Vec::new(),
            stalled: false,
            reading: Reading::Messages,
            hello_done: false,
            close_sent: false,
            patient: false,
            yielded: false,
        };
        if client.shared.is_draining() {
            client.link.dismiss(Dismissal::Shutdown, now);
        }
        if !early.is_empty() {
            batch(|| client.accept(&mut early.to_vec(), now));
        }
        client
    }

    /// Moves bytes until both directions have to wait; ready at the end of the connection.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.link.register(cx.waker());
        if std::mem::take(&mut self.patient) {
            self.shared.gathering.disperse();
        }
        for _ in 0..ROUNDS {
            if self.poll_output(cx).is_break() {
                return Poll::Ready(());
            }
            match self.poll_input(cx) {
                Poll::Ready(ControlFlow::Continue(())) => {}
                Poll::Ready(ControlFlow::Break(())) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
            if self.patient {
                break;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Does what only this task may do for the outgoing side; breaks at the end of the connection.
    fn poll_output(&mut self, cx: &mut Context<'_>) -> ControlFlow<()> {
        for _ in 0..ROUNDS {
            let state = self.link.state();
            if state & state::GONE != 0 {
                return ControlFlow::Break(());
            }
            if state & state::CLOSED != 0 {
                return self.close_is_sent();
            }
            if state & state::BLOCKED != 0 {
                match self.link.poll_unblock(cx) {
                    Poll::Pending => return ControlFlow::Continue(()),
                    Poll::Ready(Err(_)) => return ControlFlow::Break(()),
                    Poll::Ready(Ok(())) => {}
                }
            } else if state & state::PULL != 0 {
                // A snapshot of everything takes many of these, which others are not to notice. The
                // runtime takes who has yielded before those whose sockets it has just found
                // ready, so it takes two turns to let them go first.
                if !std::mem::replace(&mut self.yielded, true) {
                    after_others(cx);
                    return ControlFlow::Continue(());
                }
                self.yielded = false;
                self.link.clear(state::PULL);
                batch(|| self.peer.pull(clock::now()));
                self.link.flush(Flusher::Owner);
                after_others(cx);
                return ControlFlow::Continue(());
            } else if state & state::FLUSH != 0 {
                self.link.clear(state::FLUSH);
            } else {
                return ControlFlow::Continue(());
            }
            self.link.flush(Flusher::Owner);
        }
        after_others(cx);
        ControlFlow::Continue(())
    }

    /// Ends at once if the peer has closed as well, else gives it time to.
    fn close_is_sent(&mut self) -> ControlFlow<()> {
        if self.reading == Reading::Over {
            return ControlFlow::Break(());
        }
        if !self.close_sent {
            self.close_sent = true;
            if self.reading == Reading::Messages {
                self.stop_reading();
            }
            if !self.has_control_frames() {
                self.link.end_stream();
            }
            self.link.limit_life(clock::seconds(clock::now()) + CLOSE_ANSWER_S);
        }
        ControlFlow::Continue(())
    }

    /// Makes nothing more of the client's messages.
    fn stop_reading(&mut self) {
        if self.has_control_frames() {
            self.reading = Reading::Close;
        } else {
            self.reading = Reading::Nothing;
            self.tail = Vec::new();
        }
    }

    fn has_control_frames(&self) -> bool {
        matches!(self.cutter, Cutter::WebSocket(_))
    }

    /// Reads once; breaks at the end of the connection.
    fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<ControlFlow<()>> {
        if self.reading == Reading::Over || !self.may_read() {
            return Poll::Pending;
        }
        if std::mem::take(&mut self.stalled) {
            let mut held = std::mem::take(&mut self.tail);
            let now = clock::now();
            batch(|| {
                if let Peer::Foreign(_) = self.peer {
                    self.hand_over(&[], now);
                }
                self.accept(&mut held, now);
            });
            return Poll::Ready(ControlFlow::Continue(()));
        }
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.resize(READ_BYTES, 0);
            let bytes = match self.link.poll_read(cx, scratch) {
                Poll::Ready(Ok(bytes)) if bytes > 0 => bytes,
                Poll::Ready(Ok(_)) => return Poll::Ready(self.stream_ended()),
                Poll::Ready(Err(_)) => {
                    self.lose();
                    return Poll::Ready(ControlFlow::Break(()));
                }
                Poll::Pending => return Poll::Pending,
            };
            let now = clock::now();
            self.shared.router.counters().bytes_received(bytes);
            self.shared.heard(&self.link, now);
            let ((), owed) = batch_owing(|| self.accept(&mut scratch[..bytes], now));
            if self.is_patient(&owed, now) {
                self.patient = true;
                self.shared.gathering.join(owed);
            } else {
                owed.settle();
            }
            Poll::Ready(ControlFlow::Continue(()))
        })
    }

    /// The peer writes nothing more. Who speaks plain frames may still wait for the answers.
    fn stream_ended(&mut self) -> ControlFlow<()> {
        self.lose();
        if self.reading != Reading::Messages
            || self.has_control_frames()
            || !matches!(self.peer, Peer::Clasp(_))
        {
            return ControlFlow::Break(());
        }
        self.reading = Reading::Over;
        self.link.close(&Close::new(1000, "the stream has ended"), clock::now());
        ControlFlow::Continue(())
    }

    /// The peer has gone without a Close.
    fn lose(&self) {
        if !self.hello_done && self.reading == Reading::Messages {
            self.shared.router.counters().handshake_failed(HandshakeFailure::Gone);
        }
    }

    /// Whether receivers are better served after others have spoken.
    fn is_patient(&self, owed: &Owed, now: Now) -> bool {
        let place = self.link.place.load(Ordering::Relaxed);
        let (last, last_us) = SPOKE.replace((place, now.mono_us));
        let crowded = last != place && now.mono_us.saturating_sub(last_us) < CROWD_US;
        owed.len() >= PATIENCE_LINKS || (crowded && owed.len() > 0 && !owed.is_only(&self.link))
    }

    /// Whether the peer takes more; otherwise this task is woken when the outbox is drained.
    fn may_read(&self) -> bool {
        if self.reading != Reading::Messages || self.peer.may_read() {
            return true;
        }
        self.link.pause();
        self.peer.may_read()
    }

    /// Takes bytes as they came from the socket.
    fn accept(&mut self, fresh: &mut [u8], mut now: Now) {
        let rest = self.complete_tail(fresh, now);
        let mut used = 0;
        let mut unflushed = 0;
        while used < rest.len() && self.reads_frames() {
            if self.reading == Reading::Messages && !self.peer.may_read() {
                self.stalled = true;
                self.tail.extend_from_slice(&rest[used..]);
                break;
            }
            match self.frame(&mut rest[used..], now) {
                Frame::Used(bytes) => {
                    used += bytes;
                    unflushed += weight(1, bytes);
                }
                Frame::Lacks(_) => {
                    self.tail.extend_from_slice(&rest[used..]);
                    break;
                }
            }
            if unflushed >= WEIGHT_PER_FLUSH {
                checkpoint();
                self.shared.gathering.count(unflushed);
                unflushed = 0;
                // A long read takes milliseconds, and the journal's interval is no longer.
                now = clock::now();
            }
        }
        self.shared.gathering.count(unflushed);
        self.stalled |= self.peer.holds();
        if !self.hello_done && self.peer.established() {
            self.hello_done = true;
            self.peer.log();
            self.shared.greeted(&self.link);
        }
    }

    /// Adds to the unfinished frame just what it lacks and reads it; the rest of `fresh`.
    fn complete_tail<'a>(&mut self, fresh: &'a mut [u8], now: Now) -> &'a mut [u8] {
        let mut rest = fresh;
        while !self.tail.is_empty() {
            let mut tail = std::mem::take(&mut self.tail);
            let Frame::Lacks(bytes) = self.frame(&mut tail, now) else {
                break;
            };
            if rest.is_empty() {
                self.tail = tail;
                break;
            }
            let (part, later) = rest.split_at_mut(rest.len().min(bytes));
            tail.extend_from_slice(part);
            self.tail = tail;
            rest = later;
        }
        rest
    }

    fn reads_frames(&self) -> bool {
        matches!(self.reading, Reading::Messages | Reading::Close)
    }

    /// Reads one frame and does what it asks.
    fn frame(&mut self, input: &mut [u8], now: Now) -> Frame {
        let bytes = input.len();
        match self.cutter.next(input) {
            Ok(Step::Need(needed)) => Frame::Lacks(needed - bytes),
            Ok(Step::Frame { used, event }) => {
                if let Some(event) = event {
                    self.handle(event, now);
                }
                Frame::Used(used)
            }
            Err(violation) => {
                self.reading = Reading::Nothing;
                self.link.close(&Close::new(violation.code, violation.reason), now);
                self.link.mark(state::FLUSH);
                Frame::Used(bytes)
            }
        }
    }

    /// Gives the peer one message.
    fn hand_over(&mut self, message: &[u8], now: Now) {
        if self.reading == Reading::Messages
            && let Flow::Closing = self.peer.receive(message, now)
        {
            self.stop_reading();
            self.link.hurry(now);
        }
    }

    fn handle(&mut self, event: Event<'_>, now: Now) {
        match event {
            Event::Message(message) => self.hand_over(&message, now),
            Event::Ping(payload) => {
                self.link.pong(payload);
                self.link.mark(state::FLUSH);
            }
            Event::Pong => {}
            Event::Close(code) => {
                self.reading = Reading::Over;
                self.link.answer_close(code);
                self.link.mark(state::FLUSH);
                self.link.limit_life(clock::seconds(now) + CLOSE_ANSWER_S);
            }
        }
    }
}

/// How the bytes of a client are taken apart.
fn cutter(shared: &Shared, spoken: &Spoken) -> Cutter {
    match (spoken.framing, &spoken.dialect) {
        (Framing::WebSocket, None) => {
            Cutter::WebSocket(Decoder::new(shared.config.message_bytes_max))
        }
        (Framing::WebSocket, Some(dialect)) => {
            Cutter::WebSocket(Decoder::new(dialect.message_bytes_max()))
        }
        (Framing::LengthPrefixed, _) => Cutter::Frames(Delimiter::Length),
        (Framing::Bare, None) => Cutter::Frames(Delimiter::Header),
        (Framing::Bare, Some(_)) => Cutter::Whole,
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.link.release();
        if let Peer::Foreign(_) = self.peer {
            // Its door may keep what wakes the link, and the socket with it, for a while.
            self.link.hang_up();
        }
        self.shared.registry.remove(self.link.place.load(Ordering::Relaxed));
        let violated = self.has_control_frames() && self.reading == Reading::Nothing;
        let closed = self.close_sent && !violated;
        let how = if closed { Departure::Closed } else { Departure::Lost };
        self.peer.leave(how, clock::now());
    }
}

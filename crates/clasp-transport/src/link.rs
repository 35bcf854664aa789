//! One client's socket with what is on its way out: shared by the link's own task, which reads and
//! waits, and by every thread that has something for the client, which writes in place.

mod output;
mod source;

use std::fmt;
use std::io::{self, Read as _};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use clasp_router::metrics::Metrics;
use clasp_router::{Close, Framing, Now, Wake};
use clasp_tls::{Channel, Received};
use parking_lot::Mutex;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::batch;
use crate::clock;
use crate::talk::Dismissal;
use output::{Output, Refill};
pub(crate) use source::Source;

/// Bits of [`Link::state`].
pub(crate) mod state {
    /// Somebody is writing.
    pub(super) const BUSY: u8 = 1;
    /// Somebody else has news for the one who is writing.
    pub(super) const AGAIN: u8 = 1 << 1;
    /// The task does not read until the outbox is drained.
    pub(super) const PAUSED: u8 = 1 << 2;
    /// The task is to flush.
    pub(crate) const FLUSH: u8 = 1 << 3;
    /// The task is to make the router produce more.
    pub(crate) const PULL: u8 = 1 << 4;
    /// The socket is full: the task waits for it, others leave it alone.
    pub(crate) const BLOCKED: u8 = 1 << 5;
    /// The last byte is written, that of a Close frame if there is such a thing.
    pub(crate) const CLOSED: u8 = 1 << 6;
    /// The connection is over.
    pub(crate) const GONE: u8 = 1 << 7;
}
use state::{AGAIN, BLOCKED, BUSY, CLOSED, FLUSH, GONE, PAUSED, PULL};

/// Seconds for what is queued before a Close to be written.
const LAST_WORDS_S: u32 = 5;

/// When the system asks a peer that is not pinged whether it is still there, and how often.
const KEEPALIVE: TcpKeepalive =
    TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(15));

/// Bytes written to one link before others get their turn.
const FLUSH_BYTES_MAX: usize = 1 << 20;

/// Who flushes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flusher {
    /// The link's own task, which looks at the state afterwards.
    Owner,
    /// Anybody else; the task is woken when there is something left to do.
    Other,
}

/// Moments of a link in [`crate::clock::seconds`]; 0 means never.
#[derive(Debug, Default)]
pub(crate) struct Moments {
    /// Bytes came in.
    pub(crate) inbound_s: AtomicU32,
    /// A ping went out.
    pub(crate) pinged_s: AtomicU32,
    /// HELLO must be there.
    pub(crate) handshake_by_s: AtomicU32,
    /// The connection must be over.
    pub(crate) gone_by_s: AtomicU32,
    /// The socket has been full.
    pub(crate) blocked_since_s: AtomicU32,
}

/// One client's socket and its outgoing side.
pub(crate) struct Link {
    stream: TcpStream,
    state: AtomicU8,
    /// Reading needs the channel in `output`.
    encrypted: bool,
    /// There are control frames, and the client is pinged.
    pinged: bool,
    /// Where the registry has it.
    pub(crate) place: AtomicU32,
    pub(crate) moments: Moments,
    counters: Arc<Metrics>,
    task: Mutex<Option<Waker>>,
    output: Mutex<Output>,
}

impl Link {
    /// A link that feeds its traffic to `counters`; encrypted if there is a channel.
    pub(crate) fn new(
        (stream, channel): (TcpStream, Option<Box<Channel>>),
        (framing, pinged): (Framing, bool),
        counters: Arc<Metrics>,
    ) -> Arc<Link> {
        let owes = channel.as_ref().is_some_and(|channel| channel.owes());
        if !pinged {
            // Where it fails the session timeout is left.
            let _ = SockRef::from(&stream).set_tcp_keepalive(&KEEPALIVE);
        }
        Arc::new(Link {
            stream,
            counters,
            state: AtomicU8::new(if owes { FLUSH } else { 0 }),
            encrypted: channel.is_some(),
            pinged,
            place: AtomicU32::new(u32::MAX),
            moments: Moments::default(),
            task: Mutex::new(None),
            output: Mutex::new(Output::over(channel, framing)),
        })
    }

    /// Connects the link to where its bytes come from.
    pub(crate) fn attach(&self, source: Source) {
        self.output.lock().attach(source);
    }

    /// The current bits of [`state`].
    pub(crate) fn state(&self) -> u8 {
        self.state.load(Ordering::Acquire)
    }

    /// Sets a bit that the task will see before it rests; only for the task itself.
    pub(crate) fn mark(&self, bit: u8) {
        self.state.fetch_or(bit, Ordering::AcqRel);
    }

    /// Clears a bit that the task is about to act upon.
    pub(crate) fn clear(&self, bit: u8) {
        self.state.fetch_and(!bit, Ordering::AcqRel);
    }

    /// Remembers the task that [`Self::summon`] wakes.
    pub(crate) fn register(&self, waker: &Waker) {
        let mut task = self.task.lock();
        if !task.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *task = Some(waker.clone());
        }
    }

    /// Leaves flushing to the link's task.
    pub(crate) fn request_flush(&self) {
        self.summon(FLUSH);
    }

    /// Ends the connection without further words.
    pub(crate) fn kill(&self) {
        self.summon(GONE);
    }

    fn summon(&self, bit: u8) {
        if self.state.fetch_or(bit, Ordering::AcqRel) & bit == 0 {
            self.wake_task();
        }
    }

    fn wake_task(&self) {
        if let Some(task) = &*self.task.lock() {
            task.wake_by_ref();
        }
    }

    /// Asks for the end after everything queued, to be reached soon.
    pub(crate) fn dismiss(&self, why: Dismissal, now: Now) {
        let source = self.source();
        self.hurry(now);
        source.dismiss(why, now);
    }

    /// Ends with `close`, in the case of CLASP after everything queued; the caller flushes.
    pub(crate) fn close(&self, close: &Close, now: Now) {
        let source = self.source();
        self.hurry(now);
        if !source.close(close) {
            self.output.lock().cut(close);
        }
    }

    /// Sends the end of the stream; nothing is written afterwards.
    pub(crate) fn end_stream(&self) {
        // It fails only if the connection is over.
        let _ = SockRef::from(&self.stream).shutdown(Shutdown::Write);
    }

    /// Ends the stream in both directions, whoever still holds the link.
    pub(crate) fn hang_up(&self) {
        let _ = SockRef::from(&self.stream).shutdown(Shutdown::Both);
    }

    /// Seconds of silence that the client may keep, if it has a say in that.
    pub(crate) fn silence_max_s(&self) -> Option<u32> {
        if self.pinged {
            return None;
        }
        self.source().silence_max_s()
    }

    /// Whether a silent client is to be pinged.
    pub(crate) fn is_pinged(&self) -> bool {
        self.pinged
    }

    /// Not called under the output's lock: the source has locks of its own.
    fn source(&self) -> Source {
        self.output.lock().source()
    }

    /// What is queued has to be written in [`LAST_WORDS_S`].
    pub(crate) fn hurry(&self, now: Now) {
        self.limit_life(clock::seconds(now) + LAST_WORDS_S);
    }

    /// The connection is to end by `gone_by_s` unless it already is to end sooner.
    pub(crate) fn limit_life(&self, gone_by_s: u32) {
        let sooner = |known: u32| (known == 0 || gone_by_s < known).then_some(gone_by_s);
        let _ = self.moments.gone_by_s.fetch_update(Ordering::Relaxed, Ordering::Relaxed, sooner);
    }

    /// Queues a WebSocket ping; the caller flushes.
    pub(crate) fn ping(&self) {
        self.output.lock().ping();
    }

    /// Queues the answer to a ping in place of an older one; the caller flushes.
    pub(crate) fn pong(&self, payload: &[u8]) {
        self.output.lock().pong(payload);
    }

    /// Answers the peer's Close instead of what is still queued; the caller flushes.
    pub(crate) fn answer_close(&self, code: Option<u16>) {
        self.output.lock().answer_close(code);
    }

    /// Parts from the outbox for good; it holds this link and would keep it alive.
    pub(crate) fn release(&self) {
        self.output.lock().release();
    }

    /// Registers the task's wish to read on, once the outbox is drained.
    ///
    /// The caller has to ask the router again afterwards, lest the last flush went unnoticed.
    pub(crate) fn pause(&self) {
        self.state.fetch_or(PAUSED, Ordering::AcqRel);
    }

    /// Writes what there is to write, or leaves it to the one who is already writing.
    ///
    /// Every call ends after a finite amount, without waiting for anybody.
    pub(crate) fn flush(&self, by: Flusher) {
        if self.state.fetch_or(BUSY | AGAIN, Ordering::AcqRel) & BUSY != 0 {
            return;
        }
        loop {
            self.state.fetch_and(!AGAIN, Ordering::AcqRel);
            let left = self.write_out();
            if self.settle(left, by) {
                return;
            }
        }
    }

    /// Gives the right to write back, unless there is news. `left` is the bit of what remains.
    fn settle(&self, left: u8, by: Flusher) -> bool {
        let mut state = self.state.load(Ordering::Acquire);
        loop {
            if left == 0 && state & AGAIN != 0 {
                return false;
            }
            let mut next = (state & !(BUSY | AGAIN)) | left;
            if left == 0 {
                next &= !PAUSED;
            }
            let swap =
                self.state.compare_exchange_weak(state, next, Ordering::AcqRel, Ordering::Acquire);
            match swap {
                Ok(_) => break,
                Err(current) => state = current,
            }
        }
        let news = left & !state != 0 || (left == 0 && state & PAUSED != 0);
        if news && by == Flusher::Other {
            self.wake_task();
        }
        true
    }

    /// Writes until there is nothing, or nothing more can be done here; the bit of what remains.
    fn write_out(&self) -> u8 {
        let stop = self.state() & (BLOCKED | CLOSED | GONE);
        if stop != 0 {
            return stop;
        }
        let mut bytes = 0;
        let left = self.write_some(&mut self.output.lock(), &mut bytes);
        if bytes > 0 {
            self.counters.bytes_sent(bytes);
        }
        left
    }

    fn write_some(&self, output: &mut Output, sent: &mut usize) -> u8 {
        loop {
            match output.refill() {
                Refill::Bytes => {}
                Refill::Nothing => return 0,
                Refill::Pull => return PULL,
                Refill::Closed => return CLOSED,
            }
            if *sent >= FLUSH_BYTES_MAX {
                return FLUSH;
            }
            match output.write(|bytes| self.stream.try_write(bytes)) {
                Ok(bytes) => *sent += bytes,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return BLOCKED,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    output.release();
                    return GONE;
                }
            }
        }
    }

    /// Whether the full socket has room again; otherwise the task is woken when it has.
    pub(crate) fn poll_unblock(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ready = self.stream.poll_write_ready(cx);
        if ready.is_ready() {
            self.moments.blocked_since_s.store(0, Ordering::Relaxed);
            self.clear(BLOCKED);
        }
        ready
    }

    /// Reads what is there, at most [`clasp_tls::READ_BYTES_MAX`] of an encrypted connection; the
    /// task is woken when more comes. 0 bytes mean the end.
    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.encrypted && self.output.lock().has_ended() {
            return Poll::Ready(Ok(0));
        }
        loop {
            match self.stream.poll_read_ready(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
            let read = if self.encrypted { self.decrypt(into) } else { self.try_read(into) };
            match read {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return Poll::Ready(done),
            }
        }
    }

    /// Reads records and leaves their plaintext in `into`.
    fn decrypt(&self, into: &mut [u8]) -> io::Result<usize> {
        let mut bytes = 0;
        let mut output = self.output.lock();
        let received = output.read(
            |records| self.try_read(records),
            |piece| {
                into[bytes..bytes + piece.len()].copy_from_slice(piece);
                bytes += piece.len();
            },
        );
        let owes = output.owes();
        drop(output);
        if owes {
            self.flush(Flusher::Other);
        }
        match received? {
            // Part of a record, or one without content.
            Received::Bytes(0) => Err(io::ErrorKind::WouldBlock.into()),
            Received::Bytes(bytes) => Ok(bytes),
            Received::End => Ok(0),
        }
    }

    fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        let mut bytes = 0;
        let read = self.stream.try_io(Interest::READABLE, || {
            bytes = (&*SockRef::from(&self.stream)).read(into)?;
            // A short read has emptied the socket. Telling the runtime so saves the system call
            // that would find it out; only edge-triggered pollers report the next byte by itself.
            if cfg!(target_os = "linux") && bytes > 0 && bytes < into.len() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Ok(())
        });
        match read {
            Err(error) if bytes == 0 => Err(error),
            _ => Ok(bytes),
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl Wake for Link {
    fn wake(self: Arc<Self>) {
        batch::defer(self);
    }
}

//! One link's life in the router: HELLO, frames in order, one cleanup (routing.md section 2).

mod inquiry;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use clasp_protocol::codec::{self, DecodeError};
use clasp_protocol::message::SignalInfo;
use clasp_protocol::{ErrorCode, Frame, Message, Pattern};

use crate::broadcast::Framing;
use crate::clock::Now;
use crate::dispatch::Request;
use crate::handshake::{self, Arrival};
use crate::lookup;
use crate::metrics::{DropKind, HandshakeFailure};
use crate::outbox::{Close, Outbox};
use crate::rate::{Allowance, Verdict};
use crate::refusal::Refusal;
use crate::router::Router;
use crate::session::Session;
pub use inquiry::{Page, Wanted};

/// What a door tells about a new link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkInfo {
    /// How frames are delimited towards it.
    pub framing: Framing,
    /// Address of the client; with port 0 if only a proxy knows that.
    pub remote: SocketAddr,
    /// Name of the wire for logs and metrics.
    pub transport: &'static str,
    /// What the other side takes for granted.
    pub manners: Manners,
}

/// What the other side of a link takes for granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Manners {
    /// Those of the published CLASP clients: an initial snapshot, confirmations as the operator
    /// chose.
    #[default]
    Clasp,
    /// Those of a door for another protocol: no initial snapshot; each request above QoS 0, and
    /// no other, is answered exactly once, with the number it was handed over with.
    Foreign,
}

impl LinkInfo {
    /// Where the client is, for people: without the port if that is not known.
    pub fn whereabouts(&self) -> impl fmt::Display + use<> {
        let remote = self.remote;
        fmt::from_fn(move |f| match remote.port() {
            0 => write!(f, "{}", remote.ip()),
            _ => write!(f, "{remote}"),
        })
    }
}

/// Whether a door should go on reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// Stop reading; flush the outbox until it yields a close.
    Closing,
}

/// Undecodable frames within [`BAD_FRAMES_WINDOW_US`] that end a session.
const BAD_FRAMES_MAX: u32 = 32;
const BAD_FRAMES_WINDOW_US: u64 = 10_000_000;
const BAD_FRAME_NOTICE_US: u64 = 1_000_000;

/// One link, from its upgrade to its end; dropping it runs the cleanup.
#[derive(Debug)]
pub struct Connection {
    router: Arc<Router>,
    outbox: Arc<Outbox>,
    peer: u64,
    /// Until HELLO has come.
    link: Option<Box<LinkInfo>>,
    session: Option<Arc<Session>>,
    /// What the session may send; absent without limits.
    allowance: Option<Box<Allowance>>,
    /// Absent while all frames were good.
    bad: Option<Box<BadFrames>>,
    /// Whether it counts against the most sessions.
    counted: bool,
}

/// What a door says of a request besides its frame.
#[derive(Debug, Clone, Copy, Default)]
struct Terms {
    /// Number that its answer, ACK or ERROR, carries.
    correlation: Option<u32>,
    /// A SUBSCRIBE begins without the present state.
    quiet: bool,
}

#[derive(Debug, Default)]
struct BadFrames {
    count: u32,
    since_us: u64,
    noticed_us: Option<u64>,
}

impl Connection {
    pub(crate) fn new(
        router: Arc<Router>,
        outbox: Arc<Outbox>,
        peer: u64,
        link: LinkInfo,
    ) -> Connection {
        Connection {
            router,
            outbox,
            peer,
            link: Some(Box::new(link)),
            session: None,
            allowance: None,
            bad: None,
            counted: true,
        }
    }

    /// The same, not counted.
    pub(crate) fn apart(self) -> Connection {
        let mut connection = self;
        connection.counted = false;
        connection
    }

    /// As [`Connection::receive_numbered`]; a SUBSCRIBE does not tell the present state.
    pub fn receive_quietly(&mut self, frame: &[u8], correlation: u32, now: Now) -> Flow {
        self.receive_on(frame, Terms { correlation: Some(correlation), quiet: true }, now)
    }

    /// Takes one frame whose answer, ACK or ERROR, is to carry this number.
    pub fn receive_numbered(&mut self, frame: &[u8], correlation: u32, now: Now) -> Flow {
        self.receive_on(frame, Terms { correlation: Some(correlation), quiet: false }, now)
    }

    /// Takes one transport message: one frame or several back to back.
    pub fn receive(&mut self, bytes: &[u8], now: Now) -> Flow {
        self.receive_on(bytes, Terms::default(), now)
    }

    #[inline]
    fn receive_on(&mut self, bytes: &[u8], terms: Terms, now: Now) -> Flow {
        let mut rest = bytes;
        loop {
            match Frame::parse(rest) {
                Ok(frame) => {
                    let len = frame.len;
                    if self.frame(&frame, terms, now) == Flow::Closing {
                        return Flow::Closing;
                    }
                    rest = &rest[len..];
                }
                // What follows a whole frame without being one is ignored (wire.md section 1).
                Err(_) if rest.len() < bytes.len() => return Flow::Continue,
                Err(error) => {
                    let text = format!("unusable frame: {error}");
                    return self.bad_frame((ErrorCode::InvalidFrame, text), terms, now);
                }
            }
            if rest.is_empty() {
                return Flow::Continue;
            }
        }
    }

    fn frame(&mut self, frame: &Frame<'_>, terms: Terms, now: Now) -> Flow {
        if self.outbox.is_closing() {
            return Flow::Closing;
        }
        match codec::decode(frame.payload) {
            Ok(message) if self.session.is_some() => {
                self.established_message((frame, terms), &message, now)
            }
            Ok(message) => self.first_message((frame, terms), &message, now),
            Err(error) => self.undecodable(&error, terms, now),
        }
    }

    fn first_message(
        &mut self,
        (frame, terms): (&Frame<'_>, Terms),
        message: &Message<'_>,
        now: Now,
    ) -> Flow {
        self.router.metrics.message(message.kind());
        if codec::is_legacy(frame.payload) {
            self.outbox.speak_legacy();
        }
        let outcome = match (message, self.link.take()) {
            (Message::Hello(hello), Some(link)) => {
                let arrival = Arrival { outbox: &self.outbox, peer: self.peer, link: *link };
                handshake::greet(&self.router, hello, &arrival, now)
            }
            _ => Err(handshake::Rejected {
                refusal: Refusal::new(ErrorCode::InvalidMessage, "the first message must be HELLO"),
                close_code: 1002,
                reason: HandshakeFailure::NotHello,
            }),
        };
        match outcome {
            Ok(session) => {
                let remote = session.guest.link.remote.ip();
                self.allowance =
                    self.router.rates.allowance(session.grant.subject.as_ref(), remote);
                self.session = Some(session);
                Flow::Continue
            }
            Err(rejected) => {
                self.router.metrics.handshake_failed(rejected.reason);
                self.refuse(&rejected.refusal, terms, now);
                self.outbox.close(rejected.refusal.to_close(rejected.close_code));
                Flow::Closing
            }
        }
    }

    fn established_message(
        &mut self,
        (frame, terms): (&Frame<'_>, Terms),
        message: &Message<'_>,
        now: Now,
    ) -> Flow {
        let Some(session) = &self.session else { return Flow::Continue };
        self.router.metrics.message(message.kind());
        session.count_received();
        if let Some(allowance) = &mut self.allowance {
            match allowance.take(crate::dispatch::cost(message), now.mono_us) {
                Verdict::Allowed => {}
                verdict => return self.over_limit(verdict, terms, now),
            }
        }
        let request = Request {
            router: &self.router,
            session,
            qos: frame.qos,
            correlation: terms.correlation,
            quiet: terms.quiet,
            wire: frame.payload,
            now,
        };
        if let Err(refusal) = request.dispatch(message) {
            self.refuse(&refusal, terms, now);
        }
        Flow::Continue
    }

    /// Discards a message beyond a rate limit.
    #[cold]
    fn over_limit(&self, verdict: Verdict, terms: Terms, now: Now) -> Flow {
        self.router.metrics.dropped(DropKind::RateLimit);
        match verdict {
            Verdict::Exhausted => {
                self.outbox.close(Close::new(1008, "rate limit exceeded for too long"));
                return Flow::Closing;
            }
            Verdict::Refused { notice: Some(notice) } => {
                let refusal = Refusal::new(ErrorCode::TooManyRequests, notice.to_string());
                self.refuse(&refusal, terms, now);
            }
            // Whoever counts on an answer gets one.
            Verdict::Refused { notice: None } if terms.correlation.is_some() => {
                let text = "rate limit exceeded";
                self.refuse(&Refusal::new(ErrorCode::TooManyRequests, text), terms, now);
            }
            Verdict::Refused { notice: None } | Verdict::Allowed => {}
        }
        Flow::Continue
    }

    fn undecodable(&mut self, error: &DecodeError, terms: Terms, now: Now) -> Flow {
        if self.session.is_none() {
            self.router.metrics.handshake_failed(HandshakeFailure::Undecodable);
            self.outbox.close(Close::new(1002, "the first message must be HELLO"));
            return Flow::Closing;
        }
        self.bad_frame((ErrorCode::InvalidMessage, error.to_string()), terms, now)
    }

    fn bad_frame(&mut self, (code, text): (ErrorCode, String), terms: Terms, now: Now) -> Flow {
        self.router.metrics.decode_error();
        if self.session.is_none() {
            self.router.metrics.handshake_failed(HandshakeFailure::Undecodable);
            self.outbox.close(Close::new(1002, "the first message must be HELLO"));
            return Flow::Closing;
        }
        let bad = self.bad.get_or_insert_default();
        if now.mono_us.saturating_sub(bad.since_us) > BAD_FRAMES_WINDOW_US {
            bad.since_us = now.mono_us;
            bad.count = 0;
        }
        bad.count += 1;
        let rested = bad
            .noticed_us
            .is_none_or(|noticed| now.mono_us.saturating_sub(noticed) >= BAD_FRAME_NOTICE_US);
        let close = bad.count >= BAD_FRAMES_MAX;
        if rested || close {
            bad.noticed_us = Some(now.mono_us);
            self.refuse(&Refusal::new(code, text), terms, now);
        }
        if close {
            self.outbox.close(Close::new(1002, "too many undecodable messages"));
            return Flow::Closing;
        }
        Flow::Continue
    }

    fn refuse(&self, refusal: &Refusal, terms: Terms, now: Now) {
        self.router.refuse(&self.outbox, refusal, terms.correlation, now);
    }

    /// Produces more for an outbox that said `Taken::Pull`.
    pub fn pull(&mut self, now: Now) {
        match &self.session {
            Some(session) => crate::feed::pull(&self.router, session, now),
            None => self.outbox.set_feed(false),
        }
    }

    /// Whether the next request may be handed over, or has to wait until the client has read its
    /// answers or the journal has stored what was written. Cheap enough to ask each time.
    pub fn may_read(&self) -> bool {
        !self.outbox.is_pressed() && !self.router.durability.pauses(&self.outbox)
    }

    /// Addresses of params that match, that the session may GET and that are wanted, at most so
    /// many; for doors whose requests name several at once. Empty before HELLO.
    pub fn find(
        &self,
        pattern: &Pattern,
        (wanted, count_max): (&dyn Fn(&str) -> bool, usize),
        now: Now,
    ) -> Vec<Arc<str>> {
        let Some(session) = &self.session else { return Vec::new() };
        lookup::find((&self.router, session), pattern, (wanted, count_max), now)
    }

    /// Whether HELLO is done.
    pub fn established(&self) -> bool {
        self.session.is_some()
    }

    /// The name in HELLO, cut and without control characters.
    pub fn client_name(&self) -> Option<&str> {
        self.session.as_ref().map(|session| &*session.guest.name)
    }

    /// What the door told of the link, once there is a session.
    pub fn link(&self) -> Option<&LinkInfo> {
        self.session.as_ref().map(|session| &session.guest.link)
    }

    /// Whom the session's token was issued to.
    pub fn subject(&self) -> Option<&str> {
        self.session.as_ref()?.grant.subject.as_deref()
    }

    /// The revision of the last SET of this session that was carried out; 0 before the first.
    pub fn last_revision(&self) -> u64 {
        let session = self.session.as_ref();
        session.map_or(0, |session| session.last_revision.load(Ordering::Relaxed))
    }

    /// Session id, once there is one.
    pub fn session_id(&self) -> Option<&str> {
        self.session.as_ref().map(|session| &*session.id)
    }

    /// What QUERY would answer, with all that ANNOUNCE said, as far as a RESULT of so many bytes
    /// holds it: RESULT leaves unit, range and description out (wire.md 5.3).
    pub fn announced(
        &self,
        pattern: &Pattern,
        bytes_max: usize,
        now: Now,
    ) -> Vec<SignalInfo<'static>> {
        let Some(session) = &self.session else { return Vec::new() };
        crate::verbs::announce::announced(&self.router, session, (pattern, bytes_max), now)
    }

    /// Whether the session's scopes let it write to an address; rules may still refuse it.
    pub fn may_write(&self, address: &str) -> bool {
        self.session.as_ref().is_some_and(|session| session.grant.may_write(address))
    }

    /// The queue towards this link.
    pub fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }
}

impl Connection {
    /// The link is gone. Without it dropping the connection does the same at the time of the
    /// router's last tick.
    pub fn leave(&mut self, now: Now) {
        if let Some(session) = self.session.take() {
            self.router.end_session(&session, now);
        }
        self.outbox.abandon();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.leave(self.router.last_now());
        if self.counted {
            self.router.connections.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

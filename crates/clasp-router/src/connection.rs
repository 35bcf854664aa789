//! One link's life in the router: HELLO, frames in order, one cleanup (routing.md section 2).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use clasp_protocol::codec::{self, DecodeError};
use clasp_protocol::{ErrorCode, Frame, Message};

use crate::broadcast::Framing;
use crate::clock::Now;
use crate::dispatch::Request;
use crate::handshake;
use crate::metrics::HandshakeFailure;
use crate::outbox::{Close, Outbox};
use crate::rate::{Bucket, Verdict};
use crate::refusal::Refusal;
use crate::router::Router;
use crate::session::Session;

/// What a door tells about a new link.
#[derive(Debug, Clone, Copy)]
pub struct LinkInfo {
    /// How frames are delimited towards it.
    pub framing: Framing,
    /// Address of the peer.
    pub remote: std::net::SocketAddr,
    /// Name of the wire for logs and metrics.
    pub transport: &'static str,
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
    session: Option<Arc<Session>>,
    /// What the client calls itself, until the door has logged it.
    client_name: Option<Box<str>>,
    bucket: Bucket,
    bad: BadFrames,
}

#[derive(Debug, Default)]
struct BadFrames {
    count: u32,
    since_us: u64,
    noticed_us: Option<u64>,
}

impl Connection {
    pub(crate) fn new(router: Arc<Router>, outbox: Arc<Outbox>, peer: u64) -> Connection {
        let bucket = Bucket::new(router.config.messages_per_second_max);
        Connection {
            router,
            outbox,
            peer,
            session: None,
            client_name: None,
            bucket,
            bad: BadFrames::default(),
        }
    }

    /// Takes one transport message: one frame or several back to back.
    pub fn receive(&mut self, bytes: &[u8], now: Now) -> Flow {
        let mut rest = bytes;
        loop {
            match Frame::parse(rest) {
                Ok(frame) => {
                    let len = frame.len;
                    if self.frame(&frame, now) == Flow::Closing {
                        return Flow::Closing;
                    }
                    rest = &rest[len..];
                }
                // What follows a whole frame without being one is ignored (wire.md section 1).
                Err(_) if rest.len() < bytes.len() => return Flow::Continue,
                Err(error) => {
                    let text = format!("unusable frame: {error}");
                    return self.bad_frame(ErrorCode::InvalidFrame, text, now);
                }
            }
            if rest.is_empty() {
                return Flow::Continue;
            }
        }
    }

    fn frame(&mut self, frame: &Frame<'_>, now: Now) -> Flow {
        if self.outbox.is_closing() {
            return Flow::Closing;
        }
        match codec::decode(frame.payload) {
            Ok(message) if self.session.is_some() => self.established_message(frame, &message, now),
            Ok(message) => self.first_message(frame, &message, now),
            Err(error) => self.undecodable(&error, now),
        }
    }

    fn first_message(&mut self, frame: &Frame<'_>, message: &Message<'_>, now: Now) -> Flow {
        self.router.metrics.message(message.kind());
        if codec::is_legacy(frame.payload) {
            self.outbox.speak_legacy();
        }
        let outcome = match message {
            Message::Hello(hello) => {
                self.client_name = Some(handshake::printable_name(&hello.name));
                handshake::greet(&self.router, hello, &self.outbox, self.peer, now)
            }
            _ => Err(handshake::Rejected {
                refusal: Refusal::new(ErrorCode::InvalidMessage, "the first message must be HELLO"),
                close_code: 1002,
                reason: HandshakeFailure::NotHello,
            }),
        };
        match outcome {
            Ok(session) => {
                self.session = Some(session);
                Flow::Continue
            }
            Err(rejected) => {
                self.router.metrics.handshake_failed(rejected.reason);
                self.refuse(&rejected.refusal, now);
                self.outbox.close(rejected.refusal.to_close(rejected.close_code));
                Flow::Closing
            }
        }
    }

    fn established_message(&mut self, frame: &Frame<'_>, message: &Message<'_>, now: Now) -> Flow {
        let Some(session) = &self.session else { return Flow::Continue };
        self.router.metrics.message(message.kind());
        match self.bucket.take(crate::dispatch::cost(message), now.mono_us) {
            Verdict::Allowed => {}
            Verdict::Refused { notice } => {
                if let Some(discarded) = notice {
                    let limit = self.router.config.messages_per_second_max;
                    let text = format!(
                        "rate limit of {limit} messages/second exceeded: {discarded} discarded"
                    );
                    self.refuse(&Refusal::new(ErrorCode::TooManyRequests, text), now);
                }
                return Flow::Continue;
            }
            Verdict::Exhausted => {
                self.outbox.close(Close::new(1008, "rate limit exceeded for too long"));
                return Flow::Closing;
            }
        }
        let request =
            Request { router: &self.router, session, qos: frame.qos, wire: frame.payload, now };
        if let Err(refusal) = request.dispatch(message) {
            self.refuse(&refusal, now);
        }
        Flow::Continue
    }

    fn undecodable(&mut self, error: &DecodeError, now: Now) -> Flow {
        if self.session.is_none() {
            self.router.metrics.handshake_failed(HandshakeFailure::Undecodable);
            self.outbox.close(Close::new(1002, "the first message must be HELLO"));
            return Flow::Closing;
        }
        self.bad_frame(ErrorCode::InvalidMessage, error.to_string(), now)
    }

    fn bad_frame(&mut self, code: ErrorCode, text: String, now: Now) -> Flow {
        self.router.metrics.decode_error();
        if self.session.is_none() {
            self.router.metrics.handshake_failed(HandshakeFailure::Undecodable);
            self.outbox.close(Close::new(1002, "the first message must be HELLO"));
            return Flow::Closing;
        }
        let bad = &mut self.bad;
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
            self.refuse(&Refusal::new(code, text), now);
        }
        if close {
            self.outbox.close(Close::new(1002, "too many undecodable messages"));
            return Flow::Closing;
        }
        Flow::Continue
    }

    fn refuse(&self, refusal: &Refusal, now: Now) {
        self.router.refuse(&self.outbox, refusal, now);
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

    /// Whether HELLO is done.
    pub fn established(&self) -> bool {
        self.session.is_some()
    }

    /// The name in HELLO, cut and without control characters; there is one once.
    pub fn take_client_name(&mut self) -> Option<Box<str>> {
        self.client_name.take()
    }

    /// Session id, once there is one.
    pub fn session_id(&self) -> Option<&str> {
        self.session.as_ref().map(|session| &*session.id)
    }

    /// The queue towards this link.
    pub fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            self.router.end_session(&session);
        }
        self.outbox.abandon();
        self.router.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

//! OSC over TCP: a session for each connection; sockets, TLS and limits are the listener's.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use clasp_protocol::ErrorCode;
use clasp_router::metrics::OscDrop;
use clasp_router::{Close, Now, Router, Taken, Wake};
use clasp_transport::{Departure, Dialect, Dismissal, Received, Talk, clock};
use parking_lot::Mutex;

use crate::client::{Client, Post, Shared};
use crate::config::{Config, Guests};
use crate::control::{self, Control};
use crate::mailbox::{self, Mailbox};
use crate::packet::{self, Packet};
use crate::stream::{Framing, Step};

/// Bytes that are written at once.
const WRITE_BYTES: usize = 32 << 10;

/// Packets that cannot be read, after which a connection is ended.
const MALFORMED_MAX: u32 = 32;

/// OSC for a TCP listener.
#[derive(Debug)]
pub struct OscStream {
    shared: Arc<Shared>,
}

impl OscStream {
    /// Destinations of the config are not served here.
    pub fn new(router: Arc<Router>, config: Config) -> OscStream {
        OscStream { shared: Arc::new(Shared { router, config }) }
    }
}

impl Dialect for OscStream {
    fn name(&self) -> &'static str {
        "OSC"
    }

    fn open(&self, remote: SocketAddr, wake: Arc<dyn Wake>, _: Now) -> Arc<dyn Talk> {
        let shared = Arc::clone(&self.shared);
        let post = Post { remote, wake, leases: false };
        Arc::new(Line { shared, post, state: Mutex::default() })
    }
}

/// One connection.
struct Line {
    shared: Arc<Shared>,
    post: Post,
    state: Mutex<State>,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Line").field(&self.post.remote).finish()
    }
}

#[derive(Default)]
struct State {
    framing: Option<Framing>,
    client: Option<Client>,
    /// Replies to somebody without a session, framed.
    replies: Vec<u8>,
    malformed: u32,
    /// Whether input was declined, so that the listener waits to be woken.
    held: bool,
    ends: bool,
}

impl Talk for Line {
    fn receive(&self, input: &[u8], now: Now) -> Received {
        let mut state = self.state.lock();
        let mut received = Received { used: 0, needed: 0, open: true };
        while received.open && state.may_receive() && received.used < input.len() {
            let rest = &input[received.used..];
            let framing = state.framing.or_else(|| Framing::of(rest[0]));
            state.framing = framing;
            match framing.map_or(Step::Invalid, |framing| framing.next(rest)) {
                Step::Packet(packet, used) => {
                    received.used += used;
                    self.packet(&mut state, &packet, now);
                }
                Step::Wait(needed) => {
                    received.needed = needed;
                    break;
                }
                Step::Invalid => {
                    self.shared.dropped(OscDrop::Malformed);
                    state.ends = true;
                }
            }
            received.open = !state.ends;
        }
        drop(state);
        Arc::clone(&self.post.wake).wake();
        received
    }

    fn may_receive(&self) -> bool {
        let mut state = self.state.lock();
        state.held = !state.may_receive();
        !state.held
    }

    fn take(&self, into: &mut Vec<u8>) -> Taken {
        let now = clock::now();
        let mut state = self.state.lock();
        std::mem::swap(&mut state.replies, into);
        let State { framing, client, ends, .. } = &mut *state;
        if let (Some(framing), Some(client)) = (*framing, client) {
            loop {
                *ends |= client.collect(now);
                let before = into.len();
                drain(client, framing, into);
                if !client.is_pending() || *ends || into.len() == before {
                    break;
                }
            }
            let rest = client.mailbox.queue.bytes();
            if *ends && rest == 0 {
                return Taken::Close(Close::new(1000, "the session is over"));
            }
        } else if *ends {
            return Taken::Close(Close::new(1000, "the connection is over"));
        }
        if state.held && state.may_receive() {
            state.held = false;
            Arc::clone(&self.post.wake).wake();
        }
        if into.is_empty() { Taken::Empty } else { Taken::Bytes }
    }

    fn pull(&self, _: Now) {}

    fn established(&self) -> bool {
        self.state.lock().client.is_some()
    }

    fn dismiss(&self, _: Dismissal, _: Now) {
        self.state.lock().ends = true;
        Arc::clone(&self.post.wake).wake();
    }

    fn leave(&self, _: Departure, now: Now) {
        let client = self.state.lock().client.take();
        if let Some(client) = client {
            client.leave(now);
        }
    }
}

/// Moves packets to where they are written from.
fn drain(client: &mut Client, framing: Framing, into: &mut Vec<u8>) {
    let Mailbox { queue, format, .. } = &mut client.mailbox;
    while into.len() < WRITE_BYTES
        && let Some((packet, count)) = queue.packet(!format.single_messages)
    {
        framing.append(&packet, into);
        queue.drop_front(count);
    }
}

impl State {
    fn may_receive(&self) -> bool {
        self.client.as_ref().is_none_or(Client::may_receive)
    }
}

impl Line {
    fn packet(&self, state: &mut State, bytes: &[u8], now: Now) {
        if !self.shared.config.sources.allow(self.post.remote.ip()) {
            self.shared.dropped(OscDrop::Source);
            state.ends = true;
            return;
        }
        let packet = match packet::decode(bytes) {
            Ok(packet) => packet,
            Err(fault) => {
                let remote = self.post.remote;
                tracing::debug!(%remote, %fault, "no OSC packet");
                self.shared.dropped(OscDrop::Malformed);
                state.malformed += 1;
                state.ends = state.client.is_none() || state.malformed >= MALFORMED_MAX;
                return;
            }
        };
        if state.client.is_none() {
            self.admit(state, &packet, now);
        }
        if let Some(client) = &mut state.client {
            client.receive(packet, &mut |_| {}, now);
        }
    }

    fn admit(&self, state: &mut State, packet: &Packet, now: Now) {
        let asks = packet.messages().find(|message| control::parse(message).is_some());
        let token = packet.messages().find_map(|message| match control::parse(message) {
            Some(Ok(Control::Auth(token))) => Some(token),
            _ => None,
        });
        let Shared { config, .. } = &*self.shared;
        let (what, code, text) = if token.is_none() && matches!(config.guests, Guests::Refused) {
            let what = asks.map_or("", |message| message.addr.as_str());
            let text = "show a token first: /clasp/auth ,s TOKEN".to_owned();
            (what, ErrorCode::Unauthorized.code(), text)
        } else {
            let tuning = &config.tuning;
            let strip = (config.namespace.clone(), false);
            let mailbox = Mailbox::new(strip, tuning.format, tuning.only_changes);
            let post = self.post.clone();
            match Client::enter(&self.shared, post, token.as_deref(), mailbox, now) {
                Ok(client) => {
                    state.client = Some(client);
                    return;
                }
                Err(refused) => ("/clasp/auth", refused.code, refused.message),
            }
        };
        self.shared.dropped(OscDrop::Unauthorized);
        if let Some(framing) = state.framing.filter(|_| asks.is_some()) {
            framing.append(&mailbox::error(what, code, &text), &mut state.replies);
        }
        // Whoever may not come in has one answer at a time to read.
        state.ends = state.replies.len() > WRITE_BYTES;
    }
}

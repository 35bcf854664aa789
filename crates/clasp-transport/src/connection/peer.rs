//! Who takes a client's words: the router, or a door for another protocol.

use std::sync::Arc;

use clasp_router::{Connection, Flow, Now};

use crate::talk::{Departure, Talk};

#[derive(Debug)]
pub(super) enum Peer {
    Clasp(Connection),
    Foreign(Box<Foreign>),
}

/// A conversation in another protocol, with the bytes that it has not used.
pub(super) struct Foreign {
    talk: Arc<dyn Talk>,
    tail: Vec<u8>,
    /// Length of the tail from which on it is worth offering it.
    needed: usize,
}

impl Peer {
    pub(super) fn foreign(talk: Arc<dyn Talk>) -> Peer {
        Peer::Foreign(Box::new(Foreign { talk, tail: Vec::new(), needed: 0 }))
    }

    /// Takes one message as the wire delimits them.
    #[inline]
    pub(super) fn receive(&mut self, message: &[u8], now: Now) -> Flow {
        match self {
            Peer::Clasp(connection) => connection.receive(message, now),
            Peer::Foreign(foreign) => foreign.receive(message, now),
        }
    }

    /// Whether the next message may be handed over.
    #[inline]
    pub(super) fn may_read(&self) -> bool {
        match self {
            Peer::Clasp(connection) => connection.may_read(),
            Peer::Foreign(foreign) => foreign.talk.may_receive(),
        }
    }

    /// Whether a message was handed over and is not wanted yet.
    pub(super) fn holds(&self) -> bool {
        match self {
            Peer::Clasp(_) => false,
            Peer::Foreign(foreign) => !foreign.tail.is_empty() && !foreign.talk.may_receive(),
        }
    }

    pub(super) fn established(&self) -> bool {
        match self {
            Peer::Clasp(connection) => connection.established(),
            Peer::Foreign(foreign) => foreign.talk.established(),
        }
    }

    pub(super) fn pull(&mut self, now: Now) {
        match self {
            Peer::Clasp(connection) => connection.pull(now),
            Peer::Foreign(foreign) => foreign.talk.pull(now),
        }
    }

    pub(super) fn leave(&mut self, how: Departure, now: Now) {
        match self {
            Peer::Clasp(connection) => connection.leave(now),
            Peer::Foreign(foreign) => foreign.talk.leave(how, now),
        }
    }

    /// Notes in the log that a client has introduced itself.
    pub(super) fn log(&self) {
        // Another protocol's door knows better what to tell.
        let Peer::Clasp(connection) = self else { return };
        let name = connection.client_name().unwrap_or_default();
        let session = connection.session_id().unwrap_or_default();
        if let Some(link) = connection.link() {
            tracing::info!(remote = %link.whereabouts(), session, "client {name:?} has joined");
        }
    }
}

impl Foreign {
    fn receive(&mut self, fresh: &[u8], now: Now) -> Flow {
        if self.tail.is_empty() {
            let (used, flow) = self.offer(fresh, now);
            if flow == Flow::Continue {
                self.tail.extend_from_slice(&fresh[used..]);
            }
            return flow;
        }
        let mut tail = std::mem::take(&mut self.tail);
        tail.extend_from_slice(fresh);
        if tail.len() < self.needed {
            self.tail = tail;
            return Flow::Continue;
        }
        let (used, flow) = self.offer(&tail, now);
        if used < tail.len() && flow == Flow::Continue {
            tail.drain(..used);
            self.tail = tail;
        }
        flow
    }

    /// Offers bytes until they are used up or more are needed.
    fn offer(&mut self, bytes: &[u8], now: Now) -> (usize, Flow) {
        let mut used = 0;
        while used < bytes.len() && self.talk.may_receive() {
            let received = self.talk.receive(&bytes[used..], now);
            used += received.used.min(bytes.len() - used);
            if !received.open {
                return (used, Flow::Closing);
            }
            if received.used == 0 {
                self.needed = received.needed;
                return (used, Flow::Continue);
            }
        }
        self.needed = 0;
        (used, Flow::Continue)
    }
}

impl std::fmt::Debug for Foreign {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Foreign").field("held", &self.tail.len()).finish_non_exhaustive()
    }
}

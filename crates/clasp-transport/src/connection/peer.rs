//! Who takes a client's words: the router, or a door for another protocol.

use std::sync::Arc;

use clasp_router::{Connection, Flow, Now};

use crate::talk::{Departure, Talk};

#[derive(Debug)]
pub(super) enum Peer {
    Clasp(Connection),
    Foreign(Foreign),
}

/// A conversation in another protocol, with the bytes that it has not used.
pub(super) struct Foreign {
    talk: Arc<dyn Talk>,
    /// Absent while everything is used, as it mostly is.
    tail: Option<Box<Tail>>,
}

/// Bytes that a conversation has not used.
struct Tail {
    bytes: Vec<u8>,
    /// Length from which on it is worth offering them.
    needed: usize,
}

impl Peer {
    pub(super) fn foreign(talk: Arc<dyn Talk>) -> Peer {
        Peer::Foreign(Foreign { talk, tail: None })
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
            Peer::Foreign(foreign) => foreign.tail.is_some() && !foreign.talk.may_receive(),
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
        let Some(mut tail) = self.tail.take() else {
            let offered = self.offer(fresh, now);
            if offered.used < fresh.len() && offered.flow == Flow::Continue {
                let (bytes, needed) = (fresh[offered.used..].to_vec(), offered.needed);
                self.tail = Some(Box::new(Tail { bytes, needed }));
            }
            return offered.flow;
        };
        tail.bytes.extend_from_slice(fresh);
        if tail.bytes.len() < tail.needed {
            self.tail = Some(tail);
            return Flow::Continue;
        }
        let offered = self.offer(&tail.bytes, now);
        if offered.used < tail.bytes.len() && offered.flow == Flow::Continue {
            tail.bytes.drain(..offered.used);
            tail.needed = offered.needed;
            self.tail = Some(tail);
        }
        offered.flow
    }

    /// Offers bytes until they are used up or more are needed.
    fn offer(&self, bytes: &[u8], now: Now) -> Offered {
        let mut used = 0;
        while used < bytes.len() && self.talk.may_receive() {
            let received = self.talk.receive(&bytes[used..], now);
            used += received.used.min(bytes.len() - used);
            if !received.open {
                return Offered { used, needed: 0, flow: Flow::Closing };
            }
            if received.used == 0 {
                return Offered { used, needed: received.needed, flow: Flow::Continue };
            }
        }
        Offered { used, needed: 0, flow: Flow::Continue }
    }
}

/// What became of bytes that a conversation was offered.
struct Offered {
    used: usize,
    /// Bytes in all that it needs of the rest; 0 if that is not known.
    needed: usize,
    flow: Flow,
}

impl std::fmt::Debug for Foreign {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Foreign")
            .field("held", &self.tail.as_ref().map_or(0, |tail| tail.bytes.len()))
            .finish_non_exhaustive()
    }
}

//! Where another protocol plugs into the relay's stream listeners: sockets, TLS, deadlines and
//! batched writes are this crate's, what the bytes mean is the door's.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use clasp_router::{Close, Now, Taken, Wake};

/// A protocol over a byte stream, as seen by a listener: alone on it ([`crate::Wire::Foreign`]) or
/// beside WebSocket ([`crate::Config::dialects`]).
pub trait Dialect: fmt::Debug + Send + Sync {
    /// Name for logs, such as `MQTT`.
    fn name(&self) -> &'static str;

    /// Whether every client of this protocol, and no HTTP request, TLS record or CLASP frame,
    /// begins with this byte: what makes it known on a port that others share.
    fn begins_with(&self, _first: u8) -> bool {
        false
    }

    /// Names under which it is offered in a WebSocket upgrade. Its bytes then travel in binary
    /// messages, whose borders mean nothing.
    fn subprotocols(&self) -> &'static [&'static str] {
        &[]
    }

    /// Most bytes of one such message.
    fn message_bytes_max(&self) -> usize {
        64 << 10
    }

    /// Somebody has connected from `remote`. `wake` has [`Talk::take`] called soon, from any
    /// thread; it may be called under locks of the router and of the talk.
    fn open(&self, remote: SocketAddr, wake: Arc<dyn Wake>, now: Now) -> Arc<dyn Talk>;
}

/// One connection's conversation. Its methods never wait, and none is called while another one
/// runs on the same thread; [`Talk::take`] and [`Talk::dismiss`] may run on other threads while one
/// reads.
pub trait Talk: Send + Sync {
    /// Takes input. What it does not use is kept for it and offered again, with what follows it:
    /// once [`Received::needed`] bytes are there, or input is wanted again.
    fn receive(&self, input: &[u8], now: Now) -> Received;

    /// Whether input is wanted; otherwise `wake` is called when it is again.
    fn may_receive(&self) -> bool {
        true
    }

    /// Moves what is to be written into `into`, which is empty; on [`Taken::Close`] the connection
    /// ends, and the bytes in `into`, if any, are its last.
    fn take(&self, into: &mut Vec<u8>) -> Taken;

    /// Produces more after [`Taken::Pull`].
    fn pull(&self, now: Now);

    /// Whether the client has introduced itself; until then the handshake timeout runs.
    fn established(&self) -> bool;

    /// Seconds of silence after which the connection is ended: 0 never, `None` as the listener has
    /// it. The client is not pinged.
    fn silence_max_s(&self) -> Option<u32> {
        None
    }

    /// The connection has to end: say goodbye by [`Talk::take`]. May be called more than once.
    fn dismiss(&self, why: Dismissal, now: Now);

    /// The connection is over; called once. What [`Dialect::open`] was given to wake holds the
    /// socket's descriptor and is to be dropped.
    fn leave(&self, how: Departure, now: Now);
}

/// What became of some input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Bytes that are done with.
    pub used: usize,
    /// Bytes in all that are needed before it is worth calling again; 0 if that is not known.
    pub needed: usize,
    /// Whether more is wanted at all; if not, what [`Talk::take`] still has is written up to
    /// [`Taken::Close`], and the connection ends.
    pub open: bool,
}

/// Why the relay ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dismissal {
    /// The relay ends.
    Shutdown,
    /// Nothing came for too long.
    Silent,
    /// The client has not introduced itself in time.
    Late,
}

impl Dismissal {
    pub(crate) fn close(self) -> Close {
        match self {
            Dismissal::Shutdown => Close::new(1001, "server shutting down"),
            Dismissal::Silent => Close::new(1001, "idle timeout"),
            Dismissal::Late => Close::new(1008, "handshake timeout"),
        }
    }
}

/// How a connection went over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// The peer closed it or broke the protocol beneath, or it failed.
    Lost,
    /// [`Taken::Close`] was reached and everything before it written.
    Closed,
}

//! Where another protocol plugs into the relay's stream listeners: sockets, TLS, deadlines and
//! batched writes are this crate's, what the bytes mean is the door's.

use std::net::SocketAddr;
use std::sync::Arc;

use clasp_router::{Now, Taken, Wake};

/// A protocol over a byte stream, as seen by a listener.
pub trait Dialect: Send + Sync {
    /// Name for logs, such as `MQTT`.
    fn name(&self) -> &'static str;

    /// Somebody has connected from `remote`. `wake` has [`Talk::take`] called soon, from any
    /// thread; it may be called under locks of the router.
    fn open(&self, remote: SocketAddr, wake: Arc<dyn Wake>, now: Now) -> Arc<dyn Talk>;
}

/// One connection's conversation. Its methods never wait, and none is called while another one
/// runs on the same thread; [`Talk::take`] may run on one thread while another reads.
pub trait Talk: Send + Sync {
    /// Takes input. What it does not use is offered again with what follows it.
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

    /// The relay ends: say goodbye by [`Talk::take`].
    fn dismiss(&self, now: Now);

    /// The connection is over; called once.
    fn leave(&self, how: Departure, now: Now);
}

/// What became of some input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Bytes that are done with.
    pub used: usize,
    /// Bytes in all that are needed before it is worth calling again; 0 if that is not known.
    pub needed: usize,
    /// Whether more is wanted at all; if not, what [`Talk::take`] still has is written and the
    /// connection ends.
    pub open: bool,
}

/// Why a connection is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// The peer closed it, or it broke.
    Lost,
    /// The door wanted it so.
    Closed,
    /// Nothing came for too long.
    Silent,
}

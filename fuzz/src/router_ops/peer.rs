//! One client: sends, reads, and looks at what it gets.

use std::net::SocketAddr;
use std::sync::Arc;

use clasp_protocol::{Frame, Message, Qos, codec, frame};
use clasp_router::{Connection, Flow, Framing, LinkInfo, Manners, Now, Router, Taken, Wake};

/// Buffers that may be handed out for one wake-up; more means that they never end.
const STEPS_MAX: usize = 100_000;

struct Deaf;

impl Wake for Deaf {
    fn wake(self: Arc<Self>) {}
}

/// One client.
pub(super) struct Peer {
    pub(super) connection: Connection,
    pub(super) reading: bool,
    pub(super) pongs: usize,
    closed: bool,
}

impl Peer {
    pub(super) fn connect(router: &Arc<Router>, now: Now) -> Peer {
        let remote = SocketAddr::from(([127, 0, 0, 1], 1));
        let manners = Manners::Clasp;
        let link = LinkInfo { framing: Framing::Bare, remote, transport: "fuzz", manners };
        let connection = router.connect(link, Arc::new(Deaf), now);
        Peer { connection, reading: true, pongs: 0, closed: false }
    }

    /// Whether it has a session that is not being closed.
    pub(super) fn is_open(&self) -> bool {
        self.connection.established() && !self.closed
    }

    /// Hands bytes to the router, if a door would.
    pub(super) fn receive(&mut self, bytes: &[u8], now: Now) {
        if !self.closed && self.connection.may_read() {
            self.closed = self.connection.receive(bytes, now) == Flow::Closing;
        }
    }

    pub(super) fn send_payload(&mut self, payload: &[u8], now: Now) {
        let mut bytes = Vec::new();
        if frame::write(super::qos(payload.len() as u8), payload, &mut bytes).is_ok() {
            self.receive(&bytes, now);
        }
    }

    pub(super) fn send(&mut self, message: &Message<'_>, now: Now) {
        let mut bytes = Vec::new();
        if codec::encode(message, Qos::Confirm, &mut bytes).is_ok() {
            self.receive(&bytes, now);
        }
    }

    /// Reads everything there is, if it reads at all.
    pub(super) fn read(&mut self, now: Now) {
        if !self.reading {
            return;
        }
        for _ in 0..STEPS_MAX {
            let mut bytes = Vec::new();
            match self.connection.outbox().take(&mut bytes) {
                Taken::Bytes => self.look_at(&bytes),
                Taken::Pull => self.connection.pull(now),
                Taken::Empty => return,
                Taken::Close(_) => {
                    self.closed = true;
                    return;
                }
            }
        }
        panic!("the outbox never becomes empty");
    }

    /// Everything that a router sends are whole frames with messages in them.
    fn look_at(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let Ok(frame) = Frame::parse(bytes) else { panic!("half a frame was sent") };
            match codec::decode(frame.payload) {
                Ok(Message::Pong) => self.pongs += 1,
                Ok(_) => {}
                Err(error) => panic!("an undecodable message was sent: {error}"),
            }
            bytes = &bytes[frame.len..];
        }
    }
}

//! One client: a connection, the frames that came, and whether its wake-ups were kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use clasp_protocol::{Frame, codec};
use clasp_router::{Close, Connection, Flow, Now, Taken, Wake};

/// Counts how often the door was told that there is something.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: AtomicUsize,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.fetch_add(1, Ordering::SeqCst);
    }
}

/// A client as its door and its peer see it.
pub(crate) struct Client {
    pub(crate) connection: Connection,
    bell: Arc<Bell>,
    /// Times the bell had rung when the outbox was last seen empty; absent while it is not.
    asleep_at: Option<usize>,
    /// Whether what is queued is read at once.
    pub(crate) reading: bool,
    /// Whether it speaks MessagePack.
    pub(crate) legacy: bool,
    /// Frames that came and were not looked at yet.
    pub(crate) inbox: Vec<Vec<u8>>,
    /// Times the door was handed bytes.
    pub(crate) takes: usize,
    pub(crate) close: Option<Close>,
    close_seen: bool,
}

impl Client {
    pub(crate) fn new(connect: impl FnOnce(Arc<dyn Wake>) -> Connection) -> Client {
        let bell = Arc::<Bell>::default();
        let wake: Arc<dyn Wake> = Arc::<Bell>::clone(&bell);
        Client {
            connection: connect(wake),
            bell,
            asleep_at: Some(0),
            reading: true,
            legacy: false,
            inbox: Vec::new(),
            takes: 0,
            close: None,
            close_seen: false,
        }
    }

    /// Hands bytes to the router, as a door does.
    pub(crate) fn receive(&mut self, bytes: &[u8], now: Now) -> Flow {
        self.connection.receive(bytes, now)
    }

    /// Reads everything there is.
    pub(crate) fn drain(&mut self, now: Now) {
        while self.step(now) {}
    }

    /// Does what a door does after one wake-up; false when there was nothing.
    pub(crate) fn step(&mut self, now: Now) -> bool {
        let rung = self.bell.rung.load(Ordering::SeqCst);
        let mut bytes = Vec::new();
        let taken = match self.connection.outbox().take_run() {
            Some(run) => {
                bytes.extend_from_slice(&run.bytes());
                Taken::Bytes
            }
            None => self.connection.outbox().take(&mut bytes),
        };
        if taken != Taken::Empty && self.close.is_none() {
            let silent = self.asleep_at == Some(rung);
            assert!(!silent, "{taken:?} appeared without a wake-up");
        }
        self.asleep_at = (taken == Taken::Empty).then_some(rung);
        match taken {
            Taken::Bytes => {
                self.takes += 1;
                self.unpack(&bytes);
                true
            }
            Taken::Pull => {
                self.connection.pull(now);
                true
            }
            Taken::Close(close) => {
                self.close = Some(close);
                false
            }
            Taken::Empty => false,
        }
    }

    fn unpack(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = after_websocket_header(bytes);
            let frame = Frame::parse(bytes).expect("outboxes hold whole frames");
            assert_eq!(codec::is_legacy(frame.payload), self.legacy, "encoding of the session");
            self.inbox.push(bytes[..frame.len].to_vec());
            bytes = &bytes[frame.len..];
        }
    }

    /// The close, the first time that somebody asks.
    pub(crate) fn news_of_close(&mut self) -> Option<Close> {
        if std::mem::replace(&mut self.close_seen, self.close.is_some()) {
            return None;
        }
        self.close.clone()
    }
}

/// What follows the header of an unmasked binary WebSocket message.
fn after_websocket_header(bytes: &[u8]) -> &[u8] {
    assert_eq!(bytes[0], 0x82, "a whole binary message");
    let header = match bytes[1] {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    &bytes[header..]
}

//! Bytes on their way into one socket, and the control frames that go between them.

use std::io;
use std::sync::Arc;

use clasp_router::{Outbox, Run, Taken};
use clasp_tls::{Channel, Received};

use crate::websocket::{append_close, append_close_reply, append_ping, append_pong};

/// Outgoing side of a link. Owns no memory while nothing is on its way.
#[derive(Debug, Default)]
pub(super) struct Output {
    outbox: Option<Arc<Outbox>>,
    /// Encrypts `pending`, and decrypts what comes in; none on a plain connection.
    channel: Option<Box<Channel>>,
    /// Frames that others get as well; `pending` is empty then.
    run: Option<Run>,
    /// Whole frames, handed out by the outbox.
    pending: Vec<u8>,
    /// Bytes of `pending` that the socket, or the channel, has taken.
    written: usize,
    pong: Option<Box<[u8]>>,
    ping: bool,
    /// A Close frame is the last thing in `pending`.
    closing: bool,
}

/// What [`Output::refill`] found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refill {
    /// There are bytes to write.
    Bytes,
    /// Nothing; the outbox will wake the link.
    Nothing,
    /// Nothing until the router has produced more.
    Pull,
    /// The Close frame is written.
    Closed,
}

impl Output {
    /// The outgoing side of a connection that may be encrypted.
    pub(super) fn over(channel: Option<Box<Channel>>) -> Output {
        Output { channel, ..Output::default() }
    }

    pub(super) fn attach(&mut self, outbox: Arc<Outbox>) {
        self.outbox = Some(outbox);
    }

    pub(super) fn outbox(&self) -> Option<Arc<Outbox>> {
        self.outbox.clone()
    }

    /// Offers the socket once what [`Self::refill`] has found; the bytes that it took.
    pub(super) fn write(
        &mut self,
        socket: impl FnOnce(&[u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let Some(channel) = &mut self.channel else { return self.write_plain(socket) };
        if let Some(run) = self.run.take() {
            self.pending.extend_from_slice(&run.bytes());
        }
        if channel.owes() {
            return channel.flush(socket);
        }
        let (used, bytes) = channel.write(&self.pending[self.written..], socket)?;
        self.written += used;
        if self.closing && self.written == self.pending.len() {
            channel.close();
        }
        Ok(bytes)
    }

    fn write_plain(
        &mut self,
        socket: impl FnOnce(&[u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let some = |bytes| if bytes > 0 { Ok(bytes) } else { Err(io::ErrorKind::WriteZero.into()) };
        let Some(run) = self.run.take() else {
            let taken = socket(&self.pending[self.written..]).and_then(some)?;
            self.written += taken;
            return Ok(taken);
        };
        let bytes = run.bytes();
        let outcome = socket(&bytes).and_then(some);
        // What is left waits for the socket, and must not keep others' bytes meanwhile.
        let taken = *outcome.as_ref().unwrap_or(&0);
        self.pending.extend_from_slice(&bytes[taken..]);
        outcome
    }

    /// Reads once through the channel, which there must be; see [`Channel::read`].
    pub(super) fn read(
        &mut self,
        socket: impl FnOnce(&mut [u8]) -> io::Result<usize>,
        plain: impl FnMut(&[u8]),
    ) -> io::Result<Received> {
        let channel = self.channel.as_mut().expect("only encrypted links read here");
        channel.read(socket, plain)
    }

    /// Whether the peer has ended its side of the channel.
    pub(super) fn has_ended(&self) -> bool {
        self.channel.as_ref().is_some_and(|channel| channel.has_ended())
    }

    /// Whether the channel has records of its own to send, or some that the socket did not take.
    pub(super) fn owes(&self) -> bool {
        self.channel.as_ref().is_some_and(|channel| channel.owes())
    }

    pub(super) fn ping(&mut self) {
        self.ping = true;
    }

    pub(super) fn pong(&mut self, payload: &[u8]) {
        self.pong = Some(payload.into());
    }

    pub(super) fn answer_close(&mut self, code: Option<u16>) {
        if !self.closing {
            self.release();
            if let Some(run) = self.run.take() {
                self.pending.extend_from_slice(&run.bytes());
            }
            append_close_reply(code, &mut self.pending);
            self.closing = true;
        }
    }

    /// Gets new bytes if all are written.
    pub(super) fn refill(&mut self) -> Refill {
        if self.written < self.pending.len() || self.run.is_some() || self.owes() {
            return Refill::Bytes;
        }
        if self.closing {
            self.rest_empty();
            return Refill::Closed;
        }
        self.pending.clear();
        self.written = 0;
        self.run = self.outbox.as_ref().and_then(|outbox| outbox.take_run());
        if self.run.is_some() {
            return Refill::Bytes;
        }
        let taken = match &self.outbox {
            Some(outbox) => outbox.take(&mut self.pending),
            None => Taken::Empty,
        };
        self.append_control();
        match taken {
            Taken::Close(close) => {
                append_close(close.code, &close.reason, &mut self.pending);
                self.closing = true;
                self.release();
            }
            Taken::Empty if self.pending.is_empty() => {
                self.rest_empty();
                return Refill::Nothing;
            }
            Taken::Pull if self.pending.is_empty() => {
                self.rest_empty();
                return Refill::Pull;
            }
            Taken::Bytes | Taken::Empty | Taken::Pull => {}
        }
        Refill::Bytes
    }

    fn append_control(&mut self) {
        if let Some(payload) = self.pong.take() {
            append_pong(&payload, &mut self.pending);
        }
        if std::mem::take(&mut self.ping) {
            append_ping(&mut self.pending);
        }
    }

    /// The outbox gives its own buffer up when it is empty, so there is nobody to keep one for.
    fn rest_empty(&mut self) {
        self.pending = Vec::new();
        self.written = 0;
    }

    /// Drops the outbox; what was taken from it is still written.
    pub(super) fn release(&mut self) {
        if let Some(outbox) = self.outbox.take() {
            outbox.abandon();
        }
    }
}

//! Bytes on their way into one socket, and the control frames that go between them.

use std::io;

use clasp_router::{Close, Framing, Run, Taken};
use clasp_tls::{Channel, Received};

use super::source::Source;
use crate::farewell;
use crate::websocket::{
    append_close, append_close_reply, append_ping, append_pong, wrap_in_message,
};

/// Outgoing side of a link. Owns no memory while nothing is on its way.
pub(super) struct Output {
    source: Source,
    framing: Framing,
    /// Encrypts `pending`, and decrypts what comes in; none on a plain connection.
    channel: Option<Box<Channel>>,
    /// Frames that others get as well; `pending` is empty then.
    run: Option<Run>,
    /// Whole frames, or bytes of another protocol, handed out by the source.
    pending: Vec<u8>,
    /// Bytes of `pending` that the socket, or the channel, has taken; a short number since there
    /// is one per session.
    written: u32,
    pong: Option<Box<[u8]>>,
    ping: bool,
    /// Nothing comes behind `pending`, which ends in a Close frame if there is such a thing.
    closing: bool,
}

/// What [`Output::refill`] found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refill {
    /// There are bytes to write.
    Bytes,
    /// Nothing; the source will wake the link.
    Nothing,
    /// Nothing until the router has produced more.
    Pull,
    /// Everything is written, the Close frame included.
    Closed,
}

impl Output {
    /// The outgoing side of a connection that may be encrypted.
    pub(super) fn over(channel: Option<Box<Channel>>, framing: Framing) -> Output {
        Output {
            source: Source::default(),
            framing,
            channel,
            run: None,
            pending: Vec::new(),
            written: 0,
            pong: None,
            ping: false,
            closing: false,
        }
    }

    pub(super) fn attach(&mut self, source: Source) {
        self.source = source;
    }

    pub(super) fn source(&self) -> Source {
        self.source.clone()
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
        let (used, bytes) = channel.write(&self.pending[self.written as usize..], socket)?;
        self.written += used as u32;
        if self.closing && self.written as usize == self.pending.len() {
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
            let taken = socket(&self.pending[self.written as usize..]).and_then(some)?;
            self.written += taken as u32;
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

    /// Ends with `close` instead of what the source still has.
    pub(super) fn cut(&mut self, close: &Close) {
        if !self.closing {
            self.finish(close);
        }
    }

    /// Gets new bytes if all are written.
    pub(super) fn refill(&mut self) -> Refill {
        if (self.written as usize) < self.pending.len() || self.run.is_some() || self.owes() {
            return Refill::Bytes;
        }
        if self.closing {
            self.rest_empty();
            return Refill::Closed;
        }
        self.pending.clear();
        self.written = 0;
        self.run = self.source.take_run();
        if self.run.is_some() {
            return Refill::Bytes;
        }
        let taken = self.take();
        self.append_control();
        match taken {
            Taken::Close(close) => {
                self.finish(&close);
                if self.pending.is_empty() && !self.owes() {
                    self.rest_empty();
                    return Refill::Closed;
                }
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

    fn take(&mut self) -> Taken {
        let taken = self.source.take(&mut self.pending);
        if self.framing == Framing::WebSocket
            && !self.pending.is_empty()
            && let Source::Foreign(_) = self.source
        {
            wrap_in_message(&mut self.pending);
        }
        taken
    }

    /// Puts the end behind what is pending.
    fn finish(&mut self, close: &Close) {
        if self.framing == Framing::WebSocket {
            append_close(close.code, &close.reason, &mut self.pending);
        } else if let Source::Clasp(_) = self.source {
            farewell::append(close, self.framing, &mut self.pending);
        }
        if self.pending.is_empty()
            && let Some(channel) = &mut self.channel
        {
            channel.close();
        }
        self.release();
        self.closing = true;
    }

    fn append_control(&mut self) {
        if let Some(payload) = self.pong.take() {
            append_pong(&payload, &mut self.pending);
        }
        if std::mem::take(&mut self.ping) {
            append_ping(&mut self.pending);
        }
    }

    /// The source gives its own buffer up when it is empty, so there is nobody to keep one for.
    fn rest_empty(&mut self) {
        self.pending = Vec::new();
        self.written = 0;
    }

    /// Drops the source; what was taken from it is still written.
    pub(super) fn release(&mut self) {
        std::mem::take(&mut self.source).abandon();
    }
}

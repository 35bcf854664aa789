//! One TLS session without a socket: its owner says where records come from and go to, on whatever
//! thread. It owns no buffer while nothing is on its way.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeError, UnbufferedStatus, WriteTraffic};
use rustls::{Error, ServerConfig};

/// Most bytes that one [`Channel::read`] hands out.
pub const READ_BYTES_MAX: usize = 64 << 10;

/// Plaintext that is encrypted for one write: four records.
const WRITE_BYTES: usize = 64 << 10;

/// Most bytes by which encryption lengthens a record of up to 16 KiB.
const RECORD_GROWTH_MAX: usize = 64;

/// Room for [`WRITE_BYTES`] in encrypted form.
const CIPHER_BYTES: usize = WRITE_BYTES + 5 * RECORD_GROWTH_MAX;

/// Longest record on the wire (RFC 5246, 6.2.3); what is longer never becomes complete.
const RECORD_BYTES_MAX: usize = 5 + (16 << 10) + 2_048;

/// Room for the encrypted words that end a session.
const CLOSE_BYTES_MAX: usize = 128;

thread_local! {
    static INCOMING: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static CIPHER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What a read came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// So many bytes of plaintext; 0 while a record is incomplete.
    Bytes(usize),
    /// The peer sends nothing more.
    End,
}

/// The server's end of one TLS session.
pub struct Channel {
    connection: UnbufferedServerConnection,
    /// Start of a record whose rest has not come yet.
    tail: Vec<u8>,
    /// Records that the socket has not taken yet.
    outgoing: Vec<u8>,
    /// Bytes of `outgoing` that it has taken.
    sent: usize,
    /// Nothing more comes in.
    ended: bool,
    /// Nothing more can be said either.
    broken: bool,
}

impl Channel {
    /// A session that waits for the peer's first words.
    ///
    /// # Errors
    /// The configuration contradicts itself.
    pub fn new(config: Arc<ServerConfig>) -> io::Result<Channel> {
        let connection = UnbufferedServerConnection::new(config).map_err(broken)?;
        Ok(Channel {
            connection,
            tail: Vec::new(),
            outgoing: Vec::new(),
            sent: 0,
            ended: false,
            broken: false,
        })
    }

    /// Whether plaintext cannot be exchanged yet.
    pub fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// Whether the peer has said its last; [`Self::read`] need not wait for its socket then.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether there are records that [`Self::flush`] has to write.
    pub fn owes(&self) -> bool {
        self.sent < self.outgoing.len()
    }

    /// Reads once from `socket` and gives `plain` what it decrypts, at most [`READ_BYTES_MAX`].
    /// Records that answer the peer may be owed afterwards, also after an error.
    ///
    /// # Errors
    /// Those of `socket`, and `InvalidData` when the peer breaks the protocol.
    pub fn read(
        &mut self,
        socket: impl FnOnce(&mut [u8]) -> io::Result<usize>,
        plain: impl FnMut(&[u8]),
    ) -> io::Result<Received> {
        if self.ended {
            return Ok(Received::End);
        }
        INCOMING.with_borrow_mut(|scratch| {
            scratch.resize(READ_BYTES_MAX, 0);
            let held = self.tail.len();
            let fresh = socket(&mut scratch[held..])?;
            if fresh == 0 {
                self.ended = true;
                return Ok(Received::End);
            }
            scratch[..held].copy_from_slice(&self.tail);
            let input = &mut scratch[..held + fresh];
            let bytes = self
                .process(input, plain)
                .and_then(|(used, bytes)| self.keep(&input[used..]).map(|()| bytes))
                .inspect_err(|_| (self.ended, self.broken) = (true, true))?;
            Ok(if self.ended && bytes == 0 { Received::End } else { Received::Bytes(bytes) })
        })
    }

    /// Handles all records that are complete; bytes used of `input`, and of plaintext.
    fn process(
        &mut self,
        input: &mut [u8],
        mut plain: impl FnMut(&[u8]),
    ) -> io::Result<(usize, usize)> {
        let (mut used, mut bytes) = (0, 0);
        loop {
            let UnbufferedStatus { mut discard, state } =
                self.connection.process_tls_records(&mut input[used..]);
            let rests = match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(broken)?;
                        discard += record.discard;
                        bytes += record.payload.len();
                        plain(record.payload);
                    }
                    false
                }
                Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => {
                    self.ended = true;
                    true
                }
                Ok(state) => answer(state, &mut self.outgoing)?,
                Err(error) => {
                    self.queue_alert();
                    return Err(broken(error));
                }
            };
            used += discard;
            if rests {
                return Ok((used, bytes));
            }
        }
    }

    /// Keeps the incomplete record at the end of the input.
    fn keep(&mut self, rest: &[u8]) -> io::Result<()> {
        let most = if self.is_handshaking() { READ_BYTES_MAX } else { RECORD_BYTES_MAX };
        if self.ended || rest.is_empty() {
            self.tail = Vec::new();
        } else if rest.len() < most {
            self.tail.clear();
            self.tail.extend_from_slice(rest);
        } else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "an oversized TLS message"));
        }
        Ok(())
    }

    /// Queues the words by which the peer learns what it did wrong. The session must not be asked
    /// for more than these: it would stumble over the same input again.
    fn queue_alert(&mut self) {
        while self.connection.wants_write() {
            let UnbufferedStatus { state, .. } = self.connection.process_tls_records(&mut []);
            match state.map(|state| answer(state, &mut self.outgoing)) {
                Ok(Ok(false)) => {}
                _ => return,
            }
        }
    }

    /// Offers `socket` once what is owed; the bytes that it took.
    ///
    /// # Errors
    /// Those of `socket`; the rest stays owed.
    pub fn flush(&mut self, socket: impl FnOnce(&[u8]) -> io::Result<usize>) -> io::Result<usize> {
        let taken = socket(&self.outgoing[self.sent..])?;
        if taken == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.sent += taken;
        if !self.owes() {
            self.outgoing = Vec::new();
            self.sent = 0;
        }
        Ok(taken)
    }

    /// Encrypts the start of `plain` and offers it to `socket` once; what it does not take is owed.
    /// Nothing may be owed before. Bytes used of `plain`, and those that `socket` took.
    ///
    /// # Errors
    /// Of the session: it cannot encrypt any more. Of `socket`: anything but `WouldBlock`, which
    /// counts as 0 bytes.
    pub fn write(
        &mut self,
        plain: &[u8],
        socket: impl FnOnce(&[u8]) -> io::Result<usize>,
    ) -> io::Result<(usize, usize)> {
        debug_assert!(!self.owes(), "records go out in their order");
        let part = &plain[..plain.len().min(WRITE_BYTES)];
        CIPHER.with_borrow_mut(|cipher| {
            cipher.resize(CIPHER_BYTES, 0);
            let length = self.encrypt(part, cipher)?;
            if self.owes() {
                // The session had something to say first.
                self.outgoing.extend_from_slice(&cipher[..length]);
                return Ok((part.len(), 0));
            }
            let taken = match socket(&cipher[..length]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                taken => taken?,
            };
            self.outgoing.extend_from_slice(&cipher[taken..length]);
            Ok((part.len(), taken))
        })
    }

    fn encrypt(&mut self, plain: &[u8], cipher: &mut [u8]) -> io::Result<usize> {
        self.speak(|traffic| traffic.encrypt(plain, cipher))?.map_err(io::Error::other)
    }

    /// Queues the words after which nothing is written.
    pub fn close(&mut self) {
        let mut words = [0; CLOSE_BYTES_MAX];
        if let Ok(Ok(length)) = self.speak(|traffic| traffic.queue_close_notify(&mut words)) {
            self.outgoing.extend_from_slice(&words[..length]);
        }
    }

    /// Calls `act` once the session lets its owner write; an error if it never will.
    fn speak<R>(
        &mut self,
        act: impl FnOnce(&mut WriteTraffic<'_, ServerConnectionData>) -> R,
    ) -> io::Result<R> {
        if self.broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        loop {
            // Nothing in the tail is complete, but the session remembers places in it.
            let UnbufferedStatus { state, .. } =
                self.connection.process_tls_records(&mut self.tail);
            match state.map_err(broken)? {
                ConnectionState::WriteTraffic(mut traffic) => return Ok(act(&mut traffic)),
                ConnectionState::PeerClosed => self.ended = true,
                state => {
                    if answer(state, &mut self.outgoing)? {
                        return Err(io::ErrorKind::BrokenPipe.into());
                    }
                }
            }
        }
    }
}

/// Does what a state asks for that concerns records only; whether the session rests in it.
fn answer<Data>(state: ConnectionState<'_, '_, Data>, outgoing: &mut Vec<u8>) -> io::Result<bool> {
    match state {
        ConnectionState::EncodeTlsData(mut record) => {
            let start = outgoing.len();
            let Err(EncodeError::InsufficientSize(size)) = record.encode(&mut []) else {
                return Err(io::ErrorKind::InvalidData.into());
            };
            outgoing.resize(start + size.required_size, 0);
            let length = record.encode(&mut outgoing[start..]).map_err(io::Error::other)?;
            outgoing.truncate(start + length);
            Ok(false)
        }
        // It is queued, which is as good as sent: records leave in their order.
        ConnectionState::TransmitTlsData(sent) => {
            sent.done();
            Ok(false)
        }
        _ => Ok(true),
    }
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn broken(error: Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("ended", &self.ended).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

//! WebSocket readers of several libraries behind one face: masked binary frames of a client in, sum
//! of the payloads' first bytes out.

use std::cell::Cell;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use clasp_transport::websocket::{Decoder, Event, Step};
use fastwebsockets::{Role, WebSocket};
use futures_core::Stream as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_websockets::{ServerBuilder, WebSocketStream};
use tungstenite::protocol::{WebSocketConfig, WebSocketContext};

/// Longest message that anybody takes.
const MESSAGE_BYTES_MAX: usize = 64 << 10;

/// So many binary frames with payloads of so many bytes, as a client sends them.
pub(crate) fn masked(frames: usize, payload_bytes: usize) -> Vec<u8> {
    let key = [0x37, 0xFA, 0x21, 0x3D];
    let mut out = Vec::new();
    for _ in 0..frames {
        out.push(0x82);
        match u8::try_from(payload_bytes) {
            Ok(short) if short < 126 => out.push(0x80 | short),
            _ => {
                let bytes = u16::try_from(payload_bytes).expect("the frame is short");
                out.push(0x80 | 126);
                out.extend_from_slice(&bytes.to_be_bytes());
            }
        }
        out.extend_from_slice(&key);
        out.extend((0..payload_bytes).map(|at| 0xA5 ^ key[at % 4]));
    }
    out
}

/// A connection of one library.
pub(crate) trait Reader {
    /// A fresh one that will get this input, again and again.
    fn new(input: &Rc<[u8]>) -> Self;

    /// Lets the input come once more and reads so many frames.
    fn read(&mut self, frames: usize) -> u64;
}

/// The relay's own; reads, as there, into a buffer that connections share.
pub(crate) struct Own {
    decoder: Decoder,
    input: Rc<[u8]>,
}

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Reader for Own {
    fn new(input: &Rc<[u8]>) -> Own {
        Own { decoder: Decoder::new(MESSAGE_BYTES_MAX), input: Rc::clone(input) }
    }

    fn read(&mut self, frames: usize) -> u64 {
        let mut scratch = SCRATCH.take();
        scratch.resize(128 << 10, 0);
        // What the kernel does for a read.
        scratch[..self.input.len()].copy_from_slice(&self.input);
        let (mut at, mut sum) = (0, 0);
        for _ in 0..frames {
            match self.decoder.next(&mut scratch[at..self.input.len()]) {
                Ok(Step::Frame { used, event: Some(Event::Message(message)) }) => {
                    sum += u64::from(message[0]);
                    at += used;
                }
                other => panic!("{other:?}"),
            }
        }
        SCRATCH.set(scratch);
        sum
    }
}

/// A socket in memory; after the input there is nothing more for now.
pub(crate) struct Memory {
    input: Rc<[u8]>,
    at: Rc<Cell<usize>>,
}

impl Memory {
    fn new(input: &Rc<[u8]>) -> (Memory, Rc<Cell<usize>>) {
        let at = Rc::new(Cell::new(input.len()));
        (Memory { input: Rc::clone(input), at: Rc::clone(&at) }, at)
    }

    fn take(&mut self, bytes_max: usize) -> &[u8] {
        let at = self.at.get();
        let end = self.input.len().min(at.saturating_add(bytes_max));
        self.at.set(end);
        &self.input[at..end]
    }
}

impl io::Read for Memory {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let came = self.take(into.len());
        into[..came.len()].copy_from_slice(came);
        if came.is_empty() { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(came.len()) }
    }
}

impl io::Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Memory {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let came = self.take(into.remaining());
        into.put_slice(came);
        if came.is_empty() { Poll::Pending } else { Poll::Ready(Ok(())) }
    }
}

impl AsyncWrite for Memory {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What is there at once.
fn now<T>(poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> T {
    match poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the frame is whole"),
    }
}

/// tungstenite without a socket; `READ_BYTES` is its read buffer.
pub(crate) struct Tungstenite<const READ_BYTES: usize> {
    context: WebSocketContext,
    memory: Memory,
    at: Rc<Cell<usize>>,
}

impl<const READ_BYTES: usize> Reader for Tungstenite<READ_BYTES> {
    fn new(input: &Rc<[u8]>) -> Self {
        let config = WebSocketConfig::default().read_buffer_size(READ_BYTES);
        let (memory, at) = Memory::new(input);
        let role = tungstenite::protocol::Role::Server;
        Tungstenite { context: WebSocketContext::new(role, Some(config)), memory, at }
    }

    fn read(&mut self, frames: usize) -> u64 {
        self.at.set(0);
        let mut sum = 0;
        for _ in 0..frames {
            let message = self.context.read(&mut self.memory).expect("the frame is whole");
            sum += u64::from(message.into_data()[0]);
        }
        sum
    }
}

/// fastwebsockets.
pub(crate) struct Fast {
    socket: WebSocket<Memory>,
    at: Rc<Cell<usize>>,
}

impl Reader for Fast {
    fn new(input: &Rc<[u8]>) -> Fast {
        let (memory, at) = Memory::new(input);
        Fast { socket: WebSocket::after_handshake(memory, Role::Server), at }
    }

    fn read(&mut self, frames: usize) -> u64 {
        self.at.set(0);
        let mut sum = 0;
        for _ in 0..frames {
            let mut reading = pin!(self.socket.read_frame());
            let frame = now(|cx| reading.as_mut().poll(cx)).expect("the frame is sound");
            sum += u64::from(frame.payload[0]);
        }
        sum
    }
}

/// tokio-websockets.
pub(crate) struct Tokio {
    socket: WebSocketStream<Memory>,
    at: Rc<Cell<usize>>,
}

impl Reader for Tokio {
    fn new(input: &Rc<[u8]>) -> Tokio {
        let (memory, at) = Memory::new(input);
        Tokio { socket: ServerBuilder::new().serve(memory), at }
    }

    fn read(&mut self, frames: usize) -> u64 {
        self.at.set(0);
        let mut sum = 0;
        for _ in 0..frames {
            let next = now(|cx| Pin::new(&mut self.socket).poll_next(cx));
            let message = next.expect("the socket is open").expect("the frame is sound");
            sum += u64::from(message.as_payload()[0]);
        }
        sum
    }
}

//! A [`Channel`] and its socket as an asynchronous stream: for the handshake and for HTTP.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::channel::{Channel, Received};

/// TLS over TCP.
#[derive(Debug)]
pub(crate) struct Stream {
    socket: TcpStream,
    channel: Channel,
    /// Plaintext, and how much of it has been read.
    plain: Vec<u8>,
    taken: usize,
}

impl Stream {
    /// Shakes hands.
    pub(crate) async fn accept(socket: TcpStream, channel: Channel) -> io::Result<Stream> {
        let mut stream = Stream { socket, channel, plain: Vec::new(), taken: 0 };
        std::future::poll_fn(|cx| stream.poll_handshake(cx)).await?;
        Ok(stream)
    }

    /// The socket, the session and the plaintext that nobody has read.
    pub(crate) fn into_parts(mut self) -> (TcpStream, Channel, Vec<u8>) {
        (self.socket, self.channel, self.plain.split_off(self.taken))
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_send(cx))?;
            if !self.channel.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            match ready!(self.poll_receive(cx)) {
                Ok(Received::Bytes(_)) => {}
                Ok(Received::End) => {
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
                Err(error) => {
                    // The peer learns why, if the socket takes it at once.
                    let socket = &self.socket;
                    let _ = self.channel.flush(|records| socket.try_write(records));
                    return Poll::Ready(Err(error));
                }
            }
        }
    }

    /// Reads and decrypts once there is something.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Received>> {
        let Stream { socket, channel, plain, .. } = self;
        loop {
            if channel.has_ended() {
                return Poll::Ready(Ok(Received::End));
            }
            ready!(socket.poll_read_ready(cx))?;
            let read =
                channel.read(|into| socket.try_read(into), |piece| plain.extend_from_slice(piece));
            match read {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                received => return Poll::Ready(received),
            }
        }
    }

    /// Writes all that is owed.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Stream { socket, channel, .. } = self;
        while channel.owes() {
            ready!(socket.poll_write_ready(cx))?;
            match channel.flush(|records| socket.try_write(records)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                flushed => {
                    flushed?;
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Stream {
    /// The next byte of plaintext, which stays where it is; `None` at the end.
    pub(crate) fn poll_peek(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<u8>>> {
        while self.taken == self.plain.len() {
            self.plain = Vec::new();
            self.taken = 0;
            if ready!(self.poll_receive(cx))? == Received::End {
                return Poll::Ready(Ok(None));
            }
            // Answers of the session itself; nobody waits for them.
            let _ = self.poll_send(cx)?;
        }
        Poll::Ready(Ok(Some(self.plain[self.taken])))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = &mut *self;
        if ready!(stream.poll_peek(cx))?.is_none() {
            return Poll::Ready(Ok(()));
        }
        let rest = &stream.plain[stream.taken..];
        let length = rest.len().min(into.remaining());
        into.put_slice(&rest[..length]);
        stream.taken += length;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        plain: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_send(cx))?;
        let Stream { socket, channel, .. } = &mut *self;
        let (used, _) = channel.write(plain, |records| socket.try_write(records))?;
        Poll::Ready(Ok(used))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_send(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.channel.close();
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

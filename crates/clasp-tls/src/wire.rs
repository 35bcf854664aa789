//! A connection that may or may not be encrypted, as one type.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::channel::Channel;
use crate::stream::Stream;

/// An accepted connection, past its handshake.
#[derive(Debug)]
pub struct Wire(pub(crate) Kind);

#[derive(Debug)]
pub(crate) enum Kind {
    Plain(TcpStream),
    Tls(Box<Stream>),
}

/// What a [`Wire`] consists of, for those who read and write on their own.
#[derive(Debug)]
pub struct Parts {
    /// The socket.
    pub socket: TcpStream,
    /// The TLS session; none on a plain connection.
    pub channel: Option<Box<Channel>>,
    /// Plaintext that was received and not read.
    pub early: Vec<u8>,
}

impl Wire {
    /// Waits for the first byte of the peer's words, and leaves it to be read.
    ///
    /// # Errors
    /// The connection ends before it comes.
    pub async fn first_byte(&mut self) -> io::Result<u8> {
        let mut first = [0];
        let known = match &mut self.0 {
            Kind::Plain(socket) => (socket.peek(&mut first).await? == 1).then_some(first[0]),
            Kind::Tls(stream) => std::future::poll_fn(|cx| stream.poll_peek(cx)).await?,
        };
        known.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Takes the connection apart.
    pub fn into_parts(self) -> Parts {
        match self.0 {
            Kind::Plain(socket) => Parts { socket, channel: None, early: Vec::new() },
            Kind::Tls(stream) => {
                let (socket, channel, early) = stream.into_parts();
                Parts { socket, channel: Some(Box::new(channel)), early }
            }
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Kind::Plain(socket) => Pin::new(socket).poll_read(cx, into),
            Kind::Tls(stream) => Pin::new(stream.as_mut()).poll_read(cx, into),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Kind::Plain(socket) => Pin::new(socket).poll_write(cx, bytes),
            Kind::Tls(stream) => Pin::new(stream.as_mut()).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Kind::Plain(socket) => Pin::new(socket).poll_write_vectored(cx, slices),
            Kind::Tls(stream) => Pin::new(stream.as_mut()).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Kind::Plain(socket) => socket.is_write_vectored(),
            Kind::Tls(_) => false,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Kind::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Kind::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Kind::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Kind::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
        }
    }
}

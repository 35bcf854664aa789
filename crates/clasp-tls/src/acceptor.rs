//! From an accepted socket to a [`Wire`]: the first byte tells TLS from plain text.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::channel::Channel;
use crate::stream::Stream;
use crate::tls::Tls;
use crate::wire::{Kind, Wire};

/// First byte of a TLS record with a handshake; no HTTP request begins with it.
const HANDSHAKE: u8 = 0x16;

/// Most bytes read and thrown away before a refused socket is closed; closing it unread would make
/// the system discard the answer.
const LINGER_BYTES_MAX: u64 = 64 << 10;

/// Longest time for the peer of a refused socket to close its side.
const LINGER_TIME_MAX: Duration = Duration::from_secs(1);

const PLAIN_REFUSED: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
    content-type: text/plain; charset=utf-8\r\n\
    content-length: 58\r\n\
    connection: close\r\n\r\n\
    this port takes TLS only: connect with https:// or wss://\n";

/// What a listener does with fresh sockets.
#[derive(Debug, Clone, Default)]
pub struct Acceptor {
    tls: Option<Arc<Tls>>,
    plain_refused: bool,
}

/// Why a socket did not become a [`Wire`].
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The socket is not encrypted and had to be; its peer was told if it speaks HTTP.
    #[error("the connection is not encrypted, which --tls-only asks for")]
    Plain,
    /// The peer left, broke the protocol or is not trusted.
    #[error("no TLS session: {0}")]
    Handshake(io::Error),
    /// The socket failed.
    #[error(transparent)]
    Socket(#[from] io::Error),
}

impl Acceptor {
    /// Plain text only; nothing is looked at.
    pub fn plain() -> Acceptor {
        Acceptor::default()
    }

    /// TLS, and plain text beside it.
    pub fn with_tls(tls: Arc<Tls>) -> Acceptor {
        Acceptor { tls: Some(tls), plain_refused: false }
    }

    /// TLS only.
    pub fn tls_only(tls: Arc<Tls>) -> Acceptor {
        Acceptor { tls: Some(tls), plain_refused: true }
    }

    /// Whether TLS is served.
    pub fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether plain connections are refused.
    pub fn refuses_plain(&self) -> bool {
        self.plain_refused
    }

    /// Waits for the peer's first byte and, if it asks for TLS, shakes hands; deadlines are the
    /// caller's. A silent socket owns no buffer meanwhile.
    ///
    /// # Errors
    /// The peer is gone, or refused and told so.
    pub async fn accept(&self, socket: TcpStream) -> Result<Wire, Refused> {
        let Some(tls) = &self.tls else {
            socket.readable().await?;
            return Ok(Wire(Kind::Plain(socket)));
        };
        let mut first = [0];
        if socket.peek(&mut first).await? == 0 {
            return Err(Refused::Socket(io::ErrorKind::UnexpectedEof.into()));
        }
        if first[0] == HANDSHAKE {
            let channel = Channel::new(tls.config()).map_err(Refused::Handshake)?;
            let stream = Box::pin(Stream::accept(socket, channel)).await;
            return Ok(Wire(Kind::Tls(Box::new(stream.map_err(Refused::Handshake)?))));
        }
        // Only HTTP would understand the answer.
        if self.plain_refused && !first[0].is_ascii_uppercase() {
            return Err(Refused::Plain);
        }
        if self.plain_refused {
            let _ = tokio::time::timeout(LINGER_TIME_MAX, refuse(socket)).await;
            return Err(Refused::Plain);
        }
        Ok(Wire(Kind::Plain(socket)))
    }
}

async fn refuse(mut socket: TcpStream) -> io::Result<()> {
    socket.write_all(PLAIN_REFUSED).await?;
    socket.shutdown().await?;
    let mut rest = socket.take(LINGER_BYTES_MAX);
    tokio::io::copy(&mut rest, &mut tokio::io::sink()).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_has_the_length_it_tells() {
        let text = std::str::from_utf8(PLAIN_REFUSED).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{}", body.len());
    }
}

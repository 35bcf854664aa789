//! A client's connection while it is being opened: blocking, one step after the other.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::wire::{Found, Role, Wire};

/// No answer within this time fails the run.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Sessions that are being opened at the same time.
const OPENING_MAX: usize = 100;
const READ_BYTES: usize = 16 * 1024;
/// Beyond some 14,000 connections from one address to another the kernel searches long for a
/// free port, which would count as the server's slowness.
const SESSIONS_PER_SOURCE: u32 = 5_000;

/// What a socket has that others do not need.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SocketOptions {
    /// Size of its receive buffer.
    pub(crate) receive_bytes: Option<usize>,
    /// Address it connects from.
    pub(crate) source: Option<Ipv4Addr>,
    /// Asks again and again instead of sleeping until an answer comes, so that waking up is no
    /// part of the figure.
    pub(crate) spin: bool,
}

/// A blocking connection and what was received but not yet used.
#[derive(Debug)]
pub(crate) struct Link {
    stream: TcpStream,
    received: Vec<u8>,
    spin: bool,
}

impl Link {
    /// Connects without opening a session.
    pub(crate) fn connect(address: SocketAddr, options: SocketOptions) -> Result<Link> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if let Some(bytes) = options.receive_bytes {
            socket.set_recv_buffer_size(bytes)?;
        }
        if let Some(source) = options.source {
            let any_port = SocketAddr::from((source, 0));
            socket.bind(&any_port.into()).with_context(|| format!("bind to {source}"))?;
        }
        socket.connect(&address.into()).with_context(|| format!("connect to {address}"))?;
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        // Closed by a reset: thousands of ports in TIME_WAIT would disturb the next run.
        SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        stream.set_write_timeout(Some(ANSWER_MAX))?;
        Ok(Link { stream, received: Vec::new(), spin: options.spin })
    }

    /// Connects and opens a session; returns when the server has answered the ping behind it.
    pub(crate) fn open(address: SocketAddr, wire: &dyn Wire, role: Role<'_>) -> Result<Link> {
        Link::connect(address, SocketOptions::default())?.greet(wire, role)
    }

    /// Opens a session on a fresh connection; returns when the server has answered the ping.
    pub(crate) fn greet(self, wire: &dyn Wire, role: Role<'_>) -> Result<Link> {
        let mut link = self.begin(wire, role)?;
        link.await_pong(wire)?;
        Ok(link)
    }

    /// Sends what opens a session; [`Link::await_pong`] finishes it.
    pub(crate) fn begin(mut self, wire: &dyn Wire, role: Role<'_>) -> Result<Link> {
        wire.preamble(&mut self, role)?;
        self.send(&wire.opening(role))?;
        Ok(self)
    }

    /// Reads until a ping is answered.
    pub(crate) fn await_pong(&mut self, wire: &dyn Wire) -> Result<()> {
        let mut found = Found::default();
        loop {
            let taken = wire.scan(&self.received, &mut found)?;
            self.consume(taken);
            if found.pongs > 0 {
                return Ok(());
            }
            self.receive()?;
        }
    }

    /// Writes everything.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).context("write")
    }

    /// Reads once and appends to what was received.
    pub(crate) fn receive(&mut self) -> Result<()> {
        let mut buffer = [0; READ_BYTES];
        let count = if self.spin {
            spin_read(&self.stream, &mut buffer)
        } else {
            self.stream.read(&mut buffer)
        };
        match count.context("read")? {
            0 => bail!("the server closed the connection"),
            count => {
                self.received.extend_from_slice(&buffer[..count]);
                Ok(())
            }
        }
    }

    /// Reads what is there, if anything is, and appends it to what was received.
    pub(crate) fn receive_ready(&mut self) -> Result<bool> {
        let mut buffer = [0; READ_BYTES];
        match recv(self.stream.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
            Ok(0) => bail!("the server closed the connection"),
            Ok(count) => {
                self.received.extend_from_slice(&buffer[..count]);
                Ok(true)
            }
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(false),
            Err(error) => Err(error).context("read"),
        }
    }

    /// What was received and not consumed.
    pub(crate) fn received(&self) -> &[u8] {
        &self.received
    }

    /// Drops the first `count` bytes of what was received.
    pub(crate) fn consume(&mut self, count: usize) {
        self.received.drain(..count);
        if self.received.is_empty() {
            // Thousands of idle links would each keep a buffer.
            self.received = Vec::new();
        }
    }

    /// The connection for an event loop, and what was received beyond the opening.
    pub(crate) fn into_nonblocking(self) -> Result<(mio::net::TcpStream, Vec<u8>)> {
        self.stream.set_nonblocking(true)?;
        Ok((mio::net::TcpStream::from_std(self.stream), self.received))
    }
}

/// Reads once without sleeping.
fn spin_read(stream: &TcpStream, buffer: &mut [u8]) -> std::io::Result<usize> {
    let deadline = Instant::now() + ANSWER_MAX;
    loop {
        match recv(stream.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT) {
            Err(Errno::EAGAIN) if Instant::now() < deadline => std::hint::spin_loop(),
            Err(Errno::EINTR) => {}
            done => return Ok(done?),
        }
    }
}

/// Opens sessions, some at a time, so that one that is answered late does not hold up the rest.
pub(crate) fn open_all(
    address: SocketAddr,
    wire: &dyn Wire,
    roles: &[Role<'_>],
) -> Result<Vec<Link>> {
    let mut links = Vec::with_capacity(roles.len());
    for roles in roles.chunks(OPENING_MAX) {
        let first = links.len();
        for role in roles {
            let link = Link::connect(address, SocketOptions::default())?;
            links.push(link.begin(wire, *role)?);
        }
        for link in &mut links[first..] {
            link.await_pong(wire)?;
        }
    }
    Ok(links)
}

/// The loopback address to connect from; `None` is the usual one.
pub(crate) fn source(number: u32) -> Option<Ipv4Addr> {
    let index = u8::try_from(number / SESSIONS_PER_SOURCE).ok()?;
    (index > 0).then(|| Ipv4Addr::new(127, 0, 0, 1 + index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sessions_come_from_the_usual_address() {
        assert_eq!(source(0), None);
        assert_eq!(source(SESSIONS_PER_SOURCE - 1), None);
        assert_eq!(source(SESSIONS_PER_SOURCE), Some(Ipv4Addr::new(127, 0, 0, 2)));
        assert_eq!(source(14_999), Some(Ipv4Addr::new(127, 0, 0, 3)));
    }
}

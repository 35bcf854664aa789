//! One socket of the generator: nonblocking writes, and reads that are scanned at once.

use std::io::{ErrorKind, Read, Write};

use anyhow::{Context, Result, bail, ensure};
use mio::net::TcpStream;

use crate::wire::{Found, Wire};

/// More than the longest message of any protocol here.
const BUFFER_BYTES: usize = 256 * 1024;

/// A socket and the part of a message that was received last.
pub(crate) struct Pipe {
    stream: TcpStream,
    carry: Vec<u8>,
}

pub(crate) struct Scratch {
    wire: &'static dyn Wire,
    buffer: Vec<u8>,
    pub(crate) found: Found,
}

impl Scratch {
    pub(crate) fn new(wire: &'static dyn Wire) -> Scratch {
        Scratch { wire, buffer: vec![0; BUFFER_BYTES], found: Found::default() }
    }
}

impl Pipe {
    /// A nonblocking socket and what was received before.
    pub(crate) fn new(stream: TcpStream, carry: Vec<u8>) -> Pipe {
        Pipe { stream, carry }
    }

    /// Writes until the socket takes no more; returns how much it took.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let mut written = 0;
        while written < bytes.len() {
            match self.stream.write(&bytes[written..]) {
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("write"),
            }
        }
        Ok(written)
    }

    /// Reads until the socket is empty, as edge-triggered readiness demands.
    #[inline]
    pub(crate) fn drain(&mut self, scratch: &mut Scratch) -> Result<()> {
        loop {
            let kept = self.carry.len();
            scratch.buffer[..kept].copy_from_slice(&self.carry);
            match self.stream.read(&mut scratch.buffer[kept..]) {
                Ok(0) => bail!("the server closed the connection"),
                Ok(count) => {
                    let filled = kept + count;
                    let bytes = &scratch.buffer[..filled];
                    let taken = scratch.wire.scan(bytes, &mut scratch.found)?;
                    self.carry.clear();
                    self.carry.extend_from_slice(&bytes[taken..]);
                    // A short read of a stream socket has emptied it.
                    if filled < BUFFER_BYTES {
                        return Ok(());
                    }
                    ensure!(taken > 0, "a message is longer than {BUFFER_BYTES} bytes");
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("read"),
            }
        }
    }
}

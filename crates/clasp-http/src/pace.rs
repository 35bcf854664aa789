//! A wire that counts what its peer has taken, so that a slow reader can be told from a dead one.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A wire and its count.
#[derive(Debug)]
pub(crate) struct Paced<W> {
    wire: W,
    written: Arc<AtomicU64>,
}

/// How far the writing of a [`Paced`] wire has come.
#[derive(Debug)]
pub(crate) struct Progress(Arc<AtomicU64>);

impl Progress {
    /// Bytes that the wire has taken so far.
    pub(crate) fn written(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl<W> Paced<W> {
    /// Counts from now on.
    pub(crate) fn new(wire: W) -> (Paced<W>, Progress) {
        let written = Arc::new(AtomicU64::new(0));
        (Paced { wire, written: Arc::clone(&written) }, Progress(written))
    }

    fn counted(&self, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(count)) = &outcome {
            self.written.fetch_add(*count as u64, Ordering::Relaxed);
        }
        outcome
    }
}

impl<W: AsyncRead + Unpin> AsyncRead for Paced<W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_read(context, buffer)
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Paced<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.wire).poll_write(context, bytes);
        self.counted(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.wire).poll_write_vectored(context, slices);
        self.counted(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(context)
    }
}

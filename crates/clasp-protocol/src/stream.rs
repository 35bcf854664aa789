//! Frames in a stream of bytes (spec: wire.md section 15): each behind its length, or back to back.

use crate::frame::{Frame, FrameError};
use crate::limits::FRAME_BYTES_MAX;

/// Bytes of the length before a frame.
const PREFIX_BYTES: usize = 4;

/// How a stream tells one frame from the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delimiter {
    /// Each frame follows its length as u32, big-endian.
    Length,
    /// The header of each frame tells its length.
    Header,
}

/// What the start of a stream holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Nothing can be told before there are so many bytes; more than there are now.
    Need(usize),
    /// One frame as far as its delimiter tells; empty for a length of zero, which is to be ignored.
    Frame {
        /// Bytes of the stream that are done with.
        used: usize,
        /// The frame.
        frame: &'a [u8],
    },
}

/// A stream cannot be understood from here on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// A length prefix is larger than any frame.
    #[error("a length prefix of {0} bytes; the largest frame has {FRAME_BYTES_MAX}")]
    TooLong(u32),
    /// There is no frame where one must begin.
    #[error("{0}; the stream cannot be understood from here on")]
    NoFrame(FrameError),
}

impl Delimiter {
    /// Reads the frame at the start of `input`, without looking into it.
    #[inline]
    pub fn next(self, input: &[u8]) -> Result<Piece<'_>, StreamError> {
        match self {
            Delimiter::Length => prefixed(input),
            Delimiter::Header => bare(input),
        }
    }
}

fn prefixed(input: &[u8]) -> Result<Piece<'_>, StreamError> {
    let Some((prefix, rest)) = input.split_first_chunk::<PREFIX_BYTES>() else {
        return Ok(Piece::Need(PREFIX_BYTES));
    };
    let announced = u32::from_be_bytes(*prefix);
    let length = announced as usize;
    if length > FRAME_BYTES_MAX {
        return Err(StreamError::TooLong(announced));
    }
    let used = PREFIX_BYTES + length;
    Ok(rest.get(..length).map_or(Piece::Need(used), |frame| Piece::Frame { used, frame }))
}

fn bare(input: &[u8]) -> Result<Piece<'_>, StreamError> {
    // Four bytes tell the length.
    let used = Frame::needed(input).map_err(StreamError::NoFrame)?.unwrap_or(PREFIX_BYTES);
    Ok(input.get(..used).map_or(Piece::Need(used), |frame| Piece::Frame { used, frame }))
}

/// Puts the frames of a stream without length prefixes together. Owns no memory when all is read.
#[derive(Debug, Default)]
pub struct Assembly {
    held: Vec<u8>,
    read: usize,
}

impl Assembly {
    /// Adds what has come in.
    pub fn push(&mut self, bytes: &[u8]) {
        self.held.drain(..self.read);
        self.read = 0;
        self.held.extend_from_slice(bytes);
    }

    /// The next frame, if it is whole.
    pub fn next_frame(&mut self) -> Result<Option<&[u8]>, StreamError> {
        if self.read == self.held.len() {
            *self = Assembly::default();
        }
        match Delimiter::Header.next(&self.held[self.read..])? {
            Piece::Need(_) => Ok(None),
            Piece::Frame { used, frame } => {
                self.read += used;
                Ok(Some(frame))
            }
        }
    }

    /// Whether nothing is left, not even the start of a frame.
    pub fn is_empty(&self) -> bool {
        self.read == self.held.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The frames in `input` when it comes in pieces of `size` bytes.
    fn cut(delimiter: Delimiter, input: &[u8], size: usize) -> Vec<Vec<u8>> {
        let (mut held, mut frames) = (Vec::new(), Vec::new());
        for piece in input.chunks(size) {
            held.extend_from_slice(piece);
            loop {
                match delimiter.next(&held).unwrap() {
                    Piece::Need(needed) => {
                        assert!(needed > held.len(), "{needed} bytes are needed");
                        break;
                    }
                    Piece::Frame { used, frame } => {
                        frames.push(frame.to_vec());
                        held.drain(..used);
                    }
                }
            }
        }
        assert!(held.is_empty(), "everything is whole");
        frames
    }

    #[test]
    fn frames_behind_their_length_come_out_however_they_are_cut() {
        let input = b"\0\0\0\x05\x53\x01\0\x01A\0\0\0\0\0\0\0\x06\x53\x01\0\x02BC";
        for size in 1..=input.len() {
            let frames = cut(Delimiter::Length, input, size);
            assert_eq!(frames, [&b"\x53\x01\0\x01A"[..], b"", b"\x53\x01\0\x02BC"], "{size}");
        }
    }

    #[test]
    fn frames_back_to_back_come_out_however_they_are_cut() {
        let input = b"\x53\x01\0\x01A\x53\x21\0\x02\0\0\0\0\0\0\0\x07BC";
        for size in 1..=input.len() {
            assert_eq!(cut(Delimiter::Header, input, size), [&input[..5], &input[5..]], "{size}");
            let (mut assembly, mut frames) = (Assembly::default(), Vec::new());
            for piece in input.chunks(size) {
                assembly.push(piece);
                while let Some(frame) = assembly.next_frame().unwrap() {
                    frames.push(frame.to_vec());
                }
            }
            assert_eq!(frames, [&input[..5], &input[5..]], "{size}");
            assert!(assembly.is_empty() && assembly.held.capacity() == 0);
        }
    }

    #[test]
    fn the_largest_frame_is_allowed_and_no_larger_length() {
        let most = FRAME_BYTES_MAX as u32;
        assert_eq!(Delimiter::Length.next(&most.to_be_bytes()), Ok(Piece::Need(4 + 65_547)));
        let error = Delimiter::Length.next(&(most + 1).to_be_bytes()).unwrap_err();
        let text = "a length prefix of 65548 bytes; the largest frame has 65547";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn nothing_is_made_of_bytes_that_begin_no_frame() {
        let error = Delimiter::Header.next(b"GET").unwrap_err().to_string();
        assert!(error.contains("0x47 instead of 0x53"), "{error}");
    }
}

//! However a stream is cut, the same frames come out, with a length before each and without.

use clasp_protocol::limits::FRAME_BYTES_MAX;
use clasp_protocol::stream::{Assembly, Delimiter, Piece};

/// Frames up to the end of what can be understood, and whether there is an error then.
type Frames = (Vec<Vec<u8>>, bool);

/// Takes the stream apart at once and in pieces; the first byte says how large they are.
pub fn check(data: &[u8]) {
    let Some((&size, stream)) = data.split_first() else { return };
    let size = usize::from(size).max(1);
    for delimiter in [Delimiter::Length, Delimiter::Header] {
        let at_once = cut(delimiter, stream, stream.len().max(1));
        let in_pieces = cut(delimiter, stream, size);
        assert_eq!(at_once, in_pieces, "{delimiter:?} in pieces of {size}");
        for frame in &at_once.0 {
            assert!(frame.len() <= FRAME_BYTES_MAX);
        }
        if delimiter == Delimiter::Header {
            assert_eq!(assemble(stream, size), at_once, "assembled from pieces of {size}");
        }
    }
}

fn cut(delimiter: Delimiter, stream: &[u8], size: usize) -> Frames {
    let (mut held, mut frames) = (Vec::new(), Vec::new());
    for piece in stream.chunks(size) {
        held.extend_from_slice(piece);
        while !held.is_empty() {
            match delimiter.next(&held) {
                Ok(Piece::Need(needed)) => {
                    assert!(needed > held.len() && needed <= 4 + FRAME_BYTES_MAX);
                    break;
                }
                Ok(Piece::Frame { used, frame }) => {
                    assert!(used > 0 && used <= held.len());
                    frames.push(frame.to_vec());
                    held.drain(..used);
                }
                Err(_) => return (frames, true),
            }
        }
    }
    (frames, false)
}

fn assemble(stream: &[u8], size: usize) -> Frames {
    let (mut assembly, mut frames) = (Assembly::default(), Vec::new());
    for piece in stream.chunks(size) {
        assembly.push(piece);
        loop {
            match assembly.next_frame() {
                Ok(Some(frame)) => frames.push(frame.to_vec()),
                Ok(None) => break,
                Err(_) => return (frames, true),
            }
        }
    }
    (frames, false)
}

#[cfg(test)]
mod tests {
    #[test]
    fn frames_and_nonsense_pass() {
        super::check(b"");
        super::check(b"\x01\x53\x01\0\x01A\x53\x01\0\x01B\x53");
        super::check(b"\x03\0\0\0\x05\x53\x01\0\x01A\xff\xff\xff\xff");
    }
}

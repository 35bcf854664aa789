//! Frames: what is parsed lies within the input, and what is written is read again.

use clasp_protocol::frame::{self, FrameError};
use clasp_protocol::limits::{FRAME_BYTES_MAX, PAYLOAD_BYTES_MAX};
use clasp_protocol::{Frame, Qos};

/// Reads the input as frames back to back, and as one payload.
pub fn check(data: &[u8]) {
    let mut rest = data;
    while let Ok(frame) = Frame::parse(rest) {
        check_frame(&frame, rest);
        rest = &rest[frame.len..];
    }
    check_prefixes(data);
    for qos in [Qos::Fire, Qos::Confirm, Qos::Commit] {
        check_write(qos, data);
    }
}

fn check_frame(frame: &Frame<'_>, input: &[u8]) {
    assert!(frame.len <= input.len() && frame.len <= FRAME_BYTES_MAX);
    assert!(!frame.payload.is_empty() && frame.payload.len() <= PAYLOAD_BYTES_MAX);
    assert!(input[..frame.len].ends_with(frame.payload));
    assert_eq!(Frame::parse(&input[..frame.len]), Ok(*frame), "what follows does not matter");
    let cut = Frame::parse(&input[..frame.len - 1]);
    assert_eq!(cut, Err(FrameError::Short { needed: frame.len, have: frame.len - 1 }));
}

/// More bytes never change what the first ones have said.
fn check_prefixes(data: &[u8]) {
    let whole = Frame::needed(data);
    for end in 0..data.len().min(16) {
        match Frame::needed(&data[..end]) {
            Ok(None) => {}
            said => assert_eq!(said, whole, "after {end} bytes"),
        }
    }
}

fn check_write(qos: Qos, payload: &[u8]) {
    let mut out = vec![0xAA];
    match frame::write(qos, payload, &mut out) {
        Err(_) => {
            assert!(payload.is_empty() || payload.len() > PAYLOAD_BYTES_MAX);
            assert_eq!(out, [0xAA], "nothing is written on error");
        }
        Ok(()) => {
            let frame = Frame::parse(&out[1..]).expect("what was written is read");
            assert_eq!((frame.qos, frame.payload), (qos, payload));
            assert_eq!((frame.timestamp, frame.len), (None, out.len() - 1));
        }
    }
}

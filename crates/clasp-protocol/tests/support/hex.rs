//! Bytes written as hex in the golden vectors.

use serde_json::Value as Json;

/// Bytes from lower-case hex.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "hex comes in pairs: {text}");
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// The bytes in the field `frame_hex`.
pub(crate) fn frame_of(vector: &Json) -> Vec<u8> {
    unhex(vector["frame_hex"].as_str().unwrap())
}

//! Control frames of a server. Data frames arrive from the router with their header.

/// Bytes of a reason that fit beside the code in a control frame.
const REASON_BYTES_MAX: usize = 123;

/// Appends a Close frame; an over-long reason is cut between characters.
pub fn append_close(code: u16, reason: &str, out: &mut Vec<u8>) {
    let reason = &reason[..reason.floor_char_boundary(REASON_BYTES_MAX)];
    append_header(0x88, 2 + reason.len(), out);
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(reason.as_bytes());
}

/// Appends the answer to a peer's Close: its own code, or nothing if it gave none.
pub fn append_close_reply(code: Option<u16>, out: &mut Vec<u8>) {
    match code {
        Some(code) => append_close(code, "", out),
        None => append_header(0x88, 0, out),
    }
}

/// Appends a Ping without payload.
pub fn append_ping(out: &mut Vec<u8>) {
    append_header(0x89, 0, out);
}

/// Appends a Pong; `payload` is that of the Ping, at most 125 bytes.
pub fn append_pong(payload: &[u8], out: &mut Vec<u8>) {
    append_header(0x8a, payload.len(), out);
    out.extend_from_slice(payload);
}

/// Puts the header of a binary message before its bytes.
pub fn wrap_in_message(bytes: &mut Vec<u8>) {
    const FINAL_BINARY: u8 = 0x82;
    let length = bytes.len() as u64;
    let mut header = [FINAL_BINARY, 127, 0, 0, 0, 0, 0, 0, 0, 0];
    header[2..].copy_from_slice(&length.to_be_bytes());
    let header = match length {
        0..126 => &[FINAL_BINARY, length as u8][..],
        126..=0xffff => &[FINAL_BINARY, 126, header[8], header[9]],
        _ => &header,
    };
    bytes.splice(..0, header.iter().copied());
}

fn append_header(first: u8, payload_bytes: usize, out: &mut Vec<u8>) {
    debug_assert!(payload_bytes <= 125, "control frames are short");
    out.extend_from_slice(&[first, payload_bytes as u8]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_carries_code_and_reason() {
        let mut out = Vec::new();
        append_close(1001, "bye", &mut out);
        assert_eq!(out, b"\x88\x05\x03\xe9bye");
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let mut out = Vec::new();
        append_close(1008, &"é".repeat(100), &mut out);
        assert_eq!(out[1], 2 + 122);
        assert_eq!(std::str::from_utf8(&out[4..]).unwrap(), "é".repeat(61));
    }

    #[test]
    fn a_close_without_code_is_answered_without_code() {
        let mut out = Vec::new();
        append_close_reply(None, &mut out);
        append_close_reply(Some(1000), &mut out);
        assert_eq!(out, b"\x88\x00\x88\x02\x03\xe8");
    }

    #[test]
    fn ping_and_pong_are_final_unmasked_frames() {
        let mut out = Vec::new();
        append_ping(&mut out);
        append_pong(b"x", &mut out);
        assert_eq!(out, b"\x89\x00\x8a\x01x");
    }

    #[test]
    fn messages_have_the_shortest_header() {
        for (length, header) in [
            (1, &[0x82, 1][..]),
            (125, &[0x82, 125]),
            (126, &[0x82, 126, 0, 126]),
            (65_535, &[0x82, 126, 0xff, 0xff]),
            (65_536, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let mut bytes = vec![7; length];
            wrap_in_message(&mut bytes);
            let (head, message) = bytes.split_at(header.len());
            assert_eq!((head, message), (header, &vec![7; length][..]), "{length}");
        }
    }
}

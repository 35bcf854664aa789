//! The WebSocket decoder against RFC 6455, case by case.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use clasp_transport::websocket::{Decoder, Event, Step, Violation};
use proptest::prelude::*;

const FIN: u8 = 0x80;
const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// A masked frame.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let key = [0x37, 0xfa, 0x21, 0x3d];
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..126 => bytes.push(0x80 | short as u8),
        medium @ 126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend((medium as u16).to_be_bytes());
        }
        long => {
            bytes.push(0x80 | 127);
            bytes.extend((long as u64).to_be_bytes());
        }
    }
    bytes.extend(key);
    bytes.extend(payload.iter().zip(key.into_iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Message(Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close(Option<u16>),
}

impl From<Event<'_>> for Seen {
    fn from(event: Event<'_>) -> Seen {
        match event {
            Event::Message(message) => Seen::Message(message.into_owned()),
            Event::Ping(payload) => Seen::Ping(payload.to_vec()),
            Event::Pong => Seen::Pong,
            Event::Close(code) => Seen::Close(code),
        }
    }
}

/// Feeds the bytes in pieces of the given sizes, over and over.
fn decode(bytes: &[u8], pieces: &[usize]) -> Result<Vec<Seen>, Violation> {
    let mut decoder = Decoder::new(70_000);
    let mut seen = Vec::new();
    let mut buffer = Vec::new();
    let mut rest = bytes;
    for piece in pieces.iter().cycle() {
        let (now, later) = rest.split_at(rest.len().min(*piece));
        buffer.extend_from_slice(now);
        rest = later;
        while let Step::Frame { used, event } = decoder.next(&mut buffer)? {
            seen.extend(event.map(Seen::from));
            buffer.drain(..used);
        }
        if rest.is_empty() {
            return Ok(seen);
        }
    }
    unreachable!("pieces repeat for ever")
}

fn whole(bytes: &[u8]) -> Result<Vec<Seen>, Violation> {
    decode(bytes, &[bytes.len().max(1)])
}

fn refused(bytes: &[u8]) -> u16 {
    whole(bytes).unwrap_err().code
}

#[test]
fn the_masked_hello_of_the_rfc_is_read() {
    let bytes = [0x82, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    assert_eq!(whole(&bytes), Ok(vec![Seen::Message(b"Hello".to_vec())]));
}

#[test]
fn every_form_of_length_is_read() {
    for length in [0, 1, 125, 126, 127, 0xffff, 0x1_0000, 65_547] {
        let payload = vec![0xa5; length];
        let seen = whole(&frame(FIN | BINARY, &payload)).unwrap();
        assert_eq!(seen, [Seen::Message(payload)], "length {length}");
    }
}

#[test]
fn a_whole_message_is_borrowed_from_the_input() {
    let mut bytes = frame(FIN | BINARY, b"abc");
    let step = Decoder::new(100).next(&mut bytes).unwrap();
    assert!(matches!(
        step,
        Step::Frame { used: 9, event: Some(Event::Message(std::borrow::Cow::Borrowed(b"abc"))) }
    ));
}

#[test]
fn many_frames_back_to_back_are_read_one_by_one() {
    let bytes = [frame(FIN | BINARY, b"a"), frame(FIN | PONG, b""), frame(FIN | BINARY, b"b")];
    let expected = [Seen::Message(b"a".to_vec()), Seen::Pong, Seen::Message(b"b".to_vec())];
    assert_eq!(whole(&bytes.concat()).unwrap(), expected);
}

#[test]
fn the_need_is_told_step_by_step() {
    let bytes = frame(FIN | BINARY, &[7; 300]);
    for (have, need) in [(0, 2), (1, 2), (2, 8), (7, 8), (8, 308), (307, 308)] {
        let mut input = bytes[..have].to_vec();
        assert_eq!(Decoder::new(1_000).next(&mut input), Ok(Step::Need(need)), "{have} bytes");
    }
}

#[test]
fn fragments_make_one_message() {
    let bytes = [
        frame(BINARY, b"one "),
        frame(CONTINUATION, b""),
        frame(CONTINUATION, b"two "),
        frame(FIN | CONTINUATION, b"three"),
    ];
    assert_eq!(whole(&bytes.concat()), Ok(vec![Seen::Message(b"one two three".to_vec())]));
}

#[test]
fn control_frames_may_come_between_fragments() {
    let bytes = [
        frame(BINARY, b"a"),
        frame(FIN | PING, b"?"),
        frame(FIN | CONTINUATION, b"b"),
        frame(FIN | CLOSE, &1000u16.to_be_bytes()),
    ];
    let expected =
        [Seen::Ping(b"?".to_vec()), Seen::Message(b"ab".to_vec()), Seen::Close(Some(1000))];
    assert_eq!(whole(&bytes.concat()).unwrap(), expected);
}

#[test]
fn text_is_ignored_whole_or_in_fragments() {
    let bytes = [
        frame(FIN | TEXT, b"not for us"),
        frame(TEXT, b"nor"),
        frame(FIN | CONTINUATION, b"this"),
        frame(FIN | BINARY, b"x"),
    ];
    assert_eq!(whole(&bytes.concat()), Ok(vec![Seen::Message(b"x".to_vec())]));
}

#[test]
fn control_frames_carry_up_to_125_bytes() {
    assert_eq!(whole(&frame(FIN | PING, &[1; 125])), Ok(vec![Seen::Ping(vec![1; 125])]));
    assert_eq!(refused(&frame(FIN | PING, &[1; 126])[..2]), 1002);
    assert_eq!(refused(&frame(FIN | CLOSE, &[3; 200])[..2]), 1002);
}

#[test]
fn fragmented_control_frames_are_refused() {
    for opcode in [CLOSE, PING, PONG] {
        assert_eq!(refused(&frame(opcode, b"")), 1002, "opcode {opcode}");
    }
}

#[test]
fn reserved_bits_are_refused() {
    for bit in [0x40, 0x20, 0x10] {
        assert_eq!(refused(&frame(FIN | bit | BINARY, b"a")), 1002, "bit {bit:#x}");
        assert_eq!(refused(&frame(FIN | bit | PING, b"")), 1002, "bit {bit:#x}");
    }
}

#[test]
fn reserved_opcodes_are_refused() {
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        assert_eq!(refused(&frame(FIN | opcode, b"")), 1002, "opcode {opcode}");
    }
}

#[test]
fn unmasked_frames_are_refused_by_their_second_byte() {
    assert_eq!(refused(&[FIN | BINARY, 1]), 1002);
    assert_eq!(refused(&[FIN | PING, 0]), 1002);
}

#[test]
fn a_continuation_of_nothing_is_refused() {
    assert_eq!(refused(&frame(FIN | CONTINUATION, b"a")), 1002);
    assert_eq!(refused(&frame(CONTINUATION, b"a")), 1002);
    let done = [frame(BINARY, b""), frame(FIN | CONTINUATION, b""), frame(CONTINUATION, b"")];
    assert_eq!(refused(&done.concat()), 1002);
}

#[test]
fn a_message_inside_a_fragmented_one_is_refused() {
    for (first, second) in [(BINARY, BINARY), (TEXT, BINARY), (BINARY, TEXT)] {
        let bytes = [frame(first, b"a"), frame(FIN | second, b"b")];
        assert_eq!(refused(&bytes.concat()), 1002, "opcodes {first}, {second}");
    }
}

#[test]
fn too_big_a_message_is_refused_by_its_header() {
    let header = [FIN | BINARY, 0x80 | 127, 0, 0, 0, 0, 0, 1, 0x11, 0x71, 0, 0, 0, 0];
    assert_eq!(refused(&header), 1009);
    let huge =
        [FIN | BINARY, 0x80 | 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
    assert_eq!(refused(&huge), 1009);
    assert_eq!(refused(&[&frame(FIN | TEXT, b"")[..1], &header[1..]].concat()), 1009);
}

#[test]
fn fragments_count_together_towards_the_limit() {
    for opcode in [BINARY, TEXT] {
        let exact = [frame(opcode, &[0; 69_999]), frame(CONTINUATION, &[0; 1])].concat();
        assert_eq!(whole(&exact), Ok(vec![]), "opcode {opcode}");
        let over = [exact, frame(CONTINUATION, &[0; 1])].concat();
        assert_eq!(refused(&over), 1009, "opcode {opcode}");
    }
}

#[test]
fn the_top_bit_of_a_length_is_refused() {
    let header = [FIN | BINARY, 0x80 | 127, 0x80, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    assert_eq!(refused(&header), 1002);
}

#[test]
fn close_codes_are_checked() {
    let close = |code: u16| whole(&frame(FIN | CLOSE, &code.to_be_bytes()));
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 4999] {
        assert_eq!(close(code), Ok(vec![Seen::Close(Some(code))]), "code {code}");
    }
    for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65_535] {
        assert_eq!(close(code).unwrap_err().code, 1002, "code {code}");
    }
}

#[test]
fn a_close_may_be_empty_but_not_half_a_code() {
    assert_eq!(whole(&frame(FIN | CLOSE, b"")), Ok(vec![Seen::Close(None)]));
    assert_eq!(refused(&frame(FIN | CLOSE, b"\x03")), 1002);
}

#[test]
fn a_close_reason_is_text() {
    assert_eq!(
        whole(&frame(FIN | CLOSE, "\u{3}\u{0}".as_bytes())).unwrap_err().code,
        1002,
        "code 768"
    );
    assert_eq!(whole(&frame(FIN | CLOSE, b"\x03\xe8gr\xc3\xbc\xc3\x9fe")).unwrap().len(), 1);
    assert_eq!(refused(&frame(FIN | CLOSE, b"\x03\xe8\xff\xfe")), 1007);
}

#[derive(Debug, Clone)]
enum Sent {
    Message { fragments: Vec<Vec<u8>>, binary: bool },
    Ping(Vec<u8>),
}

fn sent() -> impl Strategy<Value = Sent> {
    let bytes = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..40),
        1 => prop::collection::vec(any::<u8>(), 120..140),
        1 => (65_500usize..65_547).prop_map(|length| vec![3; length]),
    ];
    let small = prop::collection::vec(any::<u8>(), 0..30);
    prop_oneof![
        bytes.prop_map(|whole| Sent::Message { fragments: vec![whole], binary: true }),
        (prop::collection::vec(small.clone(), 1..6), any::<bool>())
            .prop_map(|(fragments, binary)| Sent::Message { fragments, binary }),
        small.prop_map(Sent::Ping),
    ]
}

/// Frames of a message, with a ping after each fragment but the last.
fn frames(message: &Sent, expected: &mut Vec<Seen>) -> Vec<u8> {
    let (fragments, binary) = match message {
        Sent::Ping(payload) => {
            expected.push(Seen::Ping(payload.clone()));
            return frame(FIN | PING, payload);
        }
        Sent::Message { fragments, binary } => (fragments, *binary),
    };
    let mut bytes = Vec::new();
    for (index, fragment) in fragments.iter().enumerate() {
        let start = if binary { BINARY } else { TEXT };
        let opcode = if index == 0 { start } else { CONTINUATION };
        let last = index + 1 == fragments.len();
        bytes.extend(frame(if last { FIN | opcode } else { opcode }, fragment));
        if !last {
            bytes.extend(frame(FIN | PING, b"between"));
            expected.push(Seen::Ping(b"between".to_vec()));
        }
    }
    if binary {
        expected.push(Seen::Message(fragments.concat()));
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_cut_of_the_bytes_gives_the_same_messages(
        messages in prop::collection::vec(sent(), 0..12),
        pieces in prop::collection::vec(prop_oneof![1usize..20, 1usize..70_000], 1..8),
    ) {
        let mut expected = Vec::new();
        let bytes: Vec<u8> =
            messages.iter().flat_map(|message| frames(message, &mut expected)).collect();
        prop_assert_eq!(decode(&bytes, &pieces).unwrap(), expected);
    }

    #[test]
    fn any_bytes_are_read_or_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut decoder = Decoder::new(1_000);
        let mut at = 0;
        while let Ok(Step::Frame { used, .. }) = decoder.next(&mut bytes[at..]) {
            at += used;
        }
        prop_assert!(at <= bytes.len());
    }
}

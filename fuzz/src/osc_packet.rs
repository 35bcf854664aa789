//! OSC packets and streams of them: no bytes break the readers, limits hold, and values that OSC
//! has come back as they were.

use clasp_osc::limits::{ARRAY_DEPTH_MAX, ELEMENTS_MAX};
use clasp_osc::packet::{self, Packet};
use clasp_osc::stream::{Framing, Step};
use clasp_osc::{Floats, Format, from_arguments, to_arguments, type_tag};
use rosc::{OscMessage, OscPacket, OscType, encoder};

/// Stands for "at once" in a time tag.
const NOW_US: u64 = 1_750_000_000_000_000;

/// Reads the input as a packet, and as a stream of packets.
pub fn check(data: &[u8]) {
    if let Ok(packet) = packet::decode(data) {
        check_packet(&packet);
    }
    for framing in [Framing::Length, Framing::Slip] {
        check_stream(framing, data);
    }
}

fn check_packet(packet: &Packet) {
    let mut elements = 0;
    for message in packet.messages() {
        elements += 1 + count(&message.args, 0);
        check_values(message);
        let written = encoder::encode(&OscPacket::Message(message.clone())).expect("into memory");
        let again = packet::decode(&written).expect("what is written can be read");
        // Debug, since not a number is not equal to itself.
        assert!(again.messages().map(|it| format!("{it:?}")).eq([format!("{message:?}")]));
    }
    assert!(elements <= ELEMENTS_MAX);
}

fn count(arguments: &[OscType], depth: usize) -> usize {
    assert!(depth <= ARRAY_DEPTH_MAX);
    let inner = |argument: &OscType| match argument {
        OscType::Array(array) => count(&array.content, depth + 1),
        _ => 0,
    };
    arguments.iter().map(|argument| 1 + inner(argument)).sum()
}

fn check_values(message: &OscMessage) {
    let value = from_arguments(message.args.clone(), NOW_US);
    // The one text that OSC can hold but not write: the character NUL.
    if format!("{value:?}").contains("\\0") {
        return;
    }
    let format = Format { floats: Floats::Exact, ..Format::default() };
    let arguments = to_arguments(&value, format);
    assert!(type_tag(&value, format).len() >= arguments.len());
    let again = from_arguments(arguments, NOW_US);
    assert_eq!(format!("{again:?}"), format!("{value:?}"));
}

/// The same packets come out of the whole and of its pieces, and what is written is read again.
fn check_stream(framing: Framing, data: &[u8]) {
    let mut start = 0;
    while let Step::Packet(packet, used) = framing.next(&data[start..]) {
        assert!(used > 0 && start + used <= data.len());
        let whole = &data[start..start + used];
        assert!(matches!(framing.next(&whole[..used - 1]), Step::Wait(_)));
        start += used;
        let mut written = Vec::new();
        framing.append(&packet, &mut written);
        // An empty packet is nothing in SLIP.
        if !packet.is_empty() {
            assert_eq!(framing.next(&written), Step::Packet(packet, written.len()));
        }
    }
}

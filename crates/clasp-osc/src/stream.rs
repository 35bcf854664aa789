//! Packets on a byte stream: behind their length as OSC 1.0 has it, or between SLIP's END bytes as
//! OSC 1.1 has it (spec: adapters.md 2.4.5).

use crate::limits::PACKET_BYTES_MAX;

const END: u8 = 0xC0;
const ESCAPE: u8 = 0xDB;
const ESCAPED_END: u8 = 0xDC;
const ESCAPED_ESCAPE: u8 = 0xDD;

/// Bytes of a length.
const LENGTH_BYTES: usize = 4;

/// Most bytes of a packet in SLIP, where each may be escaped.
const SLIP_BYTES_MAX: usize = 2 * PACKET_BYTES_MAX + 2;

/// How packets are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// A 32-bit length before each.
    Length,
    /// END before and after each.
    Slip,
}

/// What is at the start of some input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A packet, and the bytes that it took.
    Packet(Vec<u8>, usize),
    /// Nothing yet: so many bytes are needed, or 0 if that is not known.
    Wait(usize),
    /// Nothing that a client of OSC sends.
    Invalid,
}

impl Framing {
    /// How a stream is framed that begins with this byte; a length is below 2^24.
    pub fn of(first: u8) -> Option<Framing> {
        match first {
            0 => Some(Framing::Length),
            END | b'/' | b'#' => Some(Framing::Slip),
            _ => None,
        }
    }

    /// Reads the next packet.
    pub fn next(self, input: &[u8]) -> Step {
        match self {
            Framing::Length => next_by_length(input),
            Framing::Slip => next_by_end(input),
        }
    }

    /// Appends a packet.
    pub fn append(self, packet: &[u8], out: &mut Vec<u8>) {
        match self {
            Framing::Length => {
                let length = u32::try_from(packet.len()).expect("a packet is small");
                out.extend_from_slice(&length.to_be_bytes());
                out.extend_from_slice(packet);
            }
            Framing::Slip => {
                out.push(END);
                for byte in packet {
                    match *byte {
                        END => out.extend_from_slice(&[ESCAPE, ESCAPED_END]),
                        ESCAPE => out.extend_from_slice(&[ESCAPE, ESCAPED_ESCAPE]),
                        byte => out.push(byte),
                    }
                }
                out.push(END);
            }
        }
    }
}

fn next_by_length(input: &[u8]) -> Step {
    let Some((length, rest)) = input.split_first_chunk::<LENGTH_BYTES>() else {
        return Step::Wait(LENGTH_BYTES);
    };
    let length = u32::from_be_bytes(*length) as usize;
    if length > PACKET_BYTES_MAX {
        return Step::Invalid;
    }
    match rest.get(..length) {
        Some(packet) => Step::Packet(packet.to_vec(), LENGTH_BYTES + length),
        None => Step::Wait(LENGTH_BYTES + length),
    }
}

fn next_by_end(input: &[u8]) -> Step {
    let Some(start) = input.iter().position(|byte| *byte != END) else { return Step::Wait(0) };
    let Some(length) = input[start..].iter().position(|byte| *byte == END) else {
        let open = input.len() - start;
        return if open > SLIP_BYTES_MAX { Step::Invalid } else { Step::Wait(0) };
    };
    let mut packet = Vec::with_capacity(length);
    let mut bytes = input[start..start + length].iter();
    while let Some(byte) = bytes.next() {
        packet.push(match byte {
            &ESCAPE => match bytes.next() {
                Some(&ESCAPED_END) => END,
                Some(&ESCAPED_ESCAPE) => ESCAPE,
                _ => return Step::Invalid,
            },
            byte => *byte,
        });
    }
    Step::Packet(packet, start + length + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKETS: [&[u8]; 3] = [b"/a\0\0", &[END, ESCAPE, ESCAPED_END, 0], b"/b\0\0,N\0\0"];

    fn written(framing: Framing) -> Vec<u8> {
        let mut bytes = Vec::new();
        PACKETS.iter().for_each(|packet| framing.append(packet, &mut bytes));
        bytes
    }

    #[test]
    fn packets_come_out_whole_wherever_the_stream_is_cut() {
        for framing in [Framing::Length, Framing::Slip] {
            let bytes = written(framing);
            assert_eq!(Framing::of(bytes[0]), Some(framing));
            let (mut found, mut start) = (Vec::new(), 0);
            for end in 0..=bytes.len() {
                while let Step::Packet(packet, used) = framing.next(&bytes[start..end]) {
                    found.push(packet);
                    start += used;
                }
            }
            assert_eq!(found, PACKETS, "{framing:?}");
        }
    }

    #[test]
    fn a_length_says_how_much_is_needed() {
        assert_eq!(Framing::Length.next(&[0, 0]), Step::Wait(4));
        assert_eq!(Framing::Length.next(&[0, 0, 0, 8, 1]), Step::Wait(12));
        assert_eq!(Framing::Length.next(&[0, 1, 0, 0]), Step::Invalid);
    }

    #[test]
    fn ends_may_stand_before_after_or_both() {
        assert_eq!(Framing::Slip.next(b"/a\0\0\xc0"), Step::Packet(b"/a\0\0".to_vec(), 5));
        let double = b"\xc0\xc0/a\0\0\xc0\xc0";
        assert_eq!(Framing::Slip.next(double), Step::Packet(b"/a\0\0".to_vec(), 7));
        assert_eq!(Framing::Slip.next(&double[7..]), Step::Wait(0));
    }

    #[test]
    fn what_is_not_slip_or_never_ends_is_invalid() {
        assert_eq!(Framing::Slip.next(b"\xc0\xdb\x01\xc0"), Step::Invalid);
        assert_eq!(Framing::Slip.next(b"\xc0\xdb\xc0"), Step::Invalid);
        assert_eq!(Framing::Slip.next(&vec![1; SLIP_BYTES_MAX]), Step::Wait(0));
        assert_eq!(Framing::Slip.next(&vec![1; SLIP_BYTES_MAX + 1]), Step::Invalid);
        for first in [b'G', 0x16, 0x53, 1] {
            assert_eq!(Framing::of(first), None);
        }
    }
}

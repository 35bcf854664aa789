//! A packet taken apart: bundles by an explicit stack, each message by `rosc` after its type tags
//! were counted (spec: adapters.md 2.4).
//!
//! `rosc` reads nested bundles by recursion without a limit, builds arrays of any depth, drops the
//! rest of a bundle behind a bad element, and knows neither the type `S` nor messages without type
//! tags. So it never sees a bundle, and a message only when it can do it no harm.

use std::collections::BTreeMap;
use std::ops::Range;

use rosc::{OscMessage, OscPacket, decoder};

use crate::limits::{ARRAY_DEPTH_MAX, BUNDLE_DEPTH_MAX, ELEMENTS_MAX, PACKET_BYTES_MAX};
use crate::time::TimeTag;

const BUNDLE_TAG: &[u8] = b"#bundle\0";
const HEADER_BYTES: usize = BUNDLE_TAG.len() + size_of::<TimeTag>();
const SIZE_BYTES: usize = 4;

/// What one packet carries.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Packet {
    /// Messages that take effect together, by when; `None` is at once. A bundle within another one
    /// is not earlier than that.
    pub groups: BTreeMap<Option<TimeTag>, Vec<OscMessage>>,
    /// Whether it is a bundle, so that each group is applied whole or not at all.
    pub bundle: bool,
}

impl Packet {
    /// Its messages, in no particular order between groups.
    pub fn messages(&self) -> impl Iterator<Item = &OscMessage> {
        self.groups.values().flatten()
    }
}

/// Why bytes are no packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// There are more bytes than a packet has.
    #[error("a packet has at most {PACKET_BYTES_MAX} bytes")]
    TooLong,
    /// It ends early, or an element reaches beyond its bundle.
    #[error("the packet ends in the middle")]
    Truncated,
    /// Everything in OSC takes a multiple of four bytes.
    #[error("the size is no multiple of 4")]
    Unaligned,
    /// It begins like neither a message nor a bundle.
    #[error("it begins with neither '/' nor '#bundle'")]
    Unknown,
    /// Arguments without their types.
    #[error("there are arguments without type tags")]
    NoTypeTags,
    /// A type that is in no version of OSC.
    #[error("the type tag '{}' is unknown", _0.escape_ascii())]
    TypeTag(u8),
    /// Brackets that do not match.
    #[error("the brackets of its arrays do not match")]
    Brackets,
    /// Bundles or arrays within each other beyond all need.
    #[error("bundles or arrays are nested too deep")]
    TooDeep,
    /// More elements than a packet may have.
    #[error("it has more than {ELEMENTS_MAX} elements")]
    TooMany,
    /// An argument that does not fit its type, a text that is not UTF-8, or bytes left over.
    #[error("an argument does not fit its type")]
    Argument,
}

/// Takes a packet apart.
///
/// # Errors
/// The first fault; nothing of such a packet is used.
pub fn decode(bytes: &[u8]) -> Result<Packet, Malformed> {
    if bytes.len() > PACKET_BYTES_MAX {
        return Err(Malformed::TooLong);
    }
    let bundle = bytes.starts_with(BUNDLE_TAG);
    let packet = Packet { bundle, ..Packet::default() };
    let mut reader = Reader { bytes, open: Vec::new(), left: ELEMENTS_MAX, packet };
    reader.element(0..bytes.len(), None)?;
    while let Some((place, at)) = reader.next()? {
        reader.element(place, at)?;
    }
    Ok(reader.packet)
}

/// Where an element is, and the time of its bundle.
type Element = (Range<usize>, Option<TimeTag>);

/// A bundle whose elements are being read.
struct Open {
    at: Option<TimeTag>,
    rest: Range<usize>,
}

struct Reader<'a> {
    bytes: &'a [u8],
    open: Vec<Open>,
    /// Elements that may still come.
    left: usize,
    packet: Packet,
}

impl Reader<'_> {
    /// The next element of the innermost bundle that has one, and its bundle's time.
    fn next(&mut self) -> Result<Option<Element>, Malformed> {
        while let Some(open) = self.open.last_mut() {
            if open.rest.is_empty() {
                self.open.pop();
                continue;
            }
            let rest = &self.bytes[open.rest.clone()];
            let (size, rest) =
                rest.split_first_chunk::<SIZE_BYTES>().ok_or(Malformed::Truncated)?;
            let size = u32::from_be_bytes(*size) as usize;
            if size > rest.len() {
                return Err(Malformed::Truncated);
            }
            let start = open.rest.start + SIZE_BYTES;
            open.rest.start = start + size;
            return Ok(Some((start..start + size, open.at)));
        }
        Ok(None)
    }

    fn element(&mut self, place: Range<usize>, at: Option<TimeTag>) -> Result<(), Malformed> {
        self.count(1)?;
        let bytes = &self.bytes[place.clone()];
        if !bytes.len().is_multiple_of(4) {
            return Err(Malformed::Unaligned);
        }
        match bytes.first() {
            Some(b'/') => self.message(bytes, at),
            Some(b'#') if bytes.starts_with(BUNDLE_TAG) => {
                if self.open.len() >= BUNDLE_DEPTH_MAX {
                    return Err(Malformed::TooDeep);
                }
                let tag = bytes[BUNDLE_TAG.len()..].first_chunk().ok_or(Malformed::Truncated)?;
                let own = Some(TimeTag(u64::from_be_bytes(*tag)));
                let own = own.filter(|tag| *tag > TimeTag::IMMEDIATE);
                let rest = place.start + HEADER_BYTES..place.end;
                self.open.push(Open { at: own.max(at), rest });
                Ok(())
            }
            None => Err(Malformed::Truncated),
            Some(_) => Err(Malformed::Unknown),
        }
    }

    fn count(&mut self, elements: usize) -> Result<(), Malformed> {
        self.left = self.left.checked_sub(elements).ok_or(Malformed::TooMany)?;
        Ok(())
    }

    fn message(&mut self, bytes: &[u8], at: Option<TimeTag>) -> Result<(), Malformed> {
        let (address, rest) = split_text(bytes)?;
        let message = if rest.is_empty() {
            let addr = std::str::from_utf8(address).map_err(|_| Malformed::Argument)?;
            OscMessage { addr: addr.to_owned(), args: Vec::new() }
        } else {
            let (tags, _) = split_text(rest)?;
            self.count(tags.len().saturating_sub(1))?;
            let symbols = check_tags(tags)?;
            if symbols {
                let mut plain = bytes.to_vec();
                let from = bytes.len() - rest.len();
                let tags = &mut plain[from..from + tags.len()];
                tags.iter_mut().filter(|tag| **tag == b'S').for_each(|tag| *tag = b's');
                read(&plain)?
            } else {
                read(bytes)?
            }
        };
        self.packet.groups.entry(at).or_default().push(message);
        Ok(())
    }
}

/// Reads one message whose type tags are known to be good.
fn read(bytes: &[u8]) -> Result<OscMessage, Malformed> {
    match decoder::decode_udp(bytes) {
        Ok(([], OscPacket::Message(message))) => Ok(message),
        _ => Err(Malformed::Argument),
    }
}

/// A text up to its NUL, and what follows its padding.
fn split_text(bytes: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let end = bytes.iter().position(|byte| *byte == 0).ok_or(Malformed::Truncated)?;
    let rest = bytes.get((end / 4 + 1) * 4..).ok_or(Malformed::Truncated)?;
    Ok((&bytes[..end], rest))
}

/// Whether there are symbols among types that are all known and whose brackets match.
fn check_tags(tags: &[u8]) -> Result<bool, Malformed> {
    let Some((b',', tags)) = tags.split_first() else { return Err(Malformed::NoTypeTags) };
    let (mut depth, mut symbols) = (0, false);
    for tag in tags {
        match tag {
            b'[' if depth == ARRAY_DEPTH_MAX => return Err(Malformed::TooDeep),
            b'[' => depth += 1,
            b']' if depth == 0 => return Err(Malformed::Brackets),
            b']' => depth -= 1,
            b'S' => symbols = true,
            b'i' | b'f' | b's' | b'b' | b'h' | b't' | b'd' | b'c' | b'r' | b'm' => {}
            b'T' | b'F' | b'N' | b'I' => {}
            other => return Err(Malformed::TypeTag(*other)),
        }
    }
    if depth == 0 { Ok(symbols) } else { Err(Malformed::Brackets) }
}

#[cfg(test)]
mod tests;

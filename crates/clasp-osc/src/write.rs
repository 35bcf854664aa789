//! Messages and bundles as bytes.

use rosc::{OscMessage, OscPacket, OscType, encoder};

use crate::time::TimeTag;

/// Bytes of a bundle without elements.
pub(crate) const BUNDLE_HEADER_BYTES: usize = 16;

/// Bytes before each element of a bundle.
pub(crate) const ELEMENT_SIZE_BYTES: usize = 4;

/// One message.
pub(crate) fn message(address: &str, arguments: Vec<OscType>) -> Vec<u8> {
    let message = OscMessage { addr: address.to_owned(), args: arguments };
    let mut bytes = Vec::new();
    match encoder::encode_into(&OscPacket::Message(message), &mut bytes) {
        Ok(_) => bytes,
        Err(never) => match never {},
    }
}

/// One bundle for at once, made of whole messages.
pub(crate) fn bundle<'a>(messages: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut bytes = b"#bundle\0".to_vec();
    bytes.extend(TimeTag::IMMEDIATE.0.to_be_bytes());
    for message in messages {
        let size = u32::try_from(message.len()).expect("a packet is small");
        bytes.extend(size.to_be_bytes());
        bytes.extend_from_slice(message);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet;

    #[test]
    fn what_is_written_is_read_again() {
        let one = message("/a", vec![OscType::Int(1), OscType::String("x".into())]);
        let two = message("/b/c", vec![]);
        let bytes = bundle([&one[..], &two[..]].into_iter());
        let packet = packet::decode(&bytes).unwrap();
        let addresses: Vec<&str> = packet.messages().map(|it| it.addr.as_str()).collect();
        assert_eq!((addresses, packet.bundle), (vec!["/a", "/b/c"], true));
        let size = BUNDLE_HEADER_BYTES + 2 * ELEMENT_SIZE_BYTES + one.len() + two.len();
        assert_eq!(bytes.len(), size);
    }
}

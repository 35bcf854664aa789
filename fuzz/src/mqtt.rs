//! MQTT: a client may send anything, in pieces of any size.

use std::net::SocketAddr;
use std::sync::Arc;

use clasp_mqtt::packet::{Connect, Header, Packet, Version};
use clasp_mqtt::{Config, Mqtt};
use clasp_router::{Now, Ports, Router, Taken, Wake};
use clasp_transport::{Departure, Dialect as _, Talk};

const NOW: Now = Now::new(1_750_000_000_000_000, 60_000_000);

const OLD: &[u8] = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01f";
const MODERN: &[u8] = b"\x10\x11\x00\x04MQTT\x05\x02\x00\x00\x03\x22\x00\x05\x00\x01f";
const SUBSCRIBE: &[u8] = b"\x82\x06\x00\x01\x00\x01#\x02";
const SUBSCRIBE_MODERN: &[u8] = b"\x82\x07\x00\x01\x00\x00\x01#\x02";

struct Nobody;

impl Wake for Nobody {
    fn wake(self: Arc<Self>) {}
}

/// Reads the input as packets of each version, and as what a client sends: the first byte says
/// what goes before it and how the rest is cut.
pub fn check(data: &[u8]) {
    for version in [Version::V31, Version::V311, Version::V5] {
        read(data, version);
    }
    let Some((choice, stream)) = data.split_first() else { return };
    let mut whole = match choice & 3 {
        0 => Vec::new(),
        1 => [OLD, SUBSCRIBE].concat(),
        _ => [MODERN, SUBSCRIBE_MODERN].concat(),
    };
    whole.extend_from_slice(stream);
    // A repetition need not be answered while the first answer is under way, so how the stream is
    // cut may change the answers.
    let piece = usize::from(choice >> 2) % 16 + 1;
    for piece in [whole.len(), piece] {
        check_packets(&converse(&whole, piece));
    }
}

/// Views lie within the packet, and reading ends.
fn read(data: &[u8], version: Version) {
    let mut rest = data;
    while let Ok(Some(header)) = Header::read(rest) {
        let Some(body) = rest.get(header.bytes..header.total()) else { break };
        let _ = Connect::read(body);
        match Packet::read(&header, body, version) {
            Ok(Packet::Publish(publish)) => {
                assert!(publish.payload.len() + publish.topic.len() <= body.len());
                let _ = publish.properties.forwarded();
            }
            Ok(Packet::Subscribe(subscribe)) => assert!(subscribe.filters().count() > 0),
            Ok(Packet::Unsubscribe(unsubscribe)) => assert!(unsubscribe.filters().count() > 0),
            _ => {}
        }
        rest = &rest[header.total()..];
    }
}

/// What a relay of its own answers.
fn converse(stream: &[u8], piece: usize) -> Vec<u8> {
    let router = Router::new(clasp_router::Config::default(), Ports::default());
    let router = router.expect("the defaults are valid");
    router.tick(NOW);
    let config = Config::new("/mqtt").expect("this is an address");
    let door = Mqtt::open(router, config, 300, None, NOW).expect("there is nothing to read");
    let talk = door.open(SocketAddr::from(([127, 0, 0, 1], 1)), Arc::new(Nobody), NOW);
    let mut answers = Vec::new();
    let mut tail: Vec<u8> = Vec::new();
    for part in stream.chunks(piece.max(1)) {
        tail.extend_from_slice(part);
        while !tail.is_empty() && talk.may_receive() {
            let received = talk.receive(&tail, NOW);
            assert!(received.used <= tail.len());
            tail.drain(..received.used);
            drain(&*talk, &mut answers);
            if !received.open {
                talk.leave(Departure::Closed, NOW);
                return answers;
            }
            if received.used == 0 {
                break;
            }
        }
    }
    talk.leave(Departure::Lost, NOW);
    door.tick(NOW);
    answers
}

fn drain(talk: &dyn Talk, answers: &mut Vec<u8>) {
    let mut bytes = Vec::new();
    loop {
        match talk.take(&mut bytes) {
            Taken::Bytes => answers.append(&mut bytes),
            Taken::Pull => talk.pull(NOW),
            Taken::Empty => return,
            Taken::Close(_) => return answers.append(&mut bytes),
        }
    }
}

/// Only whole packets that a server sends.
fn check_packets(answers: &[u8]) {
    let mut rest = answers;
    while !rest.is_empty() {
        let header = Header::read(rest).expect("it is a packet").expect("it is whole");
        assert!(!matches!(rest[0] >> 4, 1 | 8 | 10 | 12), "only clients send {header:?}");
        rest = rest.get(header.total()..).expect("it is whole");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_send_passes() {
        let publish = b"\x32\x06\x00\x01t\x00\x01x";
        for choice in 0..=u8::MAX {
            check(&[&[choice][..], publish, publish, b"\xc0\x00", b"\xe0\x00"].concat());
        }
    }
}

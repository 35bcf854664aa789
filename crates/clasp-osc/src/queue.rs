//! Messages that wait to be sent to one client: in order, of a param the latest value only.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};

use crate::limits::BUNDLE_BYTES_MAX;
use crate::write::{self, BUNDLE_HEADER_BYTES, ELEMENT_SIZE_BYTES};

#[derive(Debug, Default)]
pub(crate) struct Queue {
    items: VecDeque<Item>,
    /// Number of the item of each address whose value can be replaced.
    places: HashMap<Box<str>, u64>,
    /// Number of the first item.
    first: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Item {
    message: Vec<u8>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// Replaced by what follows it for this address.
    Latest(Box<str>),
    Ordered,
    /// Goes out in a packet of its own, for clients that expect that of an answer.
    Alone,
}

impl Queue {
    /// Queues the latest value of an address in the place of an older one; whether there was one.
    pub(crate) fn push_latest(&mut self, address: &str, message: Vec<u8>) -> bool {
        if let Some(place) = self.places.get(address) {
            let index = usize::try_from(place - self.first).expect("the queue is in memory");
            let item = &mut self.items[index];
            self.bytes = self.bytes - item.message.len() + message.len();
            item.message = message;
            return true;
        }
        self.places.insert(address.into(), self.first + self.items.len() as u64);
        self.push_item(message, Kind::Latest(address.into()));
        false
    }

    /// Queues something that is not replaced.
    pub(crate) fn push(&mut self, message: Vec<u8>) {
        self.push_item(message, Kind::Ordered);
    }

    /// Queues an answer.
    pub(crate) fn push_alone(&mut self, message: Vec<u8>) {
        self.push_item(message, Kind::Alone);
    }

    fn push_item(&mut self, message: Vec<u8>, kind: Kind) {
        self.bytes += message.len();
        self.items.push_back(Item { message, kind });
    }

    /// Bytes of the messages.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The next packet and the number of messages in it: a message, or where there are more a
    /// bundle of as many as fit.
    pub(crate) fn packet(&self, bundles: bool) -> Option<(Cow<'_, [u8]>, usize)> {
        let first = self.items.front()?;
        let single = Some((Cow::Borrowed(&first.message[..]), 1));
        if !bundles || matches!(first.kind, Kind::Alone) {
            return single;
        }
        let mut bytes = BUNDLE_HEADER_BYTES;
        let fits = |item: &&Item| {
            bytes += ELEMENT_SIZE_BYTES + item.message.len();
            bytes <= BUNDLE_BYTES_MAX && !matches!(item.kind, Kind::Alone)
        };
        let count = self.items.iter().take_while(fits).count();
        if count < 2 {
            return single;
        }
        let messages = self.items.iter().take(count).map(|item| &item.message[..]);
        Some((Cow::Owned(write::bundle(messages)), count))
    }

    /// Forgets the messages of a packet.
    pub(crate) fn drop_front(&mut self, count: usize) {
        for item in self.items.drain(..count) {
            self.bytes -= item.message.len();
            if let Kind::Latest(address) = item.kind {
                self.places.remove(&address);
            }
        }
        self.first += count as u64;
        if self.items.is_empty() {
            // A client that is quiet keeps no memory.
            self.items = VecDeque::new();
            self.places = HashMap::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use rosc::OscType;

    use super::*;
    use crate::packet;

    fn int(address: &str, value: i32) -> Vec<u8> {
        write::message(address, vec![OscType::Int(value)])
    }

    /// Each packet as its messages.
    fn drain(queue: &mut Queue, bundles: bool) -> Vec<Vec<String>> {
        let mut packets = Vec::new();
        while let Some((packet, count)) = queue.packet(bundles) {
            assert!(count == 1 || packet.len() <= BUNDLE_BYTES_MAX);
            let packet = packet::decode(&packet).unwrap();
            let show = |message: &rosc::OscMessage| format!("{} {:?}", message.addr, message.args);
            packets.push(packet.messages().map(show).collect());
            queue.drop_front(count);
        }
        assert_eq!((queue.bytes(), queue.places.len()), (0, 0));
        packets
    }

    #[test]
    fn the_latest_value_of_an_address_is_sent_in_the_place_of_the_first() {
        let mut queue = Queue::default();
        assert!(!queue.push_latest("/a", int("/a", 1)));
        queue.push(int("/event", 7));
        queue.push_latest("/b", int("/b", 2));
        assert!(queue.push_latest("/a", int("/a", 3)));
        let expected = ["/a [Int(3)]", "/event [Int(7)]", "/b [Int(2)]"];
        assert_eq!(drain(&mut queue, true), [expected]);
        queue.push_latest("/a", int("/a", 4));
        assert_eq!(drain(&mut queue, true), [["/a [Int(4)]"]]);
    }

    #[test]
    fn without_bundles_and_for_answers_there_is_one_message_a_packet() {
        let mut queue = Queue::default();
        for number in 0..3 {
            queue.push(int("/a", number));
        }
        assert_eq!(drain(&mut queue, false).len(), 3);
        queue.push(int("/a", 1));
        queue.push(int("/a", 2));
        queue.push_alone(int("/clasp/pong", 3));
        queue.push(int("/a", 4));
        let sizes: Vec<usize> = drain(&mut queue, true).iter().map(Vec::len).collect();
        assert_eq!(sizes, [2, 1, 1]);
    }

    #[test]
    fn bundles_are_as_large_as_a_network_carries_and_a_larger_message_goes_alone() {
        let mut queue = Queue::default();
        for number in 0..200 {
            queue.push_latest(&format!("/{number}"), int("/a", number));
        }
        queue.push(write::message("/blob", vec![OscType::Blob(vec![0; 5_000])]));
        queue.push(int("/a", 1));
        queue.push(int("/a", 2));
        let packets = drain(&mut queue, true);
        assert_eq!(packets.iter().map(Vec::len).sum::<usize>(), 203);
        assert!(packets[0].len() > 80 && packets.len() < 6, "{}", packets.len());
    }
}

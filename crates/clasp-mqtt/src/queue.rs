//! Messages for one client: those that wait and those under way (adapters.md 1.6, 1.10).

use std::collections::VecDeque;

use hashbrown::HashMap;

use crate::config::Limits;

/// A message for one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) topic: Box<str>,
    pub(crate) payload: Box<[u8]>,
    /// Forwarded properties, without expiry and identifiers.
    pub(crate) properties: Box<[u8]>,
    /// Subscription identifiers.
    pub(crate) identifiers: Box<[u32]>,
    /// QoS to deliver with.
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    /// A later one of the topic makes it superfluous.
    pub(crate) param: bool,
    /// When it expires, in seconds since 1970.
    pub(crate) expires_s: Option<u64>,
}

impl Message {
    pub(crate) fn bytes(&self) -> usize {
        160 + self.topic.len() + self.payload.len() + self.properties.len()
    }

    pub(crate) fn view(&self) -> View<'_> {
        View {
            topic: &self.topic,
            payload: &self.payload,
            properties: &self.properties,
            identifiers: &self.identifiers,
            qos: self.qos,
            retain: self.retain,
            param: self.param,
            expires_s: self.expires_s,
        }
    }

    pub(crate) fn is_expired(&self, now_s: u64) -> bool {
        self.expires_s.is_some_and(|end| end <= now_s)
    }
}

/// A message as it is about to be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) topic: &'a str,
    pub(crate) payload: &'a [u8],
    pub(crate) properties: &'a [u8],
    pub(crate) identifiers: &'a [u32],
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) param: bool,
    pub(crate) expires_s: Option<u64>,
}

impl View<'_> {
    /// A copy to keep.
    pub(crate) fn to_message(self) -> Message {
        Message {
            topic: self.topic.into(),
            payload: self.payload.into(),
            properties: self.properties.into(),
            identifiers: self.identifiers.into(),
            qos: self.qos,
            retain: self.retain,
            param: self.param,
            expires_s: self.expires_s,
        }
    }
}

/// Messages that wait for a client to come back or to acknowledge others.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    messages: VecDeque<Message>,
    bytes: usize,
}

impl Queue {
    /// Adds a message; how many were lost for it. Above the limit an older param of the same topic
    /// gives way, else the oldest message.
    pub(crate) fn push(&mut self, message: Message, most: usize, limits: &Limits) -> usize {
        let mut lost = 0;
        self.bytes += message.bytes();
        self.messages.push_back(message);
        while self.messages.len() > most || self.bytes > limits.queue_bytes_max {
            let last = self.messages.len() - 1;
            let place = self.superseded(last).unwrap_or_else(|| {
                lost += 1;
                0
            });
            let Some(gone) = self.messages.remove(place) else { break };
            self.bytes -= gone.bytes();
        }
        lost
    }

    /// The oldest param with a later one of the same topic.
    fn superseded(&self, last: usize) -> Option<usize> {
        let newest = &self.messages[last];
        let older = |old: &Message| old.param && newest.param && old.topic == newest.topic;
        self.messages.iter().take(last).position(older)
    }

    pub(crate) fn pop(&mut self) -> Option<Message> {
        let message = self.messages.pop_front()?;
        self.bytes -= message.bytes();
        Some(message)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Message> {
        self.messages.iter()
    }
}

/// How far a message under way is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stage {
    /// PUBLISH was sent; the message itself if it may have to be sent again.
    Sent(u8, Option<Box<Message>>),
    /// Of QoS 2: PUBREL was sent.
    Released,
}

/// Messages that the client has not acknowledged yet.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    by_id: HashMap<u16, (u64, Stage)>,
    last: u16,
    sent: u64,
    bytes: usize,
}

impl Flights {
    /// A packet identifier for a message on its way; `None` if there is none left.
    pub(crate) fn start(&mut self, qos: u8, copy: Option<Message>) -> Option<u16> {
        if self.by_id.len() >= usize::from(u16::MAX) {
            return None;
        }
        loop {
            self.last = self.last.checked_add(1).unwrap_or(1);
            if !self.by_id.contains_key(&self.last) {
                break;
            }
        }
        self.bytes += copy.as_ref().map_or(0, Message::bytes);
        self.put(self.last, Stage::Sent(qos, copy.map(Box::new)));
        Some(self.last)
    }

    fn put(&mut self, id: u16, stage: Stage) {
        self.sent += 1;
        self.by_id.insert(id, (self.sent, stage));
    }

    /// Puts a message back under the identifier it had before.
    pub(crate) fn restore(&mut self, id: u16, stage: Stage) {
        if let Stage::Sent(_, Some(copy)) = &stage {
            self.bytes += copy.bytes();
        }
        self.last = id;
        self.put(id, stage);
    }

    /// The client has a message of QoS 1, or has completed one of QoS 2; false if it was not due.
    pub(crate) fn end(&mut self, id: u16, released: bool) -> bool {
        let due = match self.by_id.get(&id) {
            Some((_, Stage::Sent(qos, _))) => !released && *qos == 1,
            Some((_, Stage::Released)) => released,
            None => false,
        };
        if due {
            self.forget(id);
        }
        due
    }

    /// Forgets one, whatever stage it is in.
    pub(crate) fn forget(&mut self, id: u16) {
        if let Some((_, Stage::Sent(_, Some(copy)))) = self.by_id.remove(&id) {
            self.bytes -= copy.bytes();
        }
    }

    /// The client has received a message of QoS 2; false if none such is under way.
    pub(crate) fn release(&mut self, id: u16) -> bool {
        match self.by_id.get(&id) {
            Some((_, Stage::Sent(2, _))) => {
                self.forget(id);
                self.put(id, Stage::Released);
                true
            }
            Some((_, Stage::Released)) => true,
            _ => false,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Bytes of the copies.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// All of them in the order in which they were sent.
    pub(crate) fn in_order(&self) -> Vec<(u16, &Stage)> {
        let mut all: Vec<_> = self.by_id.iter().collect();
        all.sort_unstable_by_key(|(_, (sent, _))| *sent);
        all.into_iter().map(|(id, (_, stage))| (*id, stage)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(topic: &str, param: bool) -> Message {
        Message {
            topic: topic.into(),
            payload: Box::default(),
            properties: Box::default(),
            identifiers: Box::default(),
            qos: 1,
            retain: false,
            param,
            expires_s: None,
        }
    }

    #[test]
    fn a_full_queue_loses_superseded_params_first_and_then_the_oldest() {
        let limits = Limits::default();
        let mut queue = Queue::default();
        let mut lost = 0;
        for (topic, param) in [("e", false), ("p", true), ("q", true), ("p", true), ("f", false)] {
            lost += queue.push(message(topic, param), 3, &limits);
        }
        let left: Vec<_> = queue.iter().map(|message| &*message.topic).collect();
        assert_eq!((left, lost), (vec!["q", "p", "f"], 1));
        while queue.pop().is_some() {}
        assert_eq!(queue.bytes, 0);
    }

    #[test]
    fn identifiers_go_round_and_are_never_used_twice_at_a_time() {
        let mut flights = Flights::default();
        let first = flights.start(1, None).unwrap();
        flights.last = u16::MAX - 1;
        assert_eq!(flights.start(1, None), Some(u16::MAX));
        assert_eq!(flights.start(1, None), Some(2), "1 is still under way");
        assert!(flights.end(first, false) && !flights.end(first, false));
    }

    #[test]
    fn qos_2_takes_its_two_steps() {
        let mut flights = Flights::default();
        let id = flights.start(2, Some(message("a", false))).unwrap();
        assert!(!flights.end(id, false), "PUBACK does not answer it");
        assert!(!flights.end(id, true), "PUBCOMP comes after PUBREL");
        assert!(flights.release(id) && flights.release(id));
        assert!(flights.end(id, true) && !flights.release(id));
        assert_eq!((flights.len(), flights.bytes()), (0, 0));
    }
}

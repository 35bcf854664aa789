//! What a protocol has to offer to be measured: how to open a session, how a message looks, and
//! how to find the messages in what was received. One file per protocol.

pub(crate) mod clasp;
mod frame;
mod hub;
pub(crate) mod mqtt;
pub(crate) mod nats;
mod websocket;

pub(crate) use clasp::Clasp;
pub(crate) use hub::Hub;
pub(crate) use mqtt::Mqtt;
pub(crate) use nats::Nats;

use anyhow::Result;

use crate::link::Link;

/// What a session is opened for. Topics are CLASP addresses such as `/bench/1`; each protocol
/// turns them into its own form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role<'a> {
    /// Sends to this topic.
    Publisher(&'a str),
    /// Receives this topic; a last segment `**` means everything below.
    Subscriber(&'a str),
}

impl<'a> Role<'a> {
    /// The topic to subscribe to, if any.
    pub(crate) fn interest(self) -> Option<&'a str> {
        match self {
            Role::Publisher(_) => None,
            Role::Subscriber(topic) => Some(topic),
        }
    }
}

/// What a message means to the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Delivered once, not kept.
    Event,
    /// As an event, with the sender not caring for loss.
    Stream,
    /// Kept as the current value of its address.
    Set,
}

/// What a scan found, added up over many calls.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Sequence numbers of values, in the order of arrival.
    pub(crate) sequences: Vec<u64>,
    /// Bytes of all those values together.
    pub(crate) value_bytes: u64,
    /// Answers to [`Wire::ping`].
    pub(crate) pongs: usize,
    /// Pings of the server's.
    pub(crate) pings: usize,
}

impl Found {
    /// Notes one value, which begins with its sequence number.
    #[inline]
    pub(crate) fn value(&mut self, value: &[u8]) -> Result<()> {
        let Some(sequence) = value.first_chunk() else {
            anyhow::bail!("a value of {} bytes came, at least 8 were sent", value.len());
        };
        self.sequences.push(u64::from_be_bytes(*sequence));
        self.value_bytes += value.len() as u64;
        Ok(())
    }
}

/// One protocol as its clients speak it.
pub(crate) trait Wire: Sync {
    /// Exchanges what must be answered before a client may send its first message.
    fn preamble(&self, link: &mut Link, role: Role<'_>) -> Result<()>;

    /// Greeting, subscription if the role has one, and a ping, as bytes of one write.
    fn opening(&self, role: Role<'_>) -> Vec<u8>;

    /// A ping, as [`Wire::opening`] ends with.
    fn ping(&self) -> Vec<u8>;

    /// A message whose value is `value_bytes` long (at least 8) and begins with a sequence number.
    fn message(&self, topic: &str, kind: Kind, value_bytes: usize) -> Template;

    /// Reads all complete messages at the start of `bytes` and returns how many bytes they take.
    ///
    /// # Errors
    /// Bytes that are not the protocol, and every refusal by the server.
    fn scan(&self, bytes: &[u8], found: &mut Found) -> Result<usize>;
}

/// An encoded message that lacks only its sequence number.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    bytes: Vec<u8>,
    sequence_at: usize,
    /// What the protocol XORs onto the eight bytes of the sequence number.
    mask: u64,
}

impl Template {
    /// A message in which the eight bytes at `sequence_at` are the number.
    pub(crate) fn new(bytes: Vec<u8>, sequence_at: usize) -> Template {
        Template { bytes, sequence_at, mask: 0 }
    }

    /// Appends the message with this number.
    #[inline]
    pub(crate) fn append(&self, sequence: u64, out: &mut Vec<u8>) {
        let at = out.len() + self.sequence_at;
        out.extend_from_slice(&self.bytes);
        out[at..at + 8].copy_from_slice(&(sequence ^ self.mask).to_be_bytes());
    }
}

//! The port to where sessions are kept, and their form there.

use std::collections::{HashMap, HashSet};

use crate::clients::Key;
use crate::door::Door;
use crate::packet::Version;
use crate::queue::{Message, Queue, Stage};
use crate::session::{Client, Kept, Session, SubscriptionOptions, Transit};
use crate::topic::Filter;

/// A stored session.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Whose it is.
    pub key: Key,
    /// Its state.
    pub record: Vec<u8>,
}

/// Where sessions are kept while the relay does not run.
pub trait Store: Send + Sync {
    /// All of them.
    ///
    /// # Errors
    /// They cannot be read; the text says why, and what to do.
    fn load(&self) -> Result<Vec<Stored>, String>;

    /// Replaces those that are given, and removes those of `None`, all at once. Waits for the disk.
    ///
    /// # Errors
    /// Nothing was stored; the text says why.
    fn save(&self, changed: &HashMap<Key, Option<Vec<u8>>>) -> Result<(), String>;
}

const FORMAT: u8 = 1;

/// A session as it was stored.
#[derive(Debug)]
pub(crate) struct Record {
    version: Version,
    expiry_s: u32,
    /// When it ends, in seconds since 1970.
    pub(crate) until_s: u64,
    subscriptions: Vec<(Box<str>, SubscriptionOptions)>,
    received: HashSet<u16>,
    flights: Vec<(u16, Stage)>,
    queue: Vec<Message>,
}

/// The state of a session.
pub(crate) fn write(session: &Session, until_s: u64) -> Vec<u8> {
    let mut out = vec![FORMAT, session.client.version as u8];
    out.extend_from_slice(&session.kept.expiry_s.to_be_bytes());
    out.extend_from_slice(&until_s.to_be_bytes());
    let kept = &session.kept;
    count(kept.subscriptions.len(), &mut out);
    for mine in &kept.subscriptions {
        data(mine.filter.as_bytes(), &mut out);
        let options = &mine.options;
        let flags = options.qos
            | u8::from(options.no_local) << 2
            | u8::from(options.retain_as_published) << 3
            | u8::from(options.begins_wild) << 4;
        out.push(flags);
        out.extend_from_slice(&options.identifier.to_be_bytes());
    }
    let transit = kept.transit.as_deref();
    let received = transit.map(|transit| &transit.received);
    count(received.map_or(0, HashSet::len), &mut out);
    for id in received.into_iter().flatten() {
        out.extend_from_slice(&id.to_be_bytes());
    }
    let flights = transit.map(|transit| transit.flights.in_order()).unwrap_or_default();
    count(flights.len(), &mut out);
    for (id, stage) in flights {
        out.extend_from_slice(&id.to_be_bytes());
        match stage {
            Stage::Sent(qos, Some(copy)) => {
                out.push(*qos);
                message(copy, &mut out);
            }
            Stage::Sent(_, None) => out.push(0),
            Stage::Released => out.push(3),
        }
    }
    let queue = transit.map(|transit| &transit.queue);
    count(queue.map_or(0, |queue| queue.iter().count()), &mut out);
    queue.into_iter().flat_map(Queue::iter).for_each(|waiting| message(waiting, &mut out));
    out
}

fn count(count: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes());
}

fn data(data: &[u8], out: &mut Vec<u8>) {
    count(data.len(), out);
    out.extend_from_slice(data);
}

fn message(message: &Message, out: &mut Vec<u8>) {
    data(message.topic.as_bytes(), out);
    data(&message.payload, out);
    data(&message.properties, out);
    count(message.identifiers.len(), out);
    for identifier in &message.identifiers {
        out.extend_from_slice(&identifier.to_be_bytes());
    }
    out.push(message.qos | u8::from(message.retain) << 2 | u8::from(message.param) << 3);
    out.extend_from_slice(&message.expires_s.unwrap_or(0).to_be_bytes());
}

/// What is left to read of a record.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    fn data(&mut self) -> Option<&'a [u8]> {
        let bytes = self.u32()? as usize;
        let (data, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(data)
    }

    fn text(&mut self) -> Option<Box<str>> {
        std::str::from_utf8(self.data()?).ok().map(Into::into)
    }

    fn list<T, C: FromIterator<T>>(
        &mut self,
        mut item: impl FnMut(&mut Reader<'a>) -> Option<T>,
    ) -> Option<C> {
        let count = self.u32()?;
        (0..count).map(|_| item(self)).collect()
    }

    fn message(&mut self) -> Option<Message> {
        let topic = self.text()?;
        let payload = self.data()?.into();
        let properties = self.data()?.into();
        let identifiers: Vec<u32> = self.list(Reader::u32)?;
        let flags = self.byte()?;
        let expires_s = self.take().map(u64::from_be_bytes)?;
        Some(Message {
            topic,
            payload,
            properties,
            identifiers: identifiers.into(),
            qos: flags & 3,
            retain: flags & 4 != 0,
            param: flags & 8 != 0,
            expires_s: (expires_s > 0).then_some(expires_s),
        })
    }
}

impl Record {
    /// Reads what [`write`] has written.
    pub(crate) fn read(bytes: &[u8]) -> Option<Record> {
        let mut reader = Reader(bytes);
        if reader.byte()? != FORMAT {
            return None;
        }
        let version = match reader.byte()? {
            3 => Version::V31,
            4 => Version::V311,
            5 => Version::V5,
            _ => return None,
        };
        Some(Record {
            version,
            expiry_s: reader.u32()?,
            until_s: reader.take().map(u64::from_be_bytes)?,
            subscriptions: reader.list(|reader| {
                let (filter, flags, identifier) = (reader.text()?, reader.byte()?, reader.u32()?);
                let options = SubscriptionOptions {
                    qos: flags & 3,
                    no_local: flags & 4 != 0,
                    retain_as_published: flags & 8 != 0,
                    begins_wild: flags & 16 != 0,
                    identifier,
                };
                Some((filter, options))
            })?,
            received: reader.list(Reader::u16)?,
            flights: reader.list(|reader| {
                let id = reader.u16()?;
                let stage = match reader.byte()? {
                    3 => Stage::Released,
                    0 => Stage::Sent(0, None),
                    qos => Stage::Sent(qos, Some(Box::new(reader.message()?))),
                };
                Some((id, stage))
            })?,
            queue: reader.list(Reader::message)?,
        })
    }

    /// The client as far as it is known while it is away.
    pub(crate) fn client(&self) -> Client {
        Client {
            version: self.version,
            receive_max: u16::MAX,
            packet_bytes_max: u32::MAX,
            aliases_max: 0,
            wants_reasons: true,
            keep_alive_s: 0,
        }
    }

    /// What the session knew.
    pub(crate) fn restore(&self, door: &Door) -> Kept {
        let mut kept = Kept { expiry_s: self.expiry_s, ..Kept::default() };
        for (text, options) in &self.subscriptions {
            if let Ok(filter) = Filter::parse(text) {
                kept.subscribe(door, (text, &filter), *options, 0);
            }
        }
        let mut transit = Transit { received: self.received.clone(), ..Transit::default() };
        for (id, stage) in &self.flights {
            transit.flights.restore(*id, stage.clone());
        }
        let limits = &door.config.limits;
        for message in &self.queue {
            transit.queue.push(message.clone(), limits.queue_messages_max, limits);
        }
        if !transit.is_empty() {
            kept.transit = Some(Box::new(transit));
        }
        kept
    }
}

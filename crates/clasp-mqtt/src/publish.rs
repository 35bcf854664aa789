//! A publication of an MQTT client on its way into the router (adapters.md 1.4, 1.5).

use std::cell::RefCell;

use clasp_gateway::Guest;
use clasp_protocol::message::{Publish, Set, SignalType, Ttl};
use clasp_protocol::{Message as Request, RawValue};
use clasp_router::Now;

use crate::door::Door;
use crate::mapping::{Direction, PublishAs};
use crate::packet::{Properties, Property, WillMessage};
use crate::payload::{self, PayloadError, PayloadMode};
use crate::publications::Publication;
use crate::queue::Message;
use crate::reason;

/// Seconds for which a cleared param is null before it is gone.
const CLEARED_S: u32 = 1;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Why a publication was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Reason code.
    pub(crate) reason: u8,
    /// For a person.
    pub(crate) text: String,
    /// A client that cannot be told is disconnected.
    pub(crate) fatal: bool,
}

impl Refusal {
    pub(crate) fn new(reason: u8, text: impl Into<String>) -> Refusal {
        Refusal { reason, text: text.into(), fatal: false }
    }

    fn too_large(text: impl Into<String>) -> Refusal {
        Refusal { fatal: true, ..Refusal::new(reason::QUOTA, text) }
    }
}

/// What a client publishes.
#[derive(Debug)]
pub(crate) struct Submission<'a> {
    /// A checked topic name.
    pub(crate) topic: &'a str,
    pub(crate) payload: &'a [u8],
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    /// Forwarded properties.
    pub(crate) properties: Box<[u8]>,
    /// All properties.
    pub(crate) all: Properties<'a>,
    /// When it expires, in seconds since 1970.
    pub(crate) expires_s: Option<u64>,
}

/// A request to the router.
pub(crate) struct Prepared {
    address: String,
    value: RawValue<'static>,
    what: What,
    durable: bool,
    /// What other MQTT clients are to know of it, if that is anything.
    publication: Option<Publication>,
}

enum What {
    Param(Option<Ttl>),
    Signal(SignalType),
}

/// When a message expires, in seconds since 1970.
pub(crate) fn deadline(properties: Properties<'_>, now: Now) -> Option<u64> {
    let seconds = properties.number(Property::MessageExpiryInterval)?;
    Some(now.unix_us / 1_000_000 + u64::from(seconds))
}

/// Reads a publication as what the rules make of its topic and payload.
///
/// # Errors
/// The rules do not allow it, or it is no value.
pub(crate) fn prepare(
    door: &Door,
    submission: &Submission<'_>,
    now: Now,
) -> Result<Prepared, Refusal> {
    let Submission { topic, payload, retain, .. } = *submission;
    if topic.starts_with("$SYS/") || topic.starts_with("$share/") {
        return Err(Refusal::new(reason::NOT_AUTHORIZED, "this topic is the relay's own"));
    }
    let mut address = String::new();
    let rule = door.config.mapping.address(topic, &mut address);
    let rule = rule.ok_or_else(|| Refusal::new(reason::TOPIC_NAME, "no rule has this topic"))?;
    if rule.direction == Direction::Out {
        let text = "this topic is only for subscribers, says a rule of the relay";
        return Err(Refusal::new(reason::NOT_AUTHORIZED, text));
    }
    let expiry = submission.expires_s.map(|end| end.saturating_sub(now.unix_us / 1_000_000));
    let expiry =
        expiry.map(|seconds| Ttl::Absolute(u32::try_from(seconds).unwrap_or(u32::MAX).max(1)));
    let (what, value) = match rule.publish_as {
        PublishAs::Stream => (What::Signal(SignalType::Stream), None),
        PublishAs::Retain if !retain => (What::Signal(SignalType::Event), None),
        _ if retain && payload.is_empty() => {
            (What::Param(Some(Ttl::Absolute(CLEARED_S))), Some(RawValue::null()))
        }
        // What is retained stays until it is replaced, others as long as the relay keeps them.
        _ => (What::Param(expiry.or(retain.then_some(Ttl::Never))), None),
    };
    let value = match value {
        Some(value) => value,
        None => {
            payload::read(payload, rule.payload, submission.all).map_err(|error| match error {
                PayloadError::TooLong => Refusal::too_large(error.to_string()),
                PayloadError::Not(_) => Refusal::new(reason::PAYLOAD_FORMAT, error.to_string()),
            })?
        }
    };
    let altered = !is_written_as(&value, rule.payload, payload);
    let wanted = altered || door.is_watched();
    let publication = wanted.then(|| Publication {
        payload: altered.then(|| payload.into()),
        properties: submission.properties.clone(),
        qos: submission.qos,
        retain,
        expires_s: submission.expires_s,
        origin: 0,
    });
    Ok(Prepared { address, value, what, durable: submission.qos == 2, publication })
}

/// Whether the value is written as this very payload.
fn is_written_as(value: &RawValue<'_>, mode: PayloadMode, payload: &[u8]) -> bool {
    SCRATCH.with_borrow_mut(|scratch| {
        scratch.clear();
        payload::write(value, mode, scratch);
        scratch == payload
    })
}

impl Prepared {
    /// The message as its own publisher is to be told of it, where the router does not.
    pub(crate) fn echo(&self, submission: &Submission<'_>) -> Option<Message> {
        matches!(self.what, What::Signal(_)).then(|| Message {
            topic: submission.topic.into(),
            payload: submission.payload.into(),
            properties: submission.properties.clone(),
            identifiers: Box::default(),
            qos: submission.qos,
            retain: submission.retain,
            param: false,
            expires_s: submission.expires_s,
        })
    }

    /// Hands it over for a session; the number of its answer, if one is `wanted`.
    ///
    /// # Errors
    /// It does not fit a frame.
    pub(crate) fn send(
        &mut self,
        door: &Door,
        (guest, serial): (&mut Guest, u64),
        wanted: bool,
        now: Now,
    ) -> Result<u32, Refusal> {
        let mut key = 0;
        let address = self.address.as_str();
        let request = match self.what {
            What::Param(ttl) => {
                Request::Set(Set { ttl, ..Set::new(address, self.value.borrowed()) })
            }
            What::Signal(signal) => {
                let mut publish = Publish::new(address, signal);
                publish.value = Some(self.value.borrowed());
                if self.publication.is_some() {
                    key = door.publications.stamp(now.unix_us);
                    publish.timestamp = Some(key);
                }
                Request::Publish(publish)
            }
        };
        let slot = self.publication.is_some().then(|| door.publications.hold(address));
        let before = guest.last_revision();
        let sent = match wanted {
            true => guest.ask(&request, self.durable, now),
            false => guest.tell(&request, now).map(|()| 0),
        };
        let number = sent.map_err(|error| Refusal::too_large(error.to_string()))?;
        if let (Some(slot), Some(mut publication)) = (slot, self.publication.take()) {
            let revision = guest.last_revision();
            if matches!(self.what, What::Param(_)) {
                key = revision;
            }
            publication.origin = serial;
            if key != 0 && (revision != before || matches!(self.what, What::Signal(_))) {
                slot.put(key, publication);
            }
        }
        Ok(number)
    }
}

/// What is published when a client is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Will {
    topic: Box<str>,
    payload: Box<[u8]>,
    qos: u8,
    retain: bool,
    properties: Box<[u8]>,
    expiry_s: Option<u32>,
    /// Seconds between the loss and the publication.
    pub(crate) delay_s: u32,
}

impl Will {
    /// As CONNECT has it; its topic is checked elsewhere.
    pub(crate) fn new(will: &WillMessage<'_>) -> Will {
        Will {
            topic: will.topic.into(),
            payload: will.payload.into(),
            qos: will.qos,
            retain: will.retain,
            properties: will.properties.forwarded().into(),
            expiry_s: will.properties.number(Property::MessageExpiryInterval),
            delay_s: will.properties.number(Property::WillDelayInterval).unwrap_or(0),
        }
    }

    fn submission(&self, now: Now) -> Submission<'_> {
        Submission {
            topic: &self.topic,
            payload: &self.payload,
            qos: self.qos,
            retain: self.retain,
            properties: self.properties.clone(),
            all: Properties::trusted(&self.properties),
            expires_s: self.expiry_s.map(|s| now.unix_us / 1_000_000 + u64::from(s)),
        }
    }

    /// Whether this session may publish it.
    ///
    /// # Errors
    /// Why it may not.
    pub(crate) fn check(&self, door: &Door, guest: &Guest, now: Now) -> Result<(), Refusal> {
        let prepared = prepare(door, &self.submission(now), now)?;
        if guest.may_write(&prepared.address) {
            return Ok(());
        }
        let text = "the token does not allow to publish the will";
        Err(Refusal::new(reason::NOT_AUTHORIZED, text))
    }

    /// Publishes it.
    pub(crate) fn publish(&self, door: &Door, guest: &mut Guest, serial: u64, now: Now) {
        let sent = prepare(door, &self.submission(now), now)
            .and_then(|mut prepared| prepared.send(door, (guest, serial), false, now));
        if let Err(refusal) = sent {
            let session = guest.session_id();
            tracing::debug!(session, "a will was refused: {}", refusal.text);
        }
    }
}

//! The properties of MQTT 5: checked once, then looked up where they stand.

use super::reader::Reader;
use super::{Fault, Version};

/// Identifiers of properties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are the protocol's own")]
pub enum Property {
    PayloadFormatIndicator = 0x01,
    MessageExpiryInterval = 0x02,
    ContentType = 0x03,
    ResponseTopic = 0x08,
    CorrelationData = 0x09,
    SubscriptionIdentifier = 0x0B,
    SessionExpiryInterval = 0x11,
    AssignedClientIdentifier = 0x12,
    ServerKeepAlive = 0x13,
    AuthenticationMethod = 0x15,
    AuthenticationData = 0x16,
    RequestProblemInformation = 0x17,
    WillDelayInterval = 0x18,
    RequestResponseInformation = 0x19,
    ReasonString = 0x1F,
    ReceiveMaximum = 0x21,
    TopicAliasMaximum = 0x22,
    TopicAlias = 0x23,
    MaximumQos = 0x24,
    RetainAvailable = 0x25,
    UserProperty = 0x26,
    MaximumPacketSize = 0x27,
}

/// How a property is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Byte,
    U16,
    U32,
    Varint,
    Text,
    Data,
    Pair,
}

/// Which properties a packet may have: a bit for each identifier.
#[derive(Debug, Clone, Copy)]
pub struct Scope(u64);

impl Scope {
    const fn of(properties: &[Property]) -> Scope {
        let mut bits = 0;
        let mut place = 0;
        while place < properties.len() {
            bits |= 1 << properties[place] as u8;
            place += 1;
        }
        Scope(bits)
    }

    /// CONNECT.
    pub const CONNECT: Scope = Scope::of(&[
        Property::SessionExpiryInterval,
        Property::ReceiveMaximum,
        Property::MaximumPacketSize,
        Property::TopicAliasMaximum,
        Property::RequestResponseInformation,
        Property::RequestProblemInformation,
        Property::UserProperty,
        Property::AuthenticationMethod,
        Property::AuthenticationData,
    ]);
    /// The will inside CONNECT.
    pub const WILL: Scope = Scope::of(&[
        Property::WillDelayInterval,
        Property::PayloadFormatIndicator,
        Property::MessageExpiryInterval,
        Property::ContentType,
        Property::ResponseTopic,
        Property::CorrelationData,
        Property::UserProperty,
    ]);
    /// PUBLISH from a client.
    pub const PUBLISH: Scope = Scope::of(&[
        Property::PayloadFormatIndicator,
        Property::MessageExpiryInterval,
        Property::TopicAlias,
        Property::ResponseTopic,
        Property::CorrelationData,
        Property::UserProperty,
        Property::ContentType,
    ]);
    /// PUBACK, PUBREC, PUBREL and PUBCOMP.
    pub const ANSWER: Scope = Scope::of(&[Property::ReasonString, Property::UserProperty]);
    /// SUBSCRIBE.
    pub const SUBSCRIBE: Scope =
        Scope::of(&[Property::SubscriptionIdentifier, Property::UserProperty]);
    /// UNSUBSCRIBE.
    pub const UNSUBSCRIBE: Scope = Scope::of(&[Property::UserProperty]);
    /// DISCONNECT from a client.
    pub const DISCONNECT: Scope = Scope::of(&[
        Property::SessionExpiryInterval,
        Property::ReasonString,
        Property::UserProperty,
    ]);
    /// AUTH.
    pub const AUTH: Scope = Scope::of(&[
        Property::AuthenticationMethod,
        Property::AuthenticationData,
        Property::ReasonString,
        Property::UserProperty,
    ]);

    fn allows(self, id: u8) -> bool {
        id < 64 && self.0 & (1 << id) != 0
    }
}

/// Checked properties.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Properties<'a> {
    raw: &'a [u8],
}

/// A property's value where it stands.
enum Field<'a> {
    Number(u32),
    Text(&'a str),
    Data(&'a [u8]),
    Pair(&'a str, &'a str),
}

impl<'a> Properties<'a> {
    /// Checks properties: known and allowed in this packet, well formed, none twice but user
    /// properties.
    pub(super) fn check(raw: &'a [u8], scope: Scope) -> Result<Properties<'a>, Fault> {
        let mut reader = Reader::new(raw, Version::V5);
        let mut seen = 0_u64;
        while !reader.is_empty() {
            let id = reader.byte()?;
            if !scope.allows(id) {
                return Err(Fault::malformed("this packet has no such property"));
            }
            if seen & (1 << id) != 0 && id != Property::UserProperty as u8 {
                return Err(Fault::protocol("a property is there twice"));
            }
            seen |= 1 << id;
            let field = field(id, &mut reader)?;
            check_value(id, &field)?;
        }
        Ok(Properties { raw })
    }

    /// Properties that were checked when they were first read.
    pub(crate) fn trusted(raw: &'a [u8]) -> Properties<'a> {
        Properties { raw }
    }

    fn each(self) -> impl Iterator<Item = (u8, &'a [u8], Field<'a>)> {
        let mut reader = Reader::new(self.raw, Version::V5);
        std::iter::from_fn(move || {
            let before = reader.rest();
            let id = reader.byte().ok()?;
            let value = field(id, &mut reader).ok()?;
            Some((id, &before[..before.len() - reader.rest().len()], value))
        })
    }

    fn find(self, wanted: Property) -> Option<Field<'a>> {
        self.each().find(|(id, ..)| *id == wanted as u8).map(|(.., field)| field)
    }

    /// A number, whatever its width.
    pub fn number(self, wanted: Property) -> Option<u32> {
        match self.find(wanted)? {
            Field::Number(number) => Some(number),
            _ => None,
        }
    }

    /// A string.
    pub fn text(self, wanted: Property) -> Option<&'a str> {
        match self.find(wanted)? {
            Field::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Binary data.
    pub fn data(self, wanted: Property) -> Option<&'a [u8]> {
        match self.find(wanted)? {
            Field::Data(data) => Some(data),
            _ => None,
        }
    }

    /// User properties in their order.
    pub fn users(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.each().filter_map(|(.., field)| match field {
            Field::Pair(name, value) => Some((name, value)),
            _ => None,
        })
    }

    /// What a server forwards unaltered with a message, in its order.
    pub fn forwarded(self) -> Vec<u8> {
        const FORWARDED: Scope = Scope::of(&[
            Property::PayloadFormatIndicator,
            Property::ContentType,
            Property::ResponseTopic,
            Property::CorrelationData,
            Property::UserProperty,
        ]);
        let kept = self.each().filter(|(id, ..)| FORWARDED.allows(*id));
        kept.flat_map(|(_, raw, _)| raw.iter().copied()).collect()
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.raw.is_empty()
    }
}

fn field<'a>(id: u8, reader: &mut Reader<'a>) -> Result<Field<'a>, Fault> {
    Ok(match form(id)? {
        Form::Byte => Field::Number(reader.byte()?.into()),
        Form::U16 => Field::Number(reader.u16()?.into()),
        Form::U32 => Field::Number(reader.u32()?),
        Form::Varint => Field::Number(reader.varint()?),
        Form::Text => Field::Text(reader.text()?),
        Form::Data => Field::Data(reader.data()?),
        Form::Pair => Field::Pair(reader.text()?, reader.text()?),
    })
}

fn form(id: u8) -> Result<Form, Fault> {
    Ok(match id {
        0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28..=0x2A => Form::Byte,
        0x13 | 0x21..=0x23 => Form::U16,
        0x02 | 0x11 | 0x18 | 0x27 => Form::U32,
        0x0B => Form::Varint,
        0x03 | 0x08 | 0x12 | 0x15 | 0x1A | 0x1C | 0x1F => Form::Text,
        0x09 | 0x16 => Form::Data,
        0x26 => Form::Pair,
        _ => return Err(Fault::malformed("there is no such property")),
    })
}

/// Values that MQTT rules out.
fn check_value(id: u8, field: &Field<'_>) -> Result<(), Fault> {
    const FLAGS: Scope = Scope::of(&[
        Property::PayloadFormatIndicator,
        Property::RequestProblemInformation,
        Property::RequestResponseInformation,
    ]);
    const POSITIVE: Scope = Scope::of(&[
        Property::ReceiveMaximum,
        Property::MaximumPacketSize,
        Property::SubscriptionIdentifier,
    ]);
    match field {
        Field::Number(2..) if FLAGS.allows(id) => {
            Err(Fault::protocol("a property that is 0 or 1 is neither"))
        }
        Field::Number(0) if POSITIVE.allows(id) => {
            Err(Fault::protocol("a property that must not be 0 is 0"))
        }
        Field::Number(0) if id == Property::TopicAlias as u8 => {
            Err(Fault { reason: crate::reason::TOPIC_ALIAS, text: "the topic alias is 0" })
        }
        Field::Text(topic) if id == Property::ResponseTopic as u8 => {
            crate::topic::check_name(topic)
                .map_err(|_| Fault::protocol("the response topic is no topic name"))
        }
        _ => Ok(()),
    }
}

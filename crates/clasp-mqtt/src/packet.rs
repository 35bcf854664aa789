//! MQTT's packets, 3.1, 3.1.1 and 5: read as views of the bytes they came in, written into a
//! buffer. Nothing is allocated for what a packet holds, whatever it holds.

mod connect;
mod properties;
mod publish;
mod reader;
mod subscribe;
mod write;

pub use connect::{Connect, ConnectFault, WillMessage};
pub use properties::{Properties, Property, Scope};
pub use publish::Publish;
pub use subscribe::{Asked, Subscribe, Unsubscribe};
pub use write::{Acknowledgement, Outgoing, PropertyWriter, ack, publish, write};

use reader::Reader;

/// The protocol's versions, by their level in CONNECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    /// 3.1, with the name `MQIsdp`.
    V31 = 3,
    /// 3.1.1.
    V311 = 4,
    /// 5.0.
    V5 = 5,
}

/// Why a packet ends its connection, as a reason code of MQTT 5 and for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{text} ({reason:#04x})")]
pub struct Fault {
    /// One of [`crate::reason`].
    pub reason: u8,
    /// For a person.
    pub text: &'static str,
}

impl Fault {
    /// The bytes are not what MQTT allows.
    pub const fn malformed(text: &'static str) -> Fault {
        Fault { reason: crate::reason::MALFORMED, text }
    }

    /// The packet is well formed, but not allowed here.
    pub const fn protocol(text: &'static str) -> Fault {
        Fault { reason: crate::reason::PROTOCOL, text }
    }
}

/// Types of packets, from the upper half of the first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are the protocol's own")]
pub enum PacketType {
    Connect = 1,
    Connack = 2,
    Publish = 3,
    Puback = 4,
    Pubrec = 5,
    Pubrel = 6,
    Pubcomp = 7,
    Subscribe = 8,
    Suback = 9,
    Unsubscribe = 10,
    Unsuback = 11,
    Pingreq = 12,
    Pingresp = 13,
    Disconnect = 14,
    Auth = 15,
}

impl PacketType {
    const ALL: [PacketType; 15] = [
        PacketType::Connect,
        PacketType::Connack,
        PacketType::Publish,
        PacketType::Puback,
        PacketType::Pubrec,
        PacketType::Pubrel,
        PacketType::Pubcomp,
        PacketType::Subscribe,
        PacketType::Suback,
        PacketType::Unsubscribe,
        PacketType::Unsuback,
        PacketType::Pingreq,
        PacketType::Pingresp,
        PacketType::Disconnect,
        PacketType::Auth,
    ];

    /// The flags in the lower half of the first byte, which are fixed for all but PUBLISH.
    fn flags(self) -> u8 {
        match self {
            PacketType::Pubrel | PacketType::Subscribe | PacketType::Unsubscribe => 2,
            _ => 0,
        }
    }
}

/// The start of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Which packet.
    pub kind: PacketType,
    flags: u8,
    /// Bytes of this header.
    pub bytes: usize,
    /// Bytes that follow it.
    pub remaining: usize,
}

impl Header {
    /// Bytes of the whole packet.
    pub fn total(&self) -> usize {
        self.bytes + self.remaining
    }

    /// Reads a header; `None` if more bytes are needed.
    ///
    /// # Errors
    /// An unknown packet type, wrong flags, or a length of more than four bytes.
    pub fn read(input: &[u8]) -> Result<Option<Header>, Fault> {
        let Some((first, rest)) = input.split_first() else { return Ok(None) };
        let kind = usize::from(first >> 4).checked_sub(1).map(|place| PacketType::ALL[place]);
        let kind = kind.ok_or(Fault::malformed("there is no packet of this type"))?;
        let flags = first & 0x0F;
        if kind != PacketType::Publish && flags != kind.flags() {
            return Err(Fault::malformed("the flags of the packet's first byte are wrong"));
        }
        let mut remaining = 0;
        for (place, byte) in rest.iter().take(4).enumerate() {
            remaining |= usize::from(byte & 0x7F) << (7 * place);
            if byte & 0x80 == 0 {
                return Ok(Some(Header { kind, flags, bytes: 2 + place, remaining }));
            }
        }
        if rest.len() < 4 {
            return Ok(None);
        }
        Err(Fault::malformed("the packet's length has more than four bytes"))
    }
}

/// A packet that a client sends after CONNECT.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "the names are the protocol's own")]
pub enum Packet<'a> {
    Publish(Publish<'a>),
    Puback(Answer<'a>),
    Pubrec(Answer<'a>),
    Pubrel(Answer<'a>),
    Pubcomp(Answer<'a>),
    Subscribe(Subscribe<'a>),
    Unsubscribe(Unsubscribe<'a>),
    Pingreq,
    Disconnect(Farewell<'a>),
    Auth(Farewell<'a>),
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer<'a> {
    /// Packet identifier.
    pub id: u16,
    /// Reason code; 0 before MQTT 5.
    pub reason: u8,
    /// Properties.
    pub properties: Properties<'a>,
}

/// DISCONNECT or AUTH.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Farewell<'a> {
    /// Reason code; 0 before MQTT 5.
    pub reason: u8,
    /// Properties.
    pub properties: Properties<'a>,
}

impl<'a> Packet<'a> {
    /// Reads what follows `header`: its `remaining` bytes, all of them and no more.
    ///
    /// # Errors
    /// Anything that MQTT does not allow a client to send after CONNECT.
    pub fn read(header: &Header, body: &'a [u8], version: Version) -> Result<Packet<'a>, Fault> {
        let mut reader = Reader::new(body, version);
        let packet = match header.kind {
            PacketType::Publish => {
                return Publish::read(header.flags, reader).map(Packet::Publish);
            }
            PacketType::Puback => Packet::Puback(Answer::read(&mut reader)?),
            PacketType::Pubrec => Packet::Pubrec(Answer::read(&mut reader)?),
            PacketType::Pubrel => Packet::Pubrel(Answer::read(&mut reader)?),
            PacketType::Pubcomp => Packet::Pubcomp(Answer::read(&mut reader)?),
            PacketType::Subscribe => return Subscribe::read(reader).map(Packet::Subscribe),
            PacketType::Unsubscribe => return Unsubscribe::read(reader).map(Packet::Unsubscribe),
            PacketType::Pingreq => Packet::Pingreq,
            PacketType::Disconnect => {
                Packet::Disconnect(Farewell::read(&mut reader, Scope::DISCONNECT)?)
            }
            PacketType::Auth if version == Version::V5 => {
                Packet::Auth(Farewell::read(&mut reader, Scope::AUTH)?)
            }
            PacketType::Connect => return Err(Fault::protocol("CONNECT came twice")),
            _ => return Err(Fault::protocol("only a server sends this packet")),
        };
        reader.finish()?;
        Ok(packet)
    }
}

impl<'a> Answer<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Answer<'a>, Fault> {
        let id = reader.packet_id()?;
        let Farewell { reason, properties } = Farewell::read(reader, Scope::ANSWER)?;
        Ok(Answer { id, reason, properties })
    }
}

impl<'a> Farewell<'a> {
    /// Both fields may be left out from the end.
    fn read(reader: &mut Reader<'a>, scope: Scope) -> Result<Farewell<'a>, Fault> {
        let mut farewell = Farewell { reason: 0, properties: Properties::default() };
        if reader.version() == Version::V5 && !reader.is_empty() {
            farewell.reason = reader.byte()?;
            if !reader.is_empty() {
                farewell.properties = reader.properties(scope)?;
            }
        }
        Ok(farewell)
    }
}

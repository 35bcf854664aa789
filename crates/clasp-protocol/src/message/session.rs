//! Opening a session and describing signals (spec: wire.md 5.1 to 5.3).

use super::{SignalType, Text};
use crate::value::RawValue;

/// Feature bits of HELLO and WELCOME (spec: wire.md 9.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Features(pub u8);

impl Features {
    /// Params.
    pub const PARAM: u8 = 0x80;
    /// Events.
    pub const EVENT: u8 = 0x40;
    /// Streams.
    pub const STREAM: u8 = 0x20;
    /// Gestures.
    pub const GESTURE: u8 = 0x10;
    /// Timelines.
    pub const TIMELINE: u8 = 0x08;
    /// The client is another relay; meaningful in HELLO only.
    pub const FEDERATION: u8 = 0x04;

    /// Every bit that has a name, with that name, in the order decoders list them.
    pub const NAMED: [(u8, &'static str); 6] = [
        (Self::PARAM, "param"),
        (Self::EVENT, "event"),
        (Self::STREAM, "stream"),
        (Self::GESTURE, "gesture"),
        (Self::TIMELINE, "timeline"),
        (Self::FEDERATION, "federation"),
    ];

    /// The five signal types: what a relay offers in WELCOME.
    pub const RELAY: Features = Features(0xF8);

    /// The bit of a name; names without a bit are dropped.
    pub fn bit(name: &str) -> u8 {
        Self::NAMED.iter().find(|(_, known)| *known == name).map_or(0, |(bit, _)| *bit)
    }

    /// Names of the bits that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMED.into_iter().filter(move |(bit, _)| self.0 & bit != 0).map(|(_, name)| name)
    }
}

/// HELLO: the first message of a client.
#[derive(Debug, Clone, PartialEq)]
pub struct Hello<'a> {
    /// Protocol version the client speaks; 1 in all published clients.
    pub version: u8,
    /// What the client can do; information only, except `FEDERATION`.
    pub features: Features,
    /// Free text for logs.
    pub name: Text<'a>,
    /// Token; the empty string on the wire means none.
    pub token: Option<Text<'a>>,
}

/// WELCOME: the session is open.
#[derive(Debug, Clone, PartialEq)]
pub struct Welcome<'a> {
    /// Protocol version of the relay.
    pub version: u8,
    /// What the relay offers.
    pub features: Features,
    /// Relay clock, microseconds since 1970-01-01 UTC.
    pub time: u64,
    /// Session id, a UUID in 36 characters.
    pub session: Text<'a>,
    /// Name of the relay.
    pub name: Text<'a>,
    /// Token for later use; no published relay sends one.
    pub token: Option<Text<'a>>,
}

/// ANNOUNCE: signals a client offers.
#[derive(Debug, Clone, PartialEq)]
pub struct Announce<'a> {
    /// Common prefix, echoed in the ACK; may be empty.
    pub namespace: Text<'a>,
    /// The signals.
    pub signals: Vec<SignalInfo<'a>>,
    /// Free-form map; exists in the MessagePack encoding only.
    pub meta: Option<RawValue<'a>>,
}

/// A signal as announced and as told by RESULT.
#[derive(Debug, Clone, PartialEq)]
pub struct SignalInfo<'a> {
    /// Address of the signal.
    pub address: Text<'a>,
    /// Its type.
    pub signal: SignalType,
    /// Free text by convention (`f32`, ...).
    pub datatype: Option<Text<'a>>,
    /// Free text by convention (`r`, `w`, `rw`).
    pub access: Option<Text<'a>>,
    /// Unit, range, default, description; not carried by RESULT in binary.
    pub meta: Option<SignalMeta<'a>>,
}

/// What a person would want to know about a signal.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SignalMeta<'a> {
    /// Unit of the value.
    pub unit: Option<Text<'a>>,
    /// Smallest and largest value.
    pub range: Option<(f64, f64)>,
    /// Value before anybody has set one.
    pub default: Option<RawValue<'a>>,
    /// One sentence.
    pub description: Option<Text<'a>>,
}

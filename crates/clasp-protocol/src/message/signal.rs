//! Subscriptions, signals in flight and bundles (spec: wire.md 5.4, 5.6, 5.11, 14).

use std::borrow::Cow;

use super::{Message, Text};
use crate::value::RawValue;

/// The five kinds of signal (spec: wire.md 9.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are the protocol's own")]
pub enum SignalType {
    Param = 0,
    Event = 1,
    Stream = 2,
    Gesture = 3,
    Timeline = 4,
}

impl SignalType {
    /// All types in the order of their codes.
    pub const ALL: [SignalType; 5] = [
        SignalType::Param,
        SignalType::Event,
        SignalType::Stream,
        SignalType::Gesture,
        SignalType::Timeline,
    ];

    /// Binary code to type; unknown codes read as event.
    pub fn from_code(code: u8) -> SignalType {
        Self::ALL.get(usize::from(code)).copied().unwrap_or(SignalType::Event)
    }

    /// MessagePack name to type.
    pub fn from_name(name: &str) -> Option<SignalType> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// MessagePack name.
    pub fn name(self) -> &'static str {
        match self {
            SignalType::Param => "param",
            SignalType::Event => "event",
            SignalType::Stream => "stream",
            SignalType::Gesture => "gesture",
            SignalType::Timeline => "timeline",
        }
    }
}

/// Phase of a gesture (spec: wire.md 9.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are the protocol's own")]
pub enum Phase {
    Start = 0,
    Move = 1,
    End = 2,
    Cancel = 3,
}

impl Phase {
    /// All phases in the order of their codes.
    pub const ALL: [Phase; 4] = [Phase::Start, Phase::Move, Phase::End, Phase::Cancel];

    /// Binary code to phase; unknown codes read as start.
    pub fn from_code(code: u8) -> Phase {
        Self::ALL.get(usize::from(code)).copied().unwrap_or(Phase::Start)
    }

    /// MessagePack name to phase.
    pub fn from_name(name: &str) -> Option<Phase> {
        Self::ALL.into_iter().find(|phase| phase.name() == name)
    }

    /// MessagePack name.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Start => "start",
            Phase::Move => "move",
            Phase::End => "end",
            Phase::Cancel => "cancel",
        }
    }
}

/// Which signal types a subscription takes (spec: wire.md 5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypeMask(u8);

impl TypeMask {
    /// Every type.
    pub const ALL: TypeMask = TypeMask(0x1F);

    /// From the wire; a byte without any known bit means every type.
    pub fn from_wire(byte: u8) -> TypeMask {
        let known = byte & 0x1F;
        TypeMask(if known == 0 { 0x1F } else { known })
    }

    /// From a list of types; the empty list means every type.
    pub fn of(types: &[SignalType]) -> TypeMask {
        Self::from_wire(types.iter().fold(0, |mask, kind| mask | 1 << *kind as u8))
    }

    /// Byte to send: `0xFF` for every type.
    pub fn to_wire(self) -> u8 {
        if self.0 == 0x1F { 0xFF } else { self.0 }
    }

    /// Whether this type is wanted.
    pub fn takes(self, kind: SignalType) -> bool {
        self.0 & (1 << kind as u8) != 0
    }

    /// Both together.
    pub fn union(self, other: TypeMask) -> TypeMask {
        TypeMask(self.0 | other.0)
    }
}

/// SUBSCRIBE.
#[derive(Debug, Clone, PartialEq)]
pub struct Subscribe<'a> {
    /// Chosen by the client, unique per session by convention.
    pub id: u32,
    /// Which addresses.
    pub pattern: Text<'a>,
    /// The types byte as received; read it with [`TypeMask::from_wire`].
    pub types: u8,
    /// Rate limit, dead band and history.
    pub options: Option<SubscribeOptions>,
}

/// Options of a subscription (spec: routing.md 3.3).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SubscribeOptions {
    /// Deliveries per second and address, params and streams only.
    pub max_rate: Option<u32>,
    /// Smallest change worth delivering, params and streams only.
    pub epsilon: Option<f64>,
    /// How many journalled signals per address to begin with.
    pub history: Option<u32>,
    /// Reserved.
    pub window: Option<u32>,
}

/// UNSUBSCRIBE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsubscribe {
    /// Id of the subscription to end.
    pub id: u32,
}

/// PUBLISH: an event, stream frame, gesture step or timeline.
#[derive(Debug, Clone, PartialEq)]
pub struct Publish<'a> {
    /// Where.
    pub address: Text<'a>,
    /// Absent only in MessagePack; read it as event.
    pub signal: Option<SignalType>,
    /// The value.
    pub value: Option<RawValue<'a>>,
    /// MessagePack has a second value field; `value` wins where both are given.
    pub payload: Option<RawValue<'a>>,
    /// Block of samples, used when there is no value.
    pub samples: Option<Samples<'a>>,
    /// Sample rate.
    pub rate: Option<u32>,
    /// Gesture id.
    pub id: Option<u32>,
    /// Gesture phase; meaningful for gestures only.
    pub phase: Option<Phase>,
    /// Microseconds since 1970-01-01 UTC, as the client says.
    pub timestamp: Option<u64>,
    /// Keyframes; exist in the MessagePack encoding only.
    pub timeline: Option<Box<Timeline<'a>>>,
}

impl<'a> Publish<'a> {
    /// An event without value at this address; a start for builders.
    pub fn new(address: impl Into<Text<'a>>, signal: SignalType) -> Publish<'a> {
        Publish {
            address: address.into(),
            signal: Some(signal),
            value: None,
            payload: None,
            samples: None,
            rate: None,
            id: None,
            phase: None,
            timestamp: None,
            timeline: None,
        }
    }
}

/// A block of 64-bit floats in wire encoding (big-endian).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Samples<'a>(pub(crate) Cow<'a, [u8]>);

impl Samples<'_> {
    /// From numbers.
    pub fn new(values: &[f64]) -> Samples<'static> {
        Samples(values.iter().flat_map(|value| value.to_be_bytes()).collect::<Vec<u8>>().into())
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len() / 8
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The numbers.
    pub fn iter(&self) -> impl Iterator<Item = f64> + '_ {
        self.0.as_chunks::<8>().0.iter().map(|bytes| f64::from_be_bytes(*bytes))
    }
}

/// Timeline data of a MessagePack PUBLISH (spec: wire.md 8.3, 14).
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline<'a> {
    /// The points.
    pub keyframes: Vec<Keyframe<'a>>,
    /// Start again at the end.
    pub looped: bool,
    /// Microseconds since 1970-01-01 UTC.
    pub start_time: Option<u64>,
    /// Microseconds.
    pub duration: Option<u64>,
}

/// One point of a timeline.
#[derive(Debug, Clone, PartialEq)]
pub struct Keyframe<'a> {
    /// Microseconds from the start.
    pub time: u64,
    /// Value at that time.
    pub value: RawValue<'a>,
    /// How to go on from here.
    pub easing: Easing,
    /// Control points for [`Easing::CubicBezier`].
    pub bezier: Option<[f64; 4]>,
}

/// Shape of the way to the next keyframe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the protocol's own")]
pub enum Easing {
    Linear,
    EaseIn,
    EaseOut,
    EaseInOut,
    Step,
    CubicBezier,
}

impl Easing {
    /// All easings.
    pub const ALL: [Easing; 6] = [
        Easing::Linear,
        Easing::EaseIn,
        Easing::EaseOut,
        Easing::EaseInOut,
        Easing::Step,
        Easing::CubicBezier,
    ];

    /// MessagePack name to easing.
    pub fn from_name(name: &str) -> Option<Easing> {
        Self::ALL.into_iter().find(|easing| easing.name() == name)
    }

    /// MessagePack name.
    pub fn name(self) -> &'static str {
        match self {
            Easing::Linear => "linear",
            Easing::EaseIn => "ease-in",
            Easing::EaseOut => "ease-out",
            Easing::EaseInOut => "ease-in-out",
            Easing::Step => "step",
            Easing::CubicBezier => "cubic-bezier",
        }
    }
}

/// BUNDLE: messages that belong together, at once or at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle<'a> {
    /// When to run it, microseconds of the relay clock; absent means now.
    pub timestamp: Option<u64>,
    /// The messages, in order.
    pub parts: Vec<Part<'a>>,
}

/// One message of a bundle.
#[derive(Debug, Clone, PartialEq)]
pub struct Part<'a> {
    /// The message.
    pub message: Message<'a>,
    /// Its binary payload as received; absent when it came as MessagePack.
    pub wire: Option<&'a [u8]>,
}

impl<'a> From<Message<'a>> for Part<'a> {
    fn from(message: Message<'a>) -> Part<'a> {
        Part { message, wire: None }
    }
}

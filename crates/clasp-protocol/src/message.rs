//! Every CLASP message as a struct that borrows from the payload it was decoded from.

mod control;
mod session;
mod signal;
mod state;

pub use control::{Ack, ErrorMessage, FederationOp, FederationSync, Query, ResultMessage, Sync};
pub use session::{Announce, Features, Hello, SignalInfo, SignalMeta, Welcome};
pub use signal::{
    Bundle, Easing, Keyframe, Part, Phase, Publish, Samples, SignalType, Subscribe,
    SubscribeOptions, Timeline, TypeMask, Unsubscribe,
};
pub use state::{Get, ParamEntry, Replay, Set, Snapshot, Ttl};

use std::borrow::Cow;

/// Text taken from a payload, or owned when it had to be rebuilt.
pub type Text<'a> = Cow<'a, str>;

/// One message, whatever its encoding was (spec: wire.md section 5).
#[derive(Debug, Clone, PartialEq)]
pub enum Message<'a> {
    /// Client opens a session.
    Hello(Hello<'a>),
    /// Relay accepts the session.
    Welcome(Welcome<'a>),
    /// Client describes its signals.
    Announce(Announce<'a>),
    /// Relay-to-relay control.
    FederationSync(FederationSync<'a>),
    /// Client asks for signals that match a pattern.
    Subscribe(Subscribe<'a>),
    /// Client ends a subscription.
    Unsubscribe(Unsubscribe),
    /// A signal in flight.
    Publish(Publish<'a>),
    /// A param is written.
    Set(Set<'a>),
    /// Client asks for one param.
    Get(Get<'a>),
    /// Relay tells params and their values.
    Snapshot(Snapshot<'a>),
    /// Client asks for history.
    Replay(Replay<'a>),
    /// Messages that belong together.
    Bundle(Bundle<'a>),
    /// Clock exchange.
    Sync(Sync),
    /// Are you there?
    Ping,
    /// I am.
    Pong,
    /// Relay confirms a request.
    Ack(Ack<'a>),
    /// Relay refuses a request.
    Error(ErrorMessage<'a>),
    /// Client asks which signals were announced.
    Query(Query<'a>),
    /// Relay answers a query.
    Result(ResultMessage<'a>),
}

/// The kinds of message, with their binary type codes and MessagePack names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are the protocol's own")]
pub enum MessageType {
    Hello = 0x01,
    Welcome = 0x02,
    Announce = 0x03,
    FederationSync = 0x04,
    Subscribe = 0x10,
    Unsubscribe = 0x11,
    Publish = 0x20,
    Set = 0x21,
    Get = 0x22,
    Snapshot = 0x23,
    Replay = 0x24,
    Bundle = 0x30,
    Sync = 0x40,
    Ping = 0x41,
    Pong = 0x42,
    Ack = 0x50,
    Error = 0x51,
    Query = 0x60,
    Result = 0x61,
}

impl MessageType {
    /// All types, in the order of their codes.
    pub const ALL: [MessageType; 19] = [
        MessageType::Hello,
        MessageType::Welcome,
        MessageType::Announce,
        MessageType::FederationSync,
        MessageType::Subscribe,
        MessageType::Unsubscribe,
        MessageType::Publish,
        MessageType::Set,
        MessageType::Get,
        MessageType::Snapshot,
        MessageType::Replay,
        MessageType::Bundle,
        MessageType::Sync,
        MessageType::Ping,
        MessageType::Pong,
        MessageType::Ack,
        MessageType::Error,
        MessageType::Query,
        MessageType::Result,
    ];

    /// The type with this binary code.
    #[inline]
    pub fn from_code(code: u8) -> Option<MessageType> {
        Some(match code {
            0x01 => MessageType::Hello,
            0x02 => MessageType::Welcome,
            0x03 => MessageType::Announce,
            0x04 => MessageType::FederationSync,
            0x10 => MessageType::Subscribe,
            0x11 => MessageType::Unsubscribe,
            0x20 => MessageType::Publish,
            0x21 => MessageType::Set,
            0x22 => MessageType::Get,
            0x23 => MessageType::Snapshot,
            0x24 => MessageType::Replay,
            0x30 => MessageType::Bundle,
            0x40 => MessageType::Sync,
            0x41 => MessageType::Ping,
            0x42 => MessageType::Pong,
            0x50 => MessageType::Ack,
            0x51 => MessageType::Error,
            0x60 => MessageType::Query,
            0x61 => MessageType::Result,
            _ => return None,
        })
    }

    /// The type with this MessagePack name.
    pub fn from_name(name: &str) -> Option<MessageType> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Name in capitals, as in MessagePack and in the texts of errors.
    pub fn name(self) -> &'static str {
        match self {
            MessageType::Hello => "HELLO",
            MessageType::Welcome => "WELCOME",
            MessageType::Announce => "ANNOUNCE",
            MessageType::FederationSync => "FEDERATION_SYNC",
            MessageType::Subscribe => "SUBSCRIBE",
            MessageType::Unsubscribe => "UNSUBSCRIBE",
            MessageType::Publish => "PUBLISH",
            MessageType::Set => "SET",
            MessageType::Get => "GET",
            MessageType::Snapshot => "SNAPSHOT",
            MessageType::Replay => "REPLAY",
            MessageType::Bundle => "BUNDLE",
            MessageType::Sync => "SYNC",
            MessageType::Ping => "PING",
            MessageType::Pong => "PONG",
            MessageType::Ack => "ACK",
            MessageType::Error => "ERROR",
            MessageType::Query => "QUERY",
            MessageType::Result => "RESULT",
        }
    }

    /// Lower-case name, as used for metrics labels.
    pub fn label(self) -> &'static str {
        match self {
            MessageType::Hello => "hello",
            MessageType::Welcome => "welcome",
            MessageType::Announce => "announce",
            MessageType::FederationSync => "federation_sync",
            MessageType::Subscribe => "subscribe",
            MessageType::Unsubscribe => "unsubscribe",
            MessageType::Publish => "publish",
            MessageType::Set => "set",
            MessageType::Get => "get",
            MessageType::Snapshot => "snapshot",
            MessageType::Replay => "replay",
            MessageType::Bundle => "bundle",
            MessageType::Sync => "sync",
            MessageType::Ping => "ping",
            MessageType::Pong => "pong",
            MessageType::Ack => "ack",
            MessageType::Error => "error",
            MessageType::Query => "query",
            MessageType::Result => "result",
        }
    }
}

impl Message<'_> {
    /// Which kind of message this is.
    pub fn kind(&self) -> MessageType {
        match self {
            Message::Hello(_) => MessageType::Hello,
            Message::Welcome(_) => MessageType::Welcome,
            Message::Announce(_) => MessageType::Announce,
            Message::FederationSync(_) => MessageType::FederationSync,
            Message::Subscribe(_) => MessageType::Subscribe,
            Message::Unsubscribe(_) => MessageType::Unsubscribe,
            Message::Publish(_) => MessageType::Publish,
            Message::Set(_) => MessageType::Set,
            Message::Get(_) => MessageType::Get,
            Message::Snapshot(_) => MessageType::Snapshot,
            Message::Replay(_) => MessageType::Replay,
            Message::Bundle(_) => MessageType::Bundle,
            Message::Sync(_) => MessageType::Sync,
            Message::Ping => MessageType::Ping,
            Message::Pong => MessageType::Pong,
            Message::Ack(_) => MessageType::Ack,
            Message::Error(_) => MessageType::Error,
            Message::Query(_) => MessageType::Query,
            Message::Result(_) => MessageType::Result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_found_by_its_code_and_by_its_name() {
        for kind in MessageType::ALL {
            assert_eq!(MessageType::from_code(kind as u8), Some(kind));
            assert_eq!(MessageType::from_name(kind.name()), Some(kind));
            assert_eq!(kind.name().to_lowercase(), kind.label());
        }
        let known = (0..=u8::MAX).filter(|code| MessageType::from_code(*code).is_some()).count();
        assert_eq!(known, MessageType::ALL.len());
    }

    #[test]
    fn a_mask_without_known_types_takes_every_type() {
        for byte in [0x00, 0xE0, 0xFF, 0x1F] {
            assert_eq!(TypeMask::from_wire(byte), TypeMask::ALL, "{byte:#04x}");
        }
        assert_eq!(TypeMask::ALL.to_wire(), 0xFF);
        let mask = TypeMask::of(&[SignalType::Event]);
        assert!(mask.takes(SignalType::Event) && !mask.takes(SignalType::Param));
    }

    #[test]
    fn the_ttl_word_tells_never_sliding_and_absolute_apart() {
        for ttl in [Ttl::Never, Ttl::Sliding(1), Ttl::Absolute(0), Ttl::Absolute(0x7FFF_FFFF)] {
            assert_eq!(Ttl::from_word(ttl.to_word()), ttl);
        }
        assert_eq!(Ttl::from_word(0x8000_0000), Ttl::Absolute(0));
        assert_eq!(Ttl::Sliding(0).to_word(), 0);
    }
}

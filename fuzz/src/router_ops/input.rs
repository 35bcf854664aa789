//! Bytes as choices, and choices as messages that a router understands.

use clasp_protocol::message::{
    Announce, Bundle, Features, Get, Hello, Part, Phase, Publish, Query, Replay, Set, SignalInfo,
    SignalType, Subscribe, SubscribeOptions, Ttl, Unsubscribe,
};
use clasp_protocol::{Message, RawValue};

use super::peer::Peer;

const ADDRESSES: [&str; 16] = [
    "/a",
    "/a/b",
    "/a/b/c",
    "/x/1",
    "/x/2",
    "/x/3",
    "/y",
    "/*",
    "/refused",
    "/changed",
    "/clasp/p2p/announce",
    "/clasp/p2p/signal/nobody",
    "bad",
    "/a//b",
    "/long",
    "/b",
];

const PATTERNS: [&str; 10] =
    ["/a", "/a/*", "/a/**", "/**", "/*", "/x/*", "/**/c", "/clasp/**", "//", "/l*"];

/// The input, from the front; zeros when it is used up.
pub(super) struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    pub(super) fn new(data: &'a [u8]) -> Input<'a> {
        Input { rest: data }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        *first
    }

    /// Up to 1,020 bytes, as many as the first one says times four.
    pub(super) fn bytes(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte()) * 4;
        let (bytes, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.rest = rest;
        bytes
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::from(self.byte()) % from.len()]
    }
}

/// A message of a kind from 28 to 63.
pub(super) fn message(input: &mut Input<'_>, kind: usize, peers: &[Peer]) -> Message<'static> {
    match kind {
        28..31 => Message::Hello(Hello {
            version: 1,
            features: Features(input.byte()),
            name: "fuzz".into(),
            token: None,
        }),
        31..40 => Message::Set(set(input)),
        40..45 => Message::Publish(publish(input, peers)),
        45..50 => subscribe(input),
        50 => Message::Unsubscribe(Unsubscribe { id: u32::from(input.byte() % 4) }),
        51..53 => Message::Get(Get { address: input.pick(&ADDRESSES).into() }),
        53..59 => bundle(input, peers),
        59 => Message::Replay(Replay {
            pattern: input.pick(&PATTERNS).into(),
            from: None,
            to: None,
            limit: Some(u32::from(input.byte())),
            types: input.byte(),
        }),
        60 => Message::Query(Query { pattern: input.pick(&PATTERNS).into() }),
        61 => announce(input),
        _ => Message::Ping,
    }
}

fn value(input: &mut Input<'_>) -> RawValue<'static> {
    match input.byte() % 6 {
        0 => RawValue::null(),
        1 => RawValue::int(i64::from(input.byte())),
        2 => RawValue::float(f64::from(input.byte()) / 16.0),
        3 => text(usize::from(input.byte())),
        4 => text(usize::from(input.byte()) * 257),
        _ => {
            let kind = input.byte() % 12;
            let parsed = RawValue::parse(kind, input.bytes());
            parsed.map_or_else(|_| RawValue::null(), |(value, _)| value.into_owned())
        }
    }
}

fn text(bytes: usize) -> RawValue<'static> {
    RawValue::str(&"x".repeat(bytes)).unwrap_or_else(|_| RawValue::null())
}

fn set(input: &mut Input<'_>) -> Set<'static> {
    let mut set = Set::new(input.pick(&ADDRESSES), value(input));
    let flags = input.byte();
    set.lock = flags & 1 != 0;
    set.unlock = flags & 2 != 0;
    set.revision = (flags & 12 == 12).then(|| u64::from(input.byte()));
    set.ttl = match flags >> 5 {
        1 => Some(Ttl::Never),
        2 => Some(Ttl::Sliding(u32::from(input.byte()))),
        3 => Some(Ttl::Absolute(u32::from(input.byte()))),
        _ => None,
    };
    set
}

fn publish(input: &mut Input<'_>, peers: &[Peer]) -> Publish<'static> {
    let signal = input.pick(&SignalType::ALL);
    let mut publish = Publish::new(input.pick(&ADDRESSES), signal);
    let flags = input.byte();
    if flags & 0x0F == 1 {
        let target = peers[usize::from(input.byte()) % peers.len()].connection.session_id();
        publish.address = format!("/clasp/p2p/signal/{}", target.unwrap_or("x")).into();
    }
    publish.value = (flags & 16 == 0).then(|| value(input));
    if signal == SignalType::Gesture {
        publish.phase = Some(input.pick(&Phase::ALL));
        publish.id = Some(u32::from(input.byte() % 3));
    }
    publish
}

fn subscribe(input: &mut Input<'_>) -> Message<'static> {
    let id = u32::from(input.byte() % 4);
    let pattern = input.pick(&PATTERNS).into();
    let types = input.byte();
    let flags = input.byte();
    let options = (flags & 1 != 0).then(|| SubscribeOptions {
        max_rate: (flags & 2 != 0).then(|| u32::from(input.byte())),
        epsilon: (flags & 4 != 0).then(|| f64::from(input.byte()) / 8.0),
        history: (flags & 8 != 0).then(|| u32::from(input.byte())),
        window: None,
    });
    Message::Subscribe(Subscribe { id, pattern, types, options })
}

fn bundle(input: &mut Input<'_>, peers: &[Peer]) -> Message<'static> {
    let count = input.byte() % 6;
    let ahead = input.byte();
    let parts = (0..count).map(|_| match input.byte() % 3 {
        0 => Part::from(Message::Publish(publish(input, peers))),
        _ => Part::from(Message::Set(set(input))),
    });
    let parts = parts.collect();
    let timestamp = (ahead & 3 == 3).then(|| 1_750_000_000_000_000 + (u64::from(ahead) << 16));
    Message::Bundle(Bundle { timestamp, parts })
}

fn announce(input: &mut Input<'_>) -> Message<'static> {
    let count = input.byte() % 5;
    let signals = (0..count).map(|_| SignalInfo {
        address: input.pick(&ADDRESSES).into(),
        signal: input.pick(&SignalType::ALL),
        datatype: None,
        access: None,
        meta: None,
    });
    Message::Announce(Announce { namespace: "/n".into(), signals: signals.collect(), meta: None })
}

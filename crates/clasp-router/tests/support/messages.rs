//! Words to send: each makes a message with the QoS that published clients use.

use clasp_protocol::message::{
    Announce, Bundle, Features, Get, Hello, Part, Phase, Publish, Query, Replay, Samples,
    SignalInfo, SignalType, Subscribe, SubscribeOptions, Sync, Ttl, TypeMask, Unsubscribe,
};
use clasp_protocol::message::{Set, Timeline};
use clasp_protocol::{Message, Qos, RawValue, Value, codec, frame};

/// Something that can stand where a value is needed.
pub(crate) trait Plain {
    fn raw(self) -> RawValue<'static>;
}

impl Plain for RawValue<'static> {
    fn raw(self) -> RawValue<'static> {
        self
    }
}

impl Plain for Value {
    fn raw(self) -> RawValue<'static> {
        RawValue::try_from(&self).expect("a value that fits a frame")
    }
}

impl Plain for i32 {
    fn raw(self) -> RawValue<'static> {
        RawValue::int(i64::from(self))
    }
}

impl Plain for i64 {
    fn raw(self) -> RawValue<'static> {
        RawValue::int(self)
    }
}

impl Plain for f64 {
    fn raw(self) -> RawValue<'static> {
        RawValue::float(self)
    }
}

impl Plain for bool {
    fn raw(self) -> RawValue<'static> {
        RawValue::bool(self)
    }
}

/// Null.
impl Plain for () {
    fn raw(self) -> RawValue<'static> {
        RawValue::null()
    }
}

impl Plain for &str {
    fn raw(self) -> RawValue<'static> {
        RawValue::str(self).expect("a text that fits a frame")
    }
}

/// A map with texts in it.
pub(crate) fn map(entries: &[(&str, &str)]) -> RawValue<'static> {
    let text = |text: &str| Value::String(text.to_owned());
    let entries = entries.iter().map(|(key, value)| ((*key).to_owned(), text(value)));
    Value::Map(entries.collect()).raw()
}

/// A scalar as narrow as its type code says.
pub(crate) fn narrow(kind: u8, data: &[u8]) -> RawValue<'static> {
    RawValue::parse(kind, data).expect("a scalar").0.into_owned()
}

/// A text of so many bytes.
pub(crate) fn long_text(bytes: usize) -> RawValue<'static> {
    "x".repeat(bytes).as_str().raw()
}

/// Arrays inside arrays.
pub(crate) fn nested(depth: usize) -> RawValue<'static> {
    let inner = (1..depth).fold(Value::Array(Vec::new()), |inner, _| Value::Array(vec![inner]));
    inner.raw()
}

/// A message on its way to the router.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) message: Message<'static>,
    pub(crate) qos: Qos,
}

impl Sent {
    fn of(message: Message<'static>) -> Sent {
        let qos = message.default_qos();
        Sent { message, qos }
    }

    /// The bytes of its frame.
    pub(crate) fn frame(&self, legacy: bool) -> Vec<u8> {
        let mut out = Vec::new();
        if legacy {
            let mut payload = Vec::new();
            codec::encode_legacy(&self.message, &mut payload).expect("encodable");
            frame::write(self.qos, &payload, &mut out).expect("fits a frame");
        } else {
            codec::encode(&self.message, self.qos, &mut out).expect("encodable");
        }
        out
    }

    /// With QoS 0.
    pub(crate) fn fire(self) -> Sent {
        Sent { qos: Qos::Fire, ..self }
    }

    /// With QoS 1.
    pub(crate) fn confirm(self) -> Sent {
        Sent { qos: Qos::Confirm, ..self }
    }

    /// With QoS 2.
    pub(crate) fn commit(self) -> Sent {
        Sent { qos: Qos::Commit, ..self }
    }

    fn set_with(mut self, change: impl FnOnce(&mut Set<'static>)) -> Sent {
        let Message::Set(set) = &mut self.message else { panic!("only a SET has this") };
        change(set);
        self
    }

    fn subscribe_with(mut self, change: impl FnOnce(&mut Subscribe<'static>)) -> Sent {
        let Message::Subscribe(subscribe) = &mut self.message else {
            panic!("only a SUBSCRIBE has this")
        };
        change(subscribe);
        self
    }

    fn replay_with(mut self, change: impl FnOnce(&mut Replay<'static>)) -> Sent {
        let Message::Replay(replay) = &mut self.message else { panic!("only a REPLAY has this") };
        change(replay);
        self
    }

    pub(crate) fn lock(self) -> Sent {
        self.set_with(|set| set.lock = true)
    }

    pub(crate) fn unlock(self) -> Sent {
        self.set_with(|set| set.unlock = true)
    }

    pub(crate) fn expecting(self, revision: u64) -> Sent {
        self.set_with(|set| set.revision = Some(revision))
    }

    pub(crate) fn ttl(self, ttl: Ttl) -> Sent {
        self.set_with(|set| set.ttl = Some(ttl))
    }

    pub(crate) fn types(self, types: &[SignalType]) -> Sent {
        self.subscribe_with(|subscribe| subscribe.types = TypeMask::of(types).to_wire())
    }

    pub(crate) fn type_byte(self, byte: u8) -> Sent {
        self.subscribe_with(|subscribe| subscribe.types = byte)
    }

    pub(crate) fn options(self, change: impl FnOnce(&mut SubscribeOptions)) -> Sent {
        self.subscribe_with(|subscribe| change(subscribe.options.get_or_insert_default()))
    }

    pub(crate) fn max_rate(self, rate: u32) -> Sent {
        self.options(|options| options.max_rate = Some(rate))
    }

    pub(crate) fn epsilon(self, epsilon: f64) -> Sent {
        self.options(|options| options.epsilon = Some(epsilon))
    }

    pub(crate) fn history(self, entries: u32) -> Sent {
        self.options(|options| options.history = Some(entries))
    }

    pub(crate) fn between(self, from: u64, to: u64) -> Sent {
        self.replay_with(|replay| (replay.from, replay.to) = (Some(from), Some(to)))
    }

    pub(crate) fn limit(self, limit: u32) -> Sent {
        self.replay_with(|replay| replay.limit = Some(limit))
    }

    pub(crate) fn only(self, types: &[SignalType]) -> Sent {
        self.replay_with(|replay| replay.types = TypeMask::of(types).to_wire())
    }

    /// A bundle for a time, or a PUBLISH with a time in it.
    pub(crate) fn at(mut self, unix_us: u64) -> Sent {
        match &mut self.message {
            Message::Bundle(bundle) => bundle.timestamp = Some(unix_us),
            Message::Publish(publish) => publish.timestamp = Some(unix_us),
            other => panic!("{other:?} has no time"),
        }
        self
    }
}

pub(crate) fn hello() -> Sent {
    let features = Features(0xF8);
    Sent::of(Message::Hello(Hello { version: 1, features, name: "script".into(), token: None }))
}

pub(crate) fn hello_with(token: &str) -> Sent {
    let mut hello = hello();
    if let Message::Hello(inner) = &mut hello.message {
        inner.token = Some(token.to_owned().into());
    }
    hello
}

pub(crate) fn set(address: &str, value: impl Plain) -> Sent {
    Sent::of(Message::Set(Set::new(address.to_owned(), value.raw())))
}

pub(crate) fn get(address: &str) -> Sent {
    Sent::of(Message::Get(Get { address: address.to_owned().into() }))
}

pub(crate) fn subscribe(id: u32, pattern: &str) -> Sent {
    let pattern = pattern.to_owned().into();
    Sent::of(Message::Subscribe(Subscribe { id, pattern, types: 0xFF, options: None }))
}

pub(crate) fn unsubscribe(id: u32) -> Sent {
    Sent::of(Message::Unsubscribe(Unsubscribe { id }))
}

/// A PUBLISH of any type.
pub(crate) fn signal(signal: SignalType, address: &str, value: impl Plain) -> Sent {
    let publish = Publish::new(address.to_owned(), signal);
    Sent::of(Message::Publish(Publish { value: Some(value.raw()), ..publish }))
}

pub(crate) fn event(address: &str, value: impl Plain) -> Sent {
    signal(SignalType::Event, address, value)
}

pub(crate) fn stream(address: &str, value: impl Plain) -> Sent {
    signal(SignalType::Stream, address, value)
}

/// A block of samples.
pub(crate) fn samples(address: &str, values: &[f64], rate: u32) -> Sent {
    let publish = Publish::new(address.to_owned(), SignalType::Stream);
    let samples = Some(Samples::new(values));
    Sent::of(Message::Publish(Publish { samples, rate: Some(rate), ..publish }))
}

pub(crate) fn gesture(address: &str, id: u32, phase: Phase, value: impl Plain) -> Sent {
    let mut sent = signal(SignalType::Gesture, address, value);
    if let Message::Publish(publish) = &mut sent.message {
        (publish.id, publish.phase) = (Some(id), Some(phase));
    }
    sent
}

/// A timeline with keyframes, which only MessagePack can carry.
pub(crate) fn timeline(address: &str, timeline: Timeline<'static>) -> Sent {
    let publish = Publish::new(address.to_owned(), SignalType::Timeline);
    Sent::of(Message::Publish(Publish { timeline: Some(Box::new(timeline)), ..publish }))
}

pub(crate) fn bundle(parts: impl IntoIterator<Item = Sent>) -> Sent {
    let parts = parts.into_iter().map(|sent| Part::from(sent.message)).collect();
    Sent::of(Message::Bundle(Bundle { timestamp: None, parts }))
}

pub(crate) fn replay(pattern: &str) -> Sent {
    let pattern = pattern.to_owned().into();
    Sent::of(Message::Replay(Replay { pattern, from: None, to: None, limit: None, types: 0xFF }))
}

pub(crate) fn announce(namespace: &str, signals: &[(&str, SignalType)]) -> Sent {
    let signals = signals.iter().map(|(address, signal)| SignalInfo {
        address: (*address).to_owned().into(),
        signal: *signal,
        datatype: None,
        access: None,
        meta: None,
    });
    let announce =
        Announce { namespace: namespace.to_owned().into(), signals: signals.collect(), meta: None };
    // Published clients that announce ask for a confirmation.
    Sent { message: Message::Announce(announce), qos: Qos::Confirm }
}

pub(crate) fn query(pattern: &str) -> Sent {
    Sent::of(Message::Query(Query { pattern: pattern.to_owned().into() }))
}

pub(crate) fn sync(t1: u64) -> Sent {
    Sent::of(Message::Sync(Sync { t1, t2: None, t3: None }))
}

pub(crate) fn ping() -> Sent {
    Sent::of(Message::Ping)
}

/// Any other message.
pub(crate) fn raw(message: Message<'static>) -> Sent {
    Sent::of(message)
}

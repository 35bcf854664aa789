//! Arbitrary messages and values, within what both encodings can carry.

use clasp_protocol::message::*;
use clasp_protocol::{RawValue, Value};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

/// Any message; bundles nest twice at most.
pub(crate) fn message() -> BoxedStrategy<Message<'static>> {
    let bundle = |inner: BoxedStrategy<Message<'static>>| {
        (of(any::<u64>()), prop::collection::vec(inner, 0..4)).prop_map(|(timestamp, messages)| {
            let parts = messages.into_iter().map(Part::from).collect();
            Message::Bundle(Bundle { timestamp, parts })
        })
    };
    let once = prop_oneof![8 => plain(), 1 => bundle(plain()).boxed()];
    prop_oneof![8 => plain(), 2 => bundle(once.boxed()).boxed()].boxed()
}

fn plain() -> BoxedStrategy<Message<'static>> {
    prop_oneof![
        session(),
        in_flight(),
        state(),
        control(),
        federation(),
        select(vec![Message::Ping, Message::Pong]),
    ]
    .boxed()
}

/// Any tree without byte strings (MessagePack has none) and without NaN (it differs from itself).
pub(crate) fn value() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        float().prop_map(Value::Float),
        ".{0,8}".prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((".{0,4}", inner), 0..5).prop_map(Value::Map),
        ]
    })
    .boxed()
}

fn raw() -> BoxedStrategy<RawValue<'static>> {
    value().prop_map(|value| RawValue::try_from(&value).unwrap()).boxed()
}

fn float() -> impl Strategy<Value = f64> {
    any::<f64>()
}

fn text() -> impl Strategy<Value = Text<'static>> {
    prop_oneof!["(/[a-z*]{0,3}){0,4}", ".{0,12}"].prop_map(Text::from)
}

fn token() -> impl Strategy<Value = Option<Text<'static>>> {
    of(".{1,12}".prop_map(Text::from))
}

fn types() -> impl Strategy<Value = u8> {
    prop_oneof![Just(0xFF), 1_u8..0x20]
}

fn session() -> BoxedStrategy<Message<'static>> {
    let hello =
        (any::<u8>(), any::<u8>(), text(), token()).prop_map(|(version, bits, name, token)| {
            Message::Hello(Hello { version, features: Features(bits & 0xFC), name, token })
        });
    let welcome = (any::<u8>(), any::<u8>(), any::<u64>(), text(), text(), token());
    let welcome = welcome.prop_map(|(version, bits, time, session, name, token)| {
        let features = Features(bits & 0xF8);
        Message::Welcome(Welcome { version, features, time, session, name, token })
    });
    let meta = of(prop::collection::vec((".{0,4}", value()), 0..4)
        .prop_map(|entries| RawValue::try_from(&Value::Map(entries)).unwrap()));
    let announce = (text(), prop::collection::vec(signal(), 0..4), meta).prop_map(
        |(namespace, signals, meta)| Message::Announce(Announce { namespace, signals, meta }),
    );
    let result = prop::collection::vec(signal(), 0..4)
        .prop_map(|signals| Message::Result(ResultMessage { signals }));
    prop_oneof![hello.boxed(), welcome.boxed(), announce.boxed(), result.boxed()].boxed()
}

fn signal() -> BoxedStrategy<SignalInfo<'static>> {
    let meta = (of(text()), of((float(), float())), of(raw()), of(text())).prop_map(
        |(unit, range, default, description)| SignalMeta { unit, range, default, description },
    );
    (text(), select(SignalType::ALL.to_vec()), of(text()), of(text()), of(meta))
        .prop_map(|(address, signal, datatype, access, meta)| SignalInfo {
            address,
            signal,
            datatype,
            access,
            meta,
        })
        .boxed()
}

fn in_flight() -> BoxedStrategy<Message<'static>> {
    let options = (of(any::<u32>()), of(float()), of(any::<u32>()), of(any::<u32>())).prop_map(
        |(max_rate, epsilon, history, window)| SubscribeOptions {
            max_rate,
            epsilon,
            history,
            window,
        },
    );
    let subscribe =
        (any::<u32>(), text(), types(), of(options)).prop_map(|(id, pattern, types, options)| {
            Message::Subscribe(Subscribe { id, pattern, types, options })
        });
    let unsubscribe = any::<u32>().prop_map(|id| Message::Unsubscribe(Unsubscribe { id }));
    prop_oneof![subscribe.boxed(), unsubscribe.boxed(), publish().prop_map(Message::Publish)]
        .boxed()
}

fn publish() -> BoxedStrategy<Publish<'static>> {
    let samples = prop::collection::vec(float(), 0..6).prop_map(|values| Samples::new(&values));
    let numbers = (of(any::<u32>()), of(any::<u32>()), of(any::<u64>()));
    let kinds = (of(select(SignalType::ALL.to_vec())), of(select(Phase::ALL.to_vec())));
    let values = (of(raw()), of(raw()), of(samples), of(timeline()));
    (text(), kinds, values, numbers)
        .prop_map(
            |(
                address,
                (signal, phase),
                (value, payload, samples, timeline),
                (rate, id, timestamp),
            )| {
                Publish {
                    address,
                    signal,
                    value,
                    payload,
                    samples,
                    rate,
                    id,
                    phase,
                    timestamp,
                    timeline: timeline.map(Box::new),
                }
            },
        )
        .boxed()
}

fn timeline() -> BoxedStrategy<Timeline<'static>> {
    let easing = select(Easing::ALL.to_vec());
    let bezier = of([float(), float(), float(), float()]);
    let keyframe = (any::<u64>(), raw(), easing, bezier)
        .prop_map(|(time, value, easing, bezier)| Keyframe { time, value, easing, bezier });
    (prop::collection::vec(keyframe, 0..4), any::<bool>(), of(any::<u64>()), of(any::<u64>()))
        .prop_map(|(keyframes, looped, start_time, duration)| Timeline {
            keyframes,
            looped,
            start_time,
            duration,
        })
        .boxed()
}

fn state() -> BoxedStrategy<Message<'static>> {
    let ttl = prop_oneof![
        Just(Ttl::Never),
        (1..0x8000_0000_u32).prop_map(Ttl::Sliding),
        (0..0x8000_0000_u32).prop_map(Ttl::Absolute),
    ];
    let set = (text(), raw(), of(any::<u64>()), any::<bool>(), any::<bool>(), of(ttl)).prop_map(
        |(address, value, revision, lock, unlock, ttl)| {
            Message::Set(Set { address, value, revision, lock, unlock, ttl })
        },
    );
    let get = text().prop_map(|address| Message::Get(Get { address }));
    let param = (text(), raw(), any::<u64>(), of(text()), of(any::<u64>())).prop_map(
        |(address, value, revision, writer, timestamp)| ParamEntry {
            address,
            value,
            revision,
            writer,
            timestamp,
        },
    );
    let snapshot = prop::collection::vec(param, 0..5)
        .prop_map(|params| Message::Snapshot(Snapshot { params }));
    let replay = (text(), of(any::<u64>()), of(any::<u64>()), of(any::<u32>()), types()).prop_map(
        |(pattern, from, to, limit, types)| {
            Message::Replay(Replay { pattern, from, to, limit, types })
        },
    );
    prop_oneof![set.boxed(), get.boxed(), snapshot.boxed(), replay.boxed()].boxed()
}

fn control() -> BoxedStrategy<Message<'static>> {
    let sync = (any::<u64>(), of(any::<u64>()), of(any::<u64>()))
        .prop_map(|(t1, t2, t3)| Message::Sync(Sync { t1, t2, t3 }));
    let ack = (of(text()), of(any::<u64>()), of(any::<bool>()), of(text()), of(any::<u32>()));
    let ack = ack.prop_map(|(address, revision, locked, holder, correlation)| {
        Message::Ack(Ack { address, revision, locked, holder, correlation })
    });
    let error = (any::<u16>(), text(), of(text()), of(any::<u32>())).prop_map(
        |(code, message, address, correlation)| {
            Message::Error(ErrorMessage { code, message, address, correlation })
        },
    );
    let query = text().prop_map(|pattern| Message::Query(Query { pattern }));
    prop_oneof![sync.boxed(), ack.boxed(), error.boxed(), query.boxed()].boxed()
}

fn federation() -> BoxedStrategy<Message<'static>> {
    let op = select(FederationOp::ALL.to_vec());
    let patterns = prop::collection::vec(text(), 0..4);
    let revisions = prop::collection::vec((text(), any::<u64>()), 0..4);
    (op, patterns, revisions, of(any::<u64>()), of(text()))
        .prop_map(|(op, patterns, revisions, since, origin)| {
            Message::FederationSync(FederationSync { op, patterns, revisions, since, origin })
        })
        .boxed()
}

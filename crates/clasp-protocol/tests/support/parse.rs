//! Messages out of the JSON that the vectors are written in.

use clasp_protocol::message::*;
use clasp_protocol::{RawValue, Value};
use serde_json::Value as Json;

/// The message that a vector was made from.
pub(crate) fn parse(json: &Json) -> Message<'static> {
    let name = json["type"].as_str().unwrap();
    match MessageType::from_name(name).unwrap() {
        MessageType::Hello => Message::Hello(Hello {
            version: uint(&json["version"]),
            features: features(&json["features"]),
            name: text(&json["name"]),
            token: maybe(json, "token", text),
        }),
        MessageType::Welcome => Message::Welcome(Welcome {
            version: uint(&json["version"]),
            features: features(&json["features"]),
            time: uint(&json["time"]),
            session: text(&json["session"]),
            name: text(&json["name"]),
            token: maybe(json, "token", text),
        }),
        MessageType::Announce => Message::Announce(Announce {
            namespace: text(&json["namespace"]),
            signals: list(&json["signals"], signal),
            meta: maybe(json, "meta", |meta| raw(&map(meta))),
        }),
        MessageType::FederationSync => Message::FederationSync(FederationSync {
            op: FederationOp::ALL.into_iter().find(|op| json["op"] == op.name()).unwrap(),
            patterns: list(&json["patterns"], text),
            revisions: list(&json["revisions"], |pair| (text(&pair[0]), uint(&pair[1]))),
            since: maybe(json, "since_revision", uint),
            origin: maybe(json, "origin", text),
        }),
        MessageType::Subscribe => Message::Subscribe(Subscribe {
            id: uint(&json["id"]),
            pattern: text(&json["pattern"]),
            types: types(&json["types"]),
            options: maybe(json, "options", |options| SubscribeOptions {
                max_rate: maybe(options, "max_rate", uint),
                epsilon: maybe(options, "epsilon", float),
                history: maybe(options, "history", uint),
                window: maybe(options, "window", uint),
            }),
        }),
        MessageType::Publish => Message::Publish(publish(json)),
        MessageType::Replay => Message::Replay(Replay {
            pattern: text(&json["pattern"]),
            from: maybe(json, "from", uint),
            to: maybe(json, "to", uint),
            limit: maybe(json, "limit", uint),
            types: types(&json["types"]),
        }),
        MessageType::Bundle => Message::Bundle(Bundle {
            timestamp: maybe(json, "timestamp", uint),
            parts: list(&json["messages"], |message| Part::from(parse(message))),
        }),
        MessageType::Ping => Message::Ping,
        MessageType::Pong => Message::Pong,
        kind => small(kind, json),
    }
}

fn small(kind: MessageType, json: &Json) -> Message<'static> {
    match kind {
        MessageType::Unsubscribe => Message::Unsubscribe(Unsubscribe { id: uint(&json["id"]) }),
        MessageType::Set => Message::Set(Set {
            address: text(&json["address"]),
            value: raw(&value(&json["value"])),
            revision: maybe(json, "revision", uint),
            lock: json["lock"].as_bool().unwrap(),
            unlock: json["unlock"].as_bool().unwrap(),
            ttl: maybe(json, "ttl", |ttl| match ttl["mode"].as_str().unwrap() {
                "never" => Ttl::Never,
                "sliding" => Ttl::Sliding(uint(&ttl["seconds"])),
                "absolute" => Ttl::Absolute(uint(&ttl["seconds"])),
                other => panic!("TTL mode {other}"),
            }),
        }),
        MessageType::Get => Message::Get(Get { address: text(&json["address"]) }),
        MessageType::Snapshot => {
            Message::Snapshot(Snapshot { params: list(&json["params"], param) })
        }
        MessageType::Sync => Message::Sync(Sync {
            t1: uint(&json["t1"]),
            t2: maybe(json, "t2", uint),
            t3: maybe(json, "t3", uint),
        }),
        MessageType::Ack => Message::Ack(Ack {
            address: maybe(json, "address", text),
            revision: maybe(json, "revision", uint),
            locked: maybe(json, "locked", |locked| locked.as_bool().unwrap()),
            holder: maybe(json, "holder", text),
            correlation: maybe(json, "correlation_id", uint),
        }),
        MessageType::Error => Message::Error(ErrorMessage {
            code: uint(&json["code"]),
            message: text(&json["message"]),
            address: maybe(json, "address", text),
            correlation: maybe(json, "correlation_id", uint),
        }),
        MessageType::Query => Message::Query(Query { pattern: text(&json["pattern"]) }),
        MessageType::Result => {
            Message::Result(ResultMessage { signals: list(&json["signals"], signal) })
        }
        other => panic!("{other:?} is parsed elsewhere"),
    }
}

fn publish(json: &Json) -> Publish<'static> {
    let name = |json: &Json| json.as_str().unwrap().to_owned();
    let samples = |json: &Json| Samples::new(&list(json, float));
    Publish {
        address: text(&json["address"]),
        signal: maybe(json, "signal", |json| SignalType::from_name(&name(json)).unwrap()),
        value: maybe(json, "value", |json| raw(&value(json))),
        payload: maybe(json, "payload", |json| raw(&value(json))),
        samples: maybe(json, "samples", samples),
        rate: maybe(json, "rate", uint),
        id: maybe(json, "id", uint),
        phase: maybe(json, "phase", |json| Phase::from_name(&name(json)).unwrap()),
        timestamp: maybe(json, "timestamp", uint),
        timeline: maybe(json, "timeline", |timeline| {
            Box::new(Timeline {
                keyframes: list(&timeline["keyframes"], |keyframe| Keyframe {
                    time: uint(&keyframe["time"]),
                    value: raw(&value(&keyframe["value"])),
                    easing: Easing::from_name(&name(&keyframe["easing"])).unwrap(),
                    bezier: maybe(keyframe, "bezier", |bezier| {
                        list(bezier, float).try_into().unwrap()
                    }),
                }),
                looped: timeline["loop_"].as_bool().unwrap(),
                start_time: maybe(timeline, "start_time", uint),
                duration: maybe(timeline, "duration", uint),
            })
        }),
    }
}

fn signal(json: &Json) -> SignalInfo<'static> {
    let kind = json["signal_type"].as_str().unwrap();
    SignalInfo {
        address: text(&json["address"]),
        signal: SignalType::from_name(kind).unwrap(),
        datatype: maybe(json, "datatype", text),
        access: maybe(json, "access", text),
        meta: maybe(json, "meta", |meta| SignalMeta {
            unit: maybe(meta, "unit", text),
            range: maybe(meta, "range", |range| (float(&range[0]), float(&range[1]))),
            default: maybe(meta, "default", |json| raw(&value(json))),
            description: maybe(meta, "description", text),
        }),
    }
}

fn param(json: &Json) -> ParamEntry<'static> {
    ParamEntry {
        address: text(&json["address"]),
        value: raw(&value(&json["value"])),
        revision: uint(&json["revision"]),
        writer: maybe(json, "writer", text),
        timestamp: maybe(json, "timestamp", uint),
    }
}

fn maybe<T>(json: &Json, field: &str, parse: impl FnOnce(&Json) -> T) -> Option<T> {
    json.get(field).map(parse)
}

fn list<T>(json: &Json, parse: impl FnMut(&Json) -> T) -> Vec<T> {
    json.as_array().map_or(&[][..], Vec::as_slice).iter().map(parse).collect()
}

fn text(json: &Json) -> Text<'static> {
    json.as_str().unwrap().to_owned().into()
}

/// Numbers above 2^53 are written as strings.
fn uint<T: TryFrom<u64>>(json: &Json) -> T {
    let wide = json.as_u64().unwrap_or_else(|| json.as_str().unwrap().parse().unwrap());
    T::try_from(wide).ok().unwrap()
}

fn float(json: &Json) -> f64 {
    match json.as_str() {
        Some("NaN") => f64::NAN,
        Some("Infinity") => f64::INFINITY,
        Some("-Infinity") => f64::NEG_INFINITY,
        _ => json.as_f64().unwrap(),
    }
}

fn features(json: &Json) -> Features {
    Features(
        list(json, |name| Features::bit(name.as_str().unwrap()))
            .into_iter()
            .fold(0, |all, bit| all | bit),
    )
}

fn types(json: &Json) -> u8 {
    let bit = |name: &Json| 1 << SignalType::from_name(name.as_str().unwrap()).unwrap() as u8;
    match list(json, bit).as_slice() {
        [] => 0xFF,
        bits => bits.iter().fold(0, |mask, bit| mask | bit),
    }
}

fn raw(value: &Value) -> RawValue<'static> {
    RawValue::try_from(value).unwrap()
}

fn value(json: &Json) -> Value {
    let inner = &json["v"];
    match json["t"].as_str().unwrap() {
        "null" => Value::Null,
        "bool" => Value::Bool(inner.as_bool().unwrap()),
        "int" => {
            Value::Int(inner.as_i64().unwrap_or_else(|| inner.as_str().unwrap().parse().unwrap()))
        }
        "float" => Value::Float(match json["bits"].as_str() {
            Some(bits) => f64::from_bits(u64::from_str_radix(bits, 16).unwrap()),
            None => float(inner),
        }),
        "string" => Value::String(inner.as_str().unwrap().to_owned()),
        "bytes" => Value::Bytes(super::hex::unhex(inner.as_str().unwrap())),
        "array" => Value::Array(list(inner, value)),
        "map" => map(inner),
        other => panic!("value type {other}"),
    }
}

fn map(entries: &Json) -> Value {
    Value::Map(list(entries, |entry| (entry[0].as_str().unwrap().to_owned(), value(&entry[1]))))
}

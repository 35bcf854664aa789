//! Messages as the JSON that the vectors are written in, and that JSON in one canonical form.

use clasp_protocol::message::*;
use clasp_protocol::{RawValue, Value};
use serde_json::{Map, Value as Json, json};

const EXACT_MAX: u64 = 1 << 53;

/// A message in the words of the vectors, canonical.
pub(crate) fn view(message: &Message<'_>) -> Json {
    let mut view = raw_view(message);
    canonical(&mut view);
    view
}

fn raw_view(message: &Message<'_>) -> Json {
    let mut fields = Fields::new();
    fields.put("type", message.kind().name());
    match message {
        Message::Hello(hello) => {
            fields.put("version", hello.version);
            fields.put("name", &*hello.name);
            fields.put("features", hello.features.names().collect::<Vec<_>>());
            fields.maybe("token", hello.token.as_deref());
        }
        Message::Welcome(welcome) => {
            fields.put("version", welcome.version);
            fields.put("session", &*welcome.session);
            fields.put("name", &*welcome.name);
            fields.put("features", welcome.features.names().collect::<Vec<_>>());
            fields.put("time", exact(welcome.time));
            fields.maybe("token", welcome.token.as_deref());
        }
        Message::Announce(announce) => {
            fields.put("namespace", &*announce.namespace);
            fields.put("signals", announce.signals.iter().map(signal).collect::<Vec<_>>());
            fields.maybe("meta", announce.meta.as_ref().map(|meta| value(meta)["v"].clone()));
        }
        Message::Subscribe(_) | Message::Publish(_) | Message::Set(_) => {
            in_flight(message, &mut fields);
        }
        Message::Unsubscribe(unsubscribe) => fields.put("id", unsubscribe.id),
        Message::Get(get) => fields.put("address", &*get.address),
        Message::Snapshot(snapshot) => {
            fields.put("params", snapshot.params.iter().map(param).collect::<Vec<_>>());
        }
        Message::Replay(replay) => {
            fields.put("pattern", &*replay.pattern);
            fields.maybe("from", replay.from.map(exact));
            fields.maybe("to", replay.to.map(exact));
            fields.maybe("limit", replay.limit);
            fields.put("types", types(replay.types));
        }
        Message::Bundle(bundle) => {
            fields.maybe("timestamp", bundle.timestamp.map(exact));
            let messages = bundle.parts.iter().map(|part| raw_view(&part.message));
            fields.put("messages", messages.collect::<Vec<_>>());
        }
        Message::Ping | Message::Pong => {}
        _ => control(message, &mut fields),
    }
    Json::Object(fields.0)
}

fn in_flight(message: &Message<'_>, fields: &mut Fields) {
    match message {
        Message::Subscribe(subscribe) => {
            fields.put("id", subscribe.id);
            fields.put("pattern", &*subscribe.pattern);
            fields.put("types", types(subscribe.types));
            fields.maybe(
                "options",
                subscribe.options.map(|options| {
                    let mut fields = Fields::new();
                    fields.maybe("max_rate", options.max_rate);
                    fields.maybe("epsilon", options.epsilon);
                    fields.maybe("history", options.history);
                    fields.maybe("window", options.window);
                    Json::Object(fields.0)
                }),
            );
        }
        Message::Publish(publish) => {
            fields.put("address", &*publish.address);
            fields.maybe("signal", publish.signal.map(SignalType::name));
            fields.maybe("value", publish.value.as_ref().map(value));
            fields.maybe("payload", publish.payload.as_ref().map(value));
            let samples = publish.samples.as_ref();
            fields.maybe(
                "samples",
                samples.map(|samples| samples.iter().map(float).collect::<Vec<_>>()),
            );
            fields.maybe("rate", publish.rate);
            fields.maybe("id", publish.id);
            fields.maybe("phase", publish.phase.map(Phase::name));
            fields.maybe("timestamp", publish.timestamp.map(exact));
            fields.maybe("timeline", publish.timeline.as_deref().map(timeline));
        }
        Message::Set(set) => {
            fields.put("address", &*set.address);
            fields.put("value", value(&set.value));
            fields.maybe("revision", set.revision.map(exact));
            fields.put("lock", set.lock);
            fields.put("unlock", set.unlock);
            fields.maybe(
                "ttl",
                set.ttl.map(|ttl| match ttl {
                    Ttl::Never => json!({"mode": "never"}),
                    Ttl::Sliding(seconds) => json!({"mode": "sliding", "seconds": seconds}),
                    Ttl::Absolute(seconds) => json!({"mode": "absolute", "seconds": seconds}),
                }),
            );
        }
        _ => unreachable!("the caller chooses"),
    }
}

fn control(message: &Message<'_>, fields: &mut Fields) {
    match message {
        Message::FederationSync(sync) => {
            fields.put("op", sync.op.name());
            fields.put("patterns", sync.patterns.iter().map(|text| &**text).collect::<Vec<_>>());
            let pair = |(address, revision): &(Text<'_>, u64)| json!([address, exact(*revision)]);
            fields.put("revisions", sync.revisions.iter().map(pair).collect::<Vec<_>>());
            fields.maybe("since_revision", sync.since.map(exact));
            fields.maybe("origin", sync.origin.as_deref());
        }
        Message::Sync(sync) => {
            fields.put("t1", exact(sync.t1));
            fields.maybe("t2", sync.t2.map(exact));
            fields.maybe("t3", sync.t3.map(exact));
        }
        Message::Ack(ack) => {
            fields.maybe("address", ack.address.as_deref());
            fields.maybe("revision", ack.revision.map(exact));
            fields.maybe("locked", ack.locked);
            fields.maybe("holder", ack.holder.as_deref());
            fields.maybe("correlation_id", ack.correlation);
        }
        Message::Error(error) => {
            fields.put("code", error.code);
            fields.put("message", &*error.message);
            fields.maybe("address", error.address.as_deref());
            fields.maybe("correlation_id", error.correlation);
        }
        Message::Query(query) => fields.put("pattern", &*query.pattern),
        Message::Result(result) => {
            fields.put("signals", result.signals.iter().map(signal).collect::<Vec<_>>());
        }
        other => unreachable!("{other:?} has its own view"),
    }
}

struct Fields(Map<String, Json>);

impl Fields {
    fn new() -> Fields {
        Fields(Map::new())
    }

    fn put(&mut self, name: &str, value: impl Into<Json>) {
        self.0.insert(name.to_owned(), value.into());
    }

    fn maybe(&mut self, name: &str, value: Option<impl Into<Json>>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }
}

fn exact(number: u64) -> Json {
    if number > EXACT_MAX { json!(number.to_string()) } else { json!(number) }
}

fn exact_signed(number: i64) -> Json {
    if number.unsigned_abs() > EXACT_MAX { json!(number.to_string()) } else { json!(number) }
}

fn float(number: f64) -> Json {
    if number.is_finite() { json!(number) } else { json!(format!("{number}")) }
}

fn types(byte: u8) -> Vec<&'static str> {
    if byte == 0xFF {
        return Vec::new();
    }
    SignalType::ALL
        .into_iter()
        .filter(|kind| byte >> *kind as u8 & 1 == 1)
        .map(SignalType::name)
        .collect()
}

fn signal(signal: &SignalInfo<'_>) -> Json {
    let mut fields = Fields::new();
    fields.put("address", &*signal.address);
    fields.put("signal_type", signal.signal.name());
    fields.maybe("datatype", signal.datatype.as_deref());
    fields.maybe("access", signal.access.as_deref());
    fields.maybe(
        "meta",
        signal.meta.as_ref().map(|meta| {
            let mut fields = Fields::new();
            fields.maybe("unit", meta.unit.as_deref());
            fields.maybe("range", meta.range.map(|(low, high)| vec![float(low), float(high)]));
            fields.maybe("default", meta.default.as_ref().map(value));
            fields.maybe("description", meta.description.as_deref());
            Json::Object(fields.0)
        }),
    );
    Json::Object(fields.0)
}

fn param(entry: &ParamEntry<'_>) -> Json {
    let mut fields = Fields::new();
    fields.put("address", &*entry.address);
    fields.put("value", value(&entry.value));
    fields.put("revision", exact(entry.revision));
    fields.maybe("writer", entry.writer.as_deref());
    fields.maybe("timestamp", entry.timestamp.map(exact));
    Json::Object(fields.0)
}

fn timeline(timeline: &Timeline<'_>) -> Json {
    let keyframe = |keyframe: &Keyframe<'_>| {
        let mut fields = Fields::new();
        fields.put("time", exact(keyframe.time));
        fields.put("value", value(&keyframe.value));
        fields.put("easing", keyframe.easing.name());
        fields.maybe("bezier", keyframe.bezier.map(|points| points.map(float).to_vec()));
        Json::Object(fields.0)
    };
    let mut fields = Fields::new();
    fields.put("keyframes", timeline.keyframes.iter().map(keyframe).collect::<Vec<_>>());
    fields.put("loop_", timeline.looped);
    fields.maybe("start_time", timeline.start_time.map(exact));
    fields.maybe("duration", timeline.duration.map(exact));
    Json::Object(fields.0)
}

fn value(value: &RawValue<'_>) -> Json {
    tree(&value.to_value())
}

fn tree(value: &Value) -> Json {
    match value {
        Value::Null => json!({"t": "null"}),
        Value::Bool(truth) => json!({"t": "bool", "v": truth}),
        Value::Int(int) => json!({"t": "int", "v": exact_signed(*int)}),
        Value::Float(number) => json!({"t": "float", "v": float(*number)}),
        Value::String(text) => json!({"t": "string", "v": text}),
        Value::Bytes(bytes) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            json!({"t": "bytes", "v": hex})
        }
        Value::Array(items) => {
            json!({"t": "array", "v": items.iter().map(tree).collect::<Vec<_>>()})
        }
        Value::Map(entries) => {
            let entries = entries.iter().map(|(key, value)| json!([key, tree(value)]));
            json!({"t": "map", "v": entries.collect::<Vec<_>>()})
        }
    }
}

/// Irons out what carries no meaning: the order of map entries, features and revisions, the
/// spelling of floats, fields that our messages do not have, and the token that is empty.
pub(crate) fn canonical(json: &mut Json) {
    match json {
        Json::Array(items) => items.iter_mut().for_each(canonical),
        Json::Object(fields) => {
            fields.values_mut().for_each(canonical);
            canonical_fields(fields);
        }
        _ => {}
    }
}

fn canonical_fields(fields: &mut Map<String, Json>) {
    fields.remove("capabilities");
    fields.remove("bits");
    fields.retain(|name, value| name != "token" || value != "");
    if fields.get("t") == Some(&json!("float")) {
        fields.entry("v").and_modify(number);
    }
    if fields.get("t") == Some(&json!("map")) {
        fields.entry("v").and_modify(sort_by_key);
    }
    for (name, value) in fields.iter_mut() {
        match (name.as_str(), value) {
            ("epsilon", value) => number(value),
            ("samples" | "range" | "bezier", Json::Array(items)) => {
                items.iter_mut().for_each(number);
            }
            ("revisions" | "meta", value @ Json::Array(_)) => sort_by_key(value),
            ("features", Json::Array(names)) => {
                let bits =
                    names.iter().fold(0, |bits, name| bits | Features::bit(name.as_str().unwrap()));
                *names = Features(bits).names().map(Json::from).collect();
            }
            _ => {}
        }
    }
}

/// Vectors spell some floats as texts; JSON has no other way for those that are not finite.
fn number(json: &mut Json) {
    let number = match json.as_str() {
        Some(text) => text.parse().unwrap(),
        None => json.as_f64().unwrap(),
    };
    *json = float(number);
}

/// Of duplicate keys the last one counts.
fn sort_by_key(json: &mut Json) {
    let entries = json.as_array_mut().unwrap();
    entries.reverse();
    entries.sort_by(|one, other| one[0].as_str().cmp(&other[0].as_str()));
    entries.dedup_by(|later, earlier| later[0] == earlier[0]);
}

//! Frames as lines of text.

use std::fmt::Write;

use clasp_protocol::message::{Ack, ParamEntry, Publish, Set, Snapshot, Ttl};
use clasp_protocol::{Frame, Message, RawValue, Value, codec};

/// A frame as one line.
pub(crate) fn line(frame: &[u8]) -> String {
    let frame = Frame::parse(frame).expect("a whole frame");
    let message = codec::decode(frame.payload).expect("a message that can be decoded");
    message_line(&message)
}

fn message_line(message: &Message<'_>) -> String {
    match message {
        Message::Set(set) => set_line(set),
        Message::Publish(publish) => publish_line(publish),
        Message::Snapshot(snapshot) => snapshot_line(snapshot),
        Message::Ack(ack) => ack_line(ack),
        Message::Error(error) => {
            let mut line = format!("ERROR {}", error.code);
            put(&mut line, " ", error.address.as_deref());
            line
        }
        Message::Result(result) => {
            let signals = result.signals.iter();
            let signals = signals.map(|info| format!("{}:{}", info.address, info.signal.name()));
            format!("RESULT {}", signals.collect::<Vec<_>>().join(" ")).trim_end().to_owned()
        }
        Message::Sync(sync) => format!("SYNC {} {:?} {:?}", sync.t1, sync.t2, sync.t3),
        other => other.kind().name().to_owned(),
    }
}

fn set_line(set: &Set<'_>) -> String {
    let mut line = format!("SET {} {}", set.address, value_text(&set.value));
    put(&mut line, " rev=", set.revision);
    line.push_str(if set.lock { " lock" } else { "" });
    line.push_str(if set.unlock { " unlock" } else { "" });
    put(&mut line, " ttl=", set.ttl.map(ttl_text));
    line
}

fn ttl_text(ttl: Ttl) -> String {
    match ttl {
        Ttl::Never => "never".to_owned(),
        Ttl::Sliding(seconds) => format!("sliding:{seconds}"),
        Ttl::Absolute(seconds) => format!("absolute:{seconds}"),
    }
}

fn publish_line(publish: &Publish<'_>) -> String {
    let signal = publish.signal.map_or("?", |signal| signal.name());
    let mut line = format!("PUBLISH {signal} {}", publish.address);
    if signal == "gesture" {
        put(&mut line, " ", publish.phase.map(|phase| phase.name()));
        put(&mut line, "#", publish.id);
    }
    put(&mut line, " ", publish.value.as_ref().map(value_text));
    if let Some(samples) = &publish.samples {
        write!(line, " samples={:?}", samples.iter().collect::<Vec<_>>()).expect("text");
    }
    put(&mut line, " rate=", publish.rate);
    put(&mut line, " at=", publish.timestamp);
    line
}

fn snapshot_line(snapshot: &Snapshot<'_>) -> String {
    if snapshot.params.is_empty() {
        return "SNAPSHOT nothing".to_owned();
    }
    let mut params: Vec<String> = snapshot.params.iter().map(entry_text).collect();
    params.sort_unstable();
    format!("SNAPSHOT {}", params.join(" "))
}

fn entry_text(entry: &ParamEntry<'_>) -> String {
    format!("{}={}@{}", entry.address, value_text(&entry.value), entry.revision)
}

fn ack_line(ack: &Ack<'_>) -> String {
    let mut line = "ACK".to_owned();
    put(&mut line, " ", ack.address.as_deref());
    put(&mut line, " rev=", ack.revision);
    put(&mut line, " locked=", ack.locked);
    put(&mut line, " holder=", ack.holder.as_deref());
    line
}

fn put(line: &mut String, before: &str, part: Option<impl std::fmt::Display>) {
    if let Some(part) = part {
        write!(line, "{before}{part}").expect("text");
    }
}

/// A value in a short form: null, true, 1, 1.5, "text", 0x0102, [1, 2], {a: 1}.
pub(crate) fn value_text(value: &RawValue<'_>) -> String {
    tree_text(&value.to_value())
}

fn tree_text(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Int(int) => int.to_string(),
        Value::Float(float) => format!("{float:?}"),
        Value::String(text) if text.len() > 40 => format!("text of {} bytes", text.len()),
        Value::String(text) => format!("{text:?}"),
        Value::Bytes(bytes) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("0x{hex}")
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(tree_text).collect::<Vec<_>>().join(", "))
        }
        Value::Map(entries) => {
            let entries = entries.iter().map(|(key, value)| format!("{key}: {}", tree_text(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

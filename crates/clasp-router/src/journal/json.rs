//! Entries as JSON, for people and other programs (relay.md 15.6); values as `clasp_json` does it.

use clasp_json::to_json;
use clasp_protocol::message::Ttl;
use clasp_protocol::{Message, codec};
use serde_json::{Value as Json, json};

use super::{DeleteReason, Record, Stored};

/// An entry: `seq`, `timestamp` (microseconds since 1970-01-01 UTC), `author`, `address`,
/// `signal_type`, `value`, `revision`, `msg_type`, `op`, and where they apply `group` and `ttl`.
pub fn entry(stored: &Stored<'_>) -> Json {
    let entry = &stored.entry;
    let (op, msg_type, revision) = match &entry.record {
        Record::Set { revision, .. } => ("set", Some(33), Some(*revision)),
        Record::Publish { .. } => ("publish", Some(32), None),
        Record::Delete { revision, reason } => match reason {
            DeleteReason::Expired => ("expired", None, Some(*revision)),
            DeleteReason::Evicted => ("evicted", None, Some(*revision)),
        },
    };
    let mut line = json!({
        "seq": stored.sequence,
        "timestamp": entry.timestamp_us,
        "author": entry.author,
        "address": entry.address,
        "signal_type": entry.record.signal().name(),
        "value": recorded(&entry.record),
        "revision": revision,
        "msg_type": msg_type,
        "op": op,
    });
    if let Some(group) = stored.group {
        line["group"] = group.into();
    }
    if let Record::Set { ttl: Some(ttl), .. } = &entry.record {
        line["ttl"] = match ttl {
            Ttl::Never => json!("never"),
            Ttl::Sliding(seconds) => json!({ "sliding": seconds }),
            Ttl::Absolute(seconds) => json!({ "absolute": seconds }),
        };
    }
    line
}

/// The value of a SET; of a PUBLISH its value, payload or samples.
fn recorded(record: &Record<'_>) -> Json {
    match record {
        Record::Set { value: raw, .. } => to_json(&raw.to_value()),
        Record::Delete { .. } => Json::Null,
        Record::Publish { payload, .. } => match codec::decode(payload) {
            Ok(Message::Publish(publish)) => {
                let samples = || publish.samples.as_ref().map(|samples| samples.iter().collect());
                let raw = publish.value.as_ref().or(publish.payload.as_ref());
                raw.map(|raw| to_json(&raw.to_value())).or_else(samples).unwrap_or_default()
            }
            _ => Json::Null,
        },
    }
}

//! Keyframes as an ordinary value, since the binary PUBLISH has no field for them
//! (routing.md 6.4, wire.md section 14).

use clasp_protocol::message::{Keyframe, Timeline};
use clasp_protocol::{RawValue, Value};

/// The map {keyframes, loop, startTime, duration}; `None` if it does not fit a frame.
pub(crate) fn to_value(timeline: &Timeline<'_>) -> Option<RawValue<'static>> {
    let mut map = vec![
        entry("keyframes", Value::Array(timeline.keyframes.iter().map(keyframe).collect())),
        entry("loop", Value::Bool(timeline.looped)),
    ];
    map.extend(timeline.start_time.map(|time| entry("startTime", Value::Int(time as i64))));
    map.extend(timeline.duration.map(|time| entry("duration", Value::Int(time as i64))));
    RawValue::try_from(&Value::Map(map)).ok()
}

fn keyframe(keyframe: &Keyframe<'_>) -> Value {
    let mut map = vec![
        entry("time", Value::Int(keyframe.time as i64)),
        entry("value", keyframe.value.to_value()),
        entry("easing", Value::String(keyframe.easing.name().to_owned())),
    ];
    if let Some(bezier) = keyframe.bezier {
        map.push(entry("bezier", Value::Array(bezier.map(Value::Float).to_vec())));
    }
    Value::Map(map)
}

fn entry(key: &str, value: Value) -> (String, Value) {
    (key.to_owned(), value)
}

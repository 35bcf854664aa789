//! Values from the JSON of the reference implementation.

use clasp_protocol::Value;
use serde_json::Value as Json;

/// A value as the reference implementation wrote it. Integers beyond 64 bits become floats.
pub(crate) fn from_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) => match number.as_i64() {
            Some(int) => Value::Int(int),
            None => Value::Float(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Value::String(text.clone()),
        Json::Array(items) => Value::Array(items.iter().map(from_json).collect()),
        Json::Object(members) => {
            let entry = |(key, json): (&String, &Json)| (key.clone(), from_json(json));
            Value::Map(members.iter().map(entry).collect())
        }
    }
}

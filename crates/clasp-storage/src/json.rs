//! Values as JSON and back. JSON is poorer: bytes go out as `{"$bytes": base64}`, and numbers that
//! are not finite as null.

use clasp_protocol::Value;
use data_encoding::BASE64;
use serde_json::{Map, Number, Value as Json};

/// A value for people and other programs; the way back may not lead to the same value.
pub(crate) fn to_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(truth) => Json::Bool(*truth),
        Value::Int(int) => (*int).into(),
        Value::Float(float) => Number::from_f64(*float).map_or(Json::Null, Json::Number),
        Value::String(text) => text.as_str().into(),
        Value::Bytes(bytes) => {
            Json::Object(Map::from_iter([("$bytes".to_owned(), BASE64.encode(bytes).into())]))
        }
        Value::Array(items) => items.iter().map(to_json).collect(),
        Value::Map(entries) => {
            let member = |(key, value): &(String, Value)| (key.clone(), to_json(value));
            Json::Object(entries.iter().map(member).collect())
        }
    }
}

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

//! CLASP values as JSON and back (adapters.md 0.1): one rule for every door that speaks JSON.
//!
//! JSON is poorer than the wire: bytes become `{"$bytes": base64}`, numbers that are not finite
//! null. Everything else comes back as it was.

use clasp_protocol::Value;
use data_encoding::BASE64;
use serde_json::{Map, Number, Value as Json};

/// The only key of an object that stands for bytes.
const BYTES_KEY: &str = "$bytes";

/// A value as JSON. Floats keep their fraction (`2.0`), so that they are floats when they come
/// back.
pub fn to_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(truth) => Json::Bool(*truth),
        Value::Int(int) => (*int).into(),
        Value::Float(float) => Number::from_f64(*float).map_or(Json::Null, Json::Number),
        Value::String(text) => text.as_str().into(),
        Value::Bytes(bytes) => {
            Json::Object(Map::from_iter([(BYTES_KEY.to_owned(), BASE64.encode(bytes).into())]))
        }
        Value::Array(items) => items.iter().map(to_json).collect(),
        Value::Map(entries) => {
            let member = |(key, item): &(String, Value)| (key.clone(), to_json(item));
            Json::Object(entries.iter().map(member).collect())
        }
    }
}

/// JSON as a value. Numbers without fraction that fit 64 bits with sign are ints, others floats.
pub fn from_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) => match number.as_i64() {
            Some(int) => Value::Int(int),
            None => Value::Float(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Value::String(text.clone()),
        Json::Array(items) => Value::Array(items.iter().map(from_json).collect()),
        Json::Object(members) => bytes(members).unwrap_or_else(|| {
            let entry = |(key, json): (&String, &Json)| (key.clone(), from_json(json));
            Value::Map(members.iter().map(entry).collect())
        }),
    }
}

/// What `{"$bytes": base64}` stands for.
fn bytes(members: &Map<String, Json>) -> Option<Value> {
    let text = members.get(BYTES_KEY).filter(|_| members.len() == 1)?.as_str()?;
    BASE64.decode(text.as_bytes()).ok().map(Value::Bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            prop::num::f64::NORMAL.prop_map(Value::Float),
            ".{0,8}".prop_map(Value::String),
            prop::collection::vec(any::<u8>(), 0..8).prop_map(Value::Bytes),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            let entry = ("[a-z]{1,4}", inner.clone());
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(Value::Array),
                prop::collection::hash_map(entry.0, entry.1, 0..4)
                    .prop_map(|map| Value::Map(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_value_comes_back_from_json_text_as_it_was(value in values()) {
            let text = to_json(&value).to_string();
            let back: Json = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(from_json(&back), value);
        }
    }

    #[test]
    fn a_whole_float_keeps_its_fraction() {
        assert_eq!(to_json(&Value::Float(2.0)).to_string(), "2.0");
        assert_eq!(from_json(&serde_json::json!(2.0)), Value::Float(2.0));
    }

    #[test]
    fn what_json_has_no_number_for_is_null() {
        assert_eq!(to_json(&Value::Float(f64::NAN)), Json::Null);
        assert_eq!(to_json(&Value::Float(f64::INFINITY)), Json::Null);
    }

    #[test]
    fn an_object_with_more_than_bytes_is_a_map() {
        let json = serde_json::json!({ "$bytes": "AAEC", "more": 1 });
        assert!(matches!(from_json(&json), Value::Map(_)));
        let json = serde_json::json!({ "$bytes": "no base64" });
        assert!(matches!(from_json(&json), Value::Map(_)));
    }

    #[test]
    fn an_integer_beyond_64_bits_is_a_float() {
        let json: Json = serde_json::from_str("12345678901234567890").unwrap();
        assert_eq!(from_json(&json), Value::Float(12_345_678_901_234_567_890.0));
    }
}

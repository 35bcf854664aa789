//! Values as OSC has them: type tags, arguments, packets.

use clasp_osc::{Format, to_arguments, type_tag};
use clasp_protocol::Value;
use rosc::{OscMessage, OscPacket};
use serde_json::Value as Json;

/// The type tags of a value as OSC clients get it by default. Booleans are `T` whatever their
/// value, since tags tell a param's type.
pub(crate) fn type_tags(value: &Value) -> String {
    type_tag(value, Format::default()).replace('F', "T")
}

/// The packet that tells a value at an OSC address.
pub(crate) fn packet(address: &str, value: &Value) -> Option<Vec<u8>> {
    let args = to_arguments(value, Format::default());
    let message = OscMessage { addr: address.to_owned(), args };
    rosc::encoder::encode(&OscPacket::Message(message)).ok()
}

/// VALUE of a node: an array with one item per type tag, at full precision. Bytes are base64.
pub(crate) fn values(value: &Value) -> Json {
    match value {
        Value::Array(items) if items.len() > 1 => items.iter().map(json).collect(),
        other => Json::Array(vec![json(other)]),
    }
}

fn json(value: &Value) -> Json {
    match value {
        Value::Bytes(_) => clasp_json::to_json(value)["$bytes"].take(),
        Value::Array(items) => items.iter().map(json).collect(),
        Value::Map(_) => Json::String(clasp_json::to_json(value).to_string()),
        plain => clasp_json::to_json(plain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::String(text.into())
    }

    #[test]
    fn each_value_has_its_tags_and_as_many_items() {
        let map = || Value::Map(vec![("a".into(), Value::Int(1))]);
        let nested = Value::Array(vec![Value::Int(1), Value::Array(vec![Value::Float(0.5)])]);
        let cases = [
            (Value::Null, "N", "[null]"),
            (Value::Bool(false), "T", "[false]"),
            (Value::Int(7), "i", "[7]"),
            (Value::Int(1 << 40), "h", "[1099511627776]"),
            (Value::Float(0.1), "f", "[0.1]"),
            (text("a"), "s", r#"["a"]"#),
            (Value::Bytes(vec![0, 1, 2]), "b", r#"["AAEC"]"#),
            (map(), "s", r#"["{\"a\":1}"]"#),
            (Value::Array(vec![Value::Int(1), text("b")]), "is", r#"[1,"b"]"#),
            (nested, "i[f]", "[1,[0.5]]"),
            (Value::Array(vec![Value::Int(1)]), "[i]", "[[1]]"),
            (Value::Array(Vec::new()), "[]", "[[]]"),
        ];
        for (value, tags, json) in cases {
            assert_eq!(type_tags(&value), tags, "{value:?}");
            assert_eq!(values(&value).to_string(), json);
        }
    }

    #[test]
    fn a_packet_is_what_osc_programs_read() {
        assert_eq!(packet("/a", &Value::Int(1)).unwrap(), b"/a\0\0,i\0\0\0\0\0\x01");
        assert_eq!(packet("/a", &Value::Bool(false)).unwrap(), b"/a\0\0,F\0\0");
        let float = packet("/a", &Value::Float(0.1)).unwrap();
        assert_eq!(float[8..], 0.1f32.to_be_bytes());
    }
}

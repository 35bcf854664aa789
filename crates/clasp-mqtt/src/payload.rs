//! Payloads to values and back (adapters.md 1.4).

use std::io::Write as _;

use clasp_protocol::value::Number;
use clasp_protocol::{RawValue, ValueKind};

use crate::packet::{Properties, Property};

/// How payloads are read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PayloadMode {
    /// JSON, else a number, else text, else bytes; strings are written without quotes.
    #[default]
    Auto,
    /// JSON only, strings with quotes.
    Json,
    /// Text only.
    Text,
    /// Bytes only.
    Bytes,
    /// Numbers only.
    Number,
}

/// What a payload is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadKind {
    /// JSON.
    Json,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
}

impl PayloadKind {
    /// Content type.
    pub fn content_type(self) -> &'static str {
        match self {
            PayloadKind::Json => "application/json",
            PayloadKind::Text => "text/plain",
            PayloadKind::Bytes => "application/octet-stream",
        }
    }

    /// Whether it is UTF-8.
    pub fn is_text(self) -> bool {
        self != PayloadKind::Bytes
    }
}

/// Why a payload is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// It is not what its properties or the rule of its topic say.
    #[error("the payload is not {0}")]
    Not(&'static str),
    /// It is longer than a value can be.
    #[error("the payload has more than the 65,535 bytes that a value can have")]
    TooLong,
}

/// The value of a payload.
///
/// # Errors
/// It does not fit the mode or the properties, or no value can hold it.
pub fn read(
    payload: &[u8],
    mode: PayloadMode,
    properties: Properties<'_>,
) -> Result<RawValue<'static>, PayloadError> {
    let mode = match mode {
        PayloadMode::Auto => told(properties),
        other => other,
    };
    let text = || std::str::from_utf8(payload);
    let said_utf8 = properties.number(Property::PayloadFormatIndicator) == Some(1);
    if said_utf8 && text().is_err() {
        return Err(PayloadError::Not("UTF-8, as its format indicator says"));
    }
    match mode {
        PayloadMode::Bytes => bytes(payload),
        PayloadMode::Text => text().map_err(|_| PayloadError::Not("UTF-8")).and_then(string),
        PayloadMode::Json => json(payload)?.ok_or(PayloadError::Not("JSON")),
        PayloadMode::Number => text().ok().and_then(number).ok_or(PayloadError::Not("a number")),
        PayloadMode::Auto => match text() {
            Ok(text) => guess(text),
            Err(_) => bytes(payload),
        },
    }
}

/// What the content type says.
fn told(properties: Properties<'_>) -> PayloadMode {
    if properties.is_empty() {
        return PayloadMode::Auto;
    }
    let content = properties.text(Property::ContentType).unwrap_or_default();
    match content.split(';').next().map(str::trim) {
        Some("application/json") => PayloadMode::Json,
        Some("text/plain") => PayloadMode::Text,
        Some("application/octet-stream") => PayloadMode::Bytes,
        _ => PayloadMode::Auto,
    }
}

fn guess(text: &str) -> Result<RawValue<'static>, PayloadError> {
    if let Some(number) = number(text) {
        return Ok(number);
    }
    // Only what begins like JSON is worth the parser's time.
    let begins = text.trim_ascii_start().as_bytes().first();
    if matches!(begins, Some(b'{' | b'[' | b'"' | b't' | b'f' | b'n'))
        && let Ok(Some(value)) = json(text.as_bytes())
    {
        return Ok(value);
    }
    string(text)
}

/// A number as people write it: no leading zeros, nothing that is not finite.
fn number(text: &str) -> Option<RawValue<'static>> {
    let text = text.trim_ascii();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    let padded = digits.len() > 1 && digits.starts_with('0');
    if padded && digits.as_bytes()[1].is_ascii_digit() {
        return None;
    }
    if !text.starts_with('+')
        && let Ok(int) = text.parse()
    {
        return Some(RawValue::int(int));
    }
    text.parse().ok().filter(|float: &f64| float.is_finite()).map(RawValue::float)
}

fn json(payload: &[u8]) -> Result<Option<RawValue<'static>>, PayloadError> {
    let Ok(json) = serde_json::from_slice(payload) else { return Ok(None) };
    let value = clasp_json::from_json(&json);
    RawValue::try_from(&value).map(Some).map_err(|_| PayloadError::TooLong)
}

fn string(text: &str) -> Result<RawValue<'static>, PayloadError> {
    RawValue::str(text).map_err(|_| PayloadError::TooLong)
}

fn bytes(payload: &[u8]) -> Result<RawValue<'static>, PayloadError> {
    RawValue::bytes(payload).map_err(|_| PayloadError::TooLong)
}

/// Appends the payload of a value; what it is.
pub fn write(value: &RawValue<'_>, mode: PayloadMode, out: &mut Vec<u8>) -> PayloadKind {
    if let (ValueKind::String, false) = (value.kind(), mode == PayloadMode::Json) {
        out.extend_from_slice(value.as_str().unwrap_or_default().as_bytes());
        return PayloadKind::Text;
    }
    if let (Some(bytes), false) = (value.as_bytes(), mode == PayloadMode::Json) {
        out.extend_from_slice(bytes);
        return PayloadKind::Bytes;
    }
    // Writing into a vector does not fail.
    let _ = match value.number() {
        Some(Number::Int(int)) => write!(out, "{int}"),
        _ => write!(out, "{}", clasp_json::to_json(&value.to_value())),
    };
    PayloadKind::Json
}

#[cfg(test)]
mod tests {
    use clasp_protocol::Value;

    use super::*;

    fn auto(payload: &[u8]) -> Value {
        read(payload, PayloadMode::Auto, Properties::default()).unwrap().to_value()
    }

    fn written(value: &Value, mode: PayloadMode) -> String {
        let mut out = Vec::new();
        write(&RawValue::try_from(value).unwrap(), mode, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_payload_is_guessed_as_people_mean_it() {
        let text = |text: &str| Value::String(text.into());
        for (payload, expected) in [
            ("42", Value::Int(42)),
            ("-7", Value::Int(-7)),
            ("21.5", Value::Float(21.5)),
            ("1e3", Value::Float(1000.0)),
            ("+5", Value::Float(5.0)),
            (".5", Value::Float(0.5)),
            ("0", Value::Int(0)),
            ("0.0", Value::Float(0.0)),
            ("007", text("007")),
            ("-01", text("-01")),
            ("NaN", text("NaN")),
            ("inf", text("inf")),
            ("1e999", text("1e999")),
            ("true", Value::Bool(true)),
            ("True", text("True")),
            ("null", Value::Null),
            ("\"q\"", text("q")),
            ("[1,2.0]", Value::Array(vec![Value::Int(1), Value::Float(2.0)])),
            ("{\"a\":1}", Value::Map(vec![("a".into(), Value::Int(1))])),
            ("{not json", text("{not json")),
            ("12345678901234567890", Value::Float(12_345_678_901_234_567_890.0)),
            ("", text("")),
            ("on", text("on")),
        ] {
            assert_eq!(auto(payload.as_bytes()), expected, "{payload}");
        }
        assert_eq!(auto(&[0xFF, 0]), Value::Bytes(vec![0xFF, 0]));
    }

    #[test]
    fn every_value_but_strings_that_look_like_others_comes_back() {
        for value in [
            Value::Null,
            Value::Bool(false),
            Value::Int(i64::MIN),
            Value::Float(2.0),
            Value::Float(0.1),
            Value::String("hello".into()),
            Value::Array(vec![Value::Bytes(vec![1, 2]), Value::Float(1.0)]),
            Value::Map(vec![("a".into(), Value::Null)]),
        ] {
            assert_eq!(auto(written(&value, PayloadMode::Auto).as_bytes()), value);
        }
        let number = Value::String("42".into());
        let json = written(&number, PayloadMode::Json);
        let back = read(json.as_bytes(), PayloadMode::Json, Properties::default()).unwrap();
        assert_eq!(back.to_value(), number);
    }

    #[test]
    fn a_mode_takes_nothing_else() {
        let none = Properties::default();
        assert!(read(b"{", PayloadMode::Json, none).is_err());
        assert!(read(b"on", PayloadMode::Number, none).is_err());
        assert!(read(&[0xFF], PayloadMode::Text, none).is_err());
        let text = read(b"42", PayloadMode::Text, none).unwrap();
        assert_eq!(text.as_str(), Some("42"));
        let bytes = read(b"42", PayloadMode::Bytes, none).unwrap();
        assert_eq!(bytes.as_bytes(), Some(&b"42"[..]));
        assert_eq!(read(&[b'a'; 65_536], PayloadMode::Auto, none), Err(PayloadError::TooLong));
    }

    #[test]
    fn nested_beyond_reason_is_text() {
        let deep = "[".repeat(30_000);
        assert_eq!(auto(deep.as_bytes()), Value::String(deep));
    }
}

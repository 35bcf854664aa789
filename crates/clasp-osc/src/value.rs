//! Arguments of OSC messages as CLASP values and back (spec: adapters.md 2.2, 2.3, 2.4.4).

use clasp_protocol::Value;
use rosc::{OscArray, OscColor, OscMidiMessage, OscType};
use serde::Deserialize;

use crate::time::TimeTag;

/// How values are written for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Format {
    /// Which floats it takes.
    pub floats: Floats,
    /// Whether it is sent ints as floats.
    pub ints_as_floats: bool,
    /// Whether arrays of four ints from 0 to 255 are colours.
    pub colors: bool,
    /// Whether messages are never put into bundles.
    pub single_messages: bool,
}

/// How floats are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Floats {
    /// `f`, rounded to 32 bits, since much gear knows nothing else; `d` only beyond its range.
    #[default]
    Single,
    /// `d`.
    Double,
    /// `f` if that is exact, else `d`.
    Exact,
}

impl Format {
    /// Changes what a word of `/clasp/format` stands for.
    ///
    /// # Errors
    /// There is no such word.
    pub fn apply(&mut self, word: &str) -> Result<(), String> {
        match word {
            "single" => self.floats = Floats::Single,
            "double" => self.floats = Floats::Double,
            "exact" => self.floats = Floats::Exact,
            "ints" => self.ints_as_floats = false,
            "ints-as-floats" => self.ints_as_floats = true,
            "colors" => self.colors = true,
            "arrays" => self.colors = false,
            "bundles" => self.single_messages = false,
            "messages" => self.single_messages = true,
            other => {
                return Err(format!(
                    "there is no format {other}; there are single, double, exact, ints, \
                     ints-as-floats, colors, arrays, bundles and messages"
                ));
            }
        }
        Ok(())
    }
}

/// The value of a message: none is null, one is itself, several are an array. `now_us` is what the
/// time tag "at once" stands for, microseconds since 1970-01-01 UTC.
pub fn from_arguments(arguments: Vec<OscType>, now_us: u64) -> Value {
    let mut values: Vec<Value> =
        arguments.into_iter().map(|argument| from_argument(argument, now_us)).collect();
    match values.len() {
        0 => Value::Null,
        1 => values.remove(0),
        _ => Value::Array(values),
    }
}

fn from_argument(argument: OscType, now_us: u64) -> Value {
    let bytes = |bytes: [u8; 4]| Value::Array(bytes.map(|byte| Value::Int(byte.into())).into());
    match argument {
        OscType::Int(int) => Value::Int(int.into()),
        OscType::Long(int) => Value::Int(int),
        OscType::Float(float) => Value::Float(float.into()),
        OscType::Double(float) => Value::Float(float),
        OscType::String(text) => Value::String(text),
        OscType::Char(character) => Value::String(character.into()),
        OscType::Blob(bytes) => Value::Bytes(bytes),
        OscType::Bool(truth) => Value::Bool(truth),
        OscType::Nil => Value::Null,
        OscType::Inf => Value::Float(f64::INFINITY),
        OscType::Time(time) => {
            match TimeTag(u64::from(time.seconds) << 32 | u64::from(time.fractional)) {
                TimeTag::IMMEDIATE => Value::Int(i64::try_from(now_us).unwrap_or(i64::MAX)),
                tag => Value::Int(tag.unix_us()),
            }
        }
        OscType::Color(OscColor { red, green, blue, alpha }) => bytes([red, green, blue, alpha]),
        OscType::Midi(OscMidiMessage { port, status, data1, data2 }) => {
            bytes([port, status, data1, data2])
        }
        // The decoder has bounded how deep this goes.
        OscType::Array(OscArray { content }) => {
            Value::Array(content.into_iter().map(|inner| from_argument(inner, now_us)).collect())
        }
    }
}

/// The arguments that stand for a value. An array of two or more is that many arguments, any other
/// one argument in brackets, so that it is an array again when it comes back.
pub fn to_arguments(value: &Value, format: Format) -> Vec<OscType> {
    match value {
        Value::Array(items) if items.len() > 1 && color(items, format).is_none() => {
            items.iter().map(|item| to_argument(item, format)).collect()
        }
        value => vec![to_argument(value, format)],
    }
}

fn to_argument(value: &Value, format: Format) -> OscType {
    match value {
        Value::Null => OscType::Nil,
        Value::Bool(truth) => OscType::Bool(*truth),
        Value::Int(int) if format.ints_as_floats => to_float(*int as f64, format.floats),
        Value::Int(int) => i32::try_from(*int).map_or(OscType::Long(*int), OscType::Int),
        Value::Float(float) => to_float(*float, format.floats),
        // An OSC string ends at its first NUL.
        Value::String(text) if text.contains('\0') => OscType::Blob(text.as_bytes().to_vec()),
        Value::String(text) => OscType::String(text.clone()),
        Value::Bytes(bytes) => OscType::Blob(bytes.clone()),
        Value::Array(items) => match color(items, format) {
            Some(color) => OscType::Color(color),
            None => {
                let content = items.iter().map(|item| to_argument(item, format)).collect();
                OscType::Array(OscArray { content })
            }
        },
        Value::Map(_) => OscType::String(clasp_json::to_json(value).to_string()),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "rounding is what the format asks for")]
fn to_float(float: f64, floats: Floats) -> OscType {
    let single = float as f32;
    let exact = f64::from(single) == float || float.is_nan();
    let fits = exact || single.is_finite();
    match floats {
        Floats::Single if fits => OscType::Float(single),
        Floats::Exact if exact => OscType::Float(single),
        Floats::Single | Floats::Exact | Floats::Double => OscType::Double(float),
    }
}

fn color(items: &[Value], format: Format) -> Option<OscColor> {
    let [red, green, blue, alpha] = items else { return None };
    let byte = |item: &Value| match item {
        Value::Int(int) if format.colors => u8::try_from(*int).ok(),
        _ => None,
    };
    Some(OscColor { red: byte(red)?, green: byte(green)?, blue: byte(blue)?, alpha: byte(alpha)? })
}

/// The type tags of the arguments that stand for a value, without the comma: `f`, `ii`, `[sN]`.
pub fn type_tag(value: &Value, format: Format) -> String {
    let mut tags = String::new();
    to_arguments(value, format).iter().for_each(|argument| tag(argument, &mut tags));
    tags
}

fn tag(argument: &OscType, tags: &mut String) {
    let own = match argument {
        OscType::Int(_) => 'i',
        OscType::Float(_) => 'f',
        OscType::String(_) => 's',
        OscType::Blob(_) => 'b',
        OscType::Time(_) => 't',
        OscType::Long(_) => 'h',
        OscType::Double(_) => 'd',
        OscType::Char(_) => 'c',
        OscType::Color(_) => 'r',
        OscType::Midi(_) => 'm',
        OscType::Bool(true) => 'T',
        OscType::Bool(false) => 'F',
        OscType::Nil => 'N',
        OscType::Inf => 'I',
        OscType::Array(OscArray { content }) => {
            tags.push('[');
            content.iter().for_each(|inner| tag(inner, tags));
            ']'
        }
    };
    tags.push(own);
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Format = Format {
        floats: Floats::Single,
        ints_as_floats: false,
        colors: false,
        single_messages: false,
    };
    const EXACT: Format = Format { floats: Floats::Exact, ..PLAIN };

    fn back(value: &Value, format: Format) -> Value {
        from_arguments(to_arguments(value, format), 0)
    }

    #[test]
    fn values_that_osc_has_come_back_as_they_were() {
        let array = |items: &[Value]| Value::Array(items.to_vec());
        let one = Value::Int(1);
        for value in [
            Value::Null,
            Value::Bool(true),
            Value::Int(i64::MIN),
            Value::Int(-7),
            Value::Float(0.1),
            Value::Float(0.5),
            Value::Float(1e300),
            Value::Float(f64::NEG_INFINITY),
            Value::String("Grüße".into()),
            Value::Bytes(vec![0, 1, 255]),
            array(&[]),
            array(std::slice::from_ref(&one)),
            array(&[one.clone(), Value::Float(2.0)]),
            array(&[array(&[one.clone(), one.clone()])]),
            array(&[array(&[]), array(&[array(&[one])]), Value::Null]),
        ] {
            assert_eq!(back(&value, EXACT), value);
        }
    }

    #[test]
    fn floats_are_single_unless_the_client_takes_doubles_or_they_are_out_of_range() {
        let tags = |float: f64, floats| type_tag(&Value::Float(float), Format { floats, ..PLAIN });
        let kinds = [Floats::Single, Floats::Double, Floats::Exact];
        assert_eq!(kinds.map(|floats| tags(0.1, floats)), ["f", "d", "d"]);
        assert_eq!(kinds.map(|floats| tags(0.5, floats)), ["f", "d", "f"]);
        assert_eq!(kinds.map(|floats| tags(1e300, floats)), ["d", "d", "d"]);
        assert_eq!(kinds.map(|floats| tags(f64::INFINITY, floats)), ["f", "d", "f"]);
        assert_eq!(kinds.map(|floats| tags(f64::NAN, floats)), ["f", "d", "f"]);
    }

    #[test]
    fn ints_are_as_wide_as_they_need() {
        let tags = |int| type_tag(&Value::Int(int), PLAIN);
        assert_eq!([tags(0), tags(i32::MIN.into()), tags(1 << 31)], ["i", "i", "h"]);
        let floats = Format { ints_as_floats: true, ..PLAIN };
        assert_eq!(to_arguments(&Value::Int(3), floats), [OscType::Float(3.0)]);
    }

    #[test]
    fn colours_are_told_from_arrays_where_that_is_wanted() {
        let colors = Format { colors: true, ..PLAIN };
        let color = |last| Value::Array([1, 2, 3, last].map(Value::Int).into());
        assert_eq!(type_tag(&color(255), colors), "r");
        assert_eq!(back(&color(255), colors), color(255));
        assert_eq!(type_tag(&color(256), colors), "iiii");
        assert_eq!(type_tag(&color(255), PLAIN), "iiii");
    }

    #[test]
    fn what_osc_lacks_has_a_stand_in() {
        let map = Value::Map(vec![("a".into(), Value::Float(2.0))]);
        assert_eq!(back(&map, PLAIN), Value::String(r#"{"a":2.0}"#.into()));
        let nul = Value::String("a\0b".into());
        assert_eq!(back(&nul, PLAIN), Value::Bytes(b"a\0b".to_vec()));
    }

    #[test]
    fn types_that_clasp_lacks_become_what_is_nearest() {
        let value = |argument| from_arguments(vec![argument], 77);
        assert_eq!(value(OscType::Char('é')), Value::String("é".into()));
        assert_eq!(value(OscType::Inf), Value::Float(f64::INFINITY));
        assert_eq!(value(OscType::Time((2_208_988_801, 1 << 31).into())), Value::Int(1_500_000));
        assert_eq!(value(OscType::Time((0, 1).into())), Value::Int(77));
        let midi = OscMidiMessage { port: 1, status: 144, data1: 60, data2: 127 };
        assert_eq!(
            value(OscType::Midi(midi)),
            Value::Array([1, 144, 60, 127].map(Value::Int).into())
        );
    }

    #[test]
    fn an_unknown_format_is_named() {
        let mut format = PLAIN;
        assert!(format.apply("double").is_ok() && format.floats == Floats::Double);
        assert!(format.apply("quad").unwrap_err().contains("quad"));
    }
}

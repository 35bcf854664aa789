//! MessagePack values to binary values and back (spec: wire.md 8.2).

use super::input::{Input, Token};
use super::output::Output;
use crate::codec::error::DecodeProblem;
use crate::codec::reader::Read;
use crate::limits::PAYLOAD_BYTES_MAX;
use crate::value::walk::{self, Event};
use crate::value::{Number, RawValue, ValueKind};

/// An array or map of which some entries are still to be read.
struct Level {
    left: usize,
    map: bool,
}

/// A value on its way into the binary encoding.
struct Transcoder {
    field: &'static str,
    depth_max: usize,
    data: Vec<u8>,
    levels: Vec<Level>,
}

/// Reads one value of any type and writes it in binary.
pub(super) fn read(
    input: &mut Input<'_>,
    field: &'static str,
    depth_max: usize,
) -> Read<RawValue<'static>> {
    let mut to = Transcoder { field, depth_max, data: Vec::new(), levels: Vec::new() };
    let first = to.item(input)?;
    while let Some(level) = to.levels.last_mut() {
        if level.left == 0 {
            to.levels.pop();
            continue;
        }
        level.left -= 1;
        if level.map {
            let key = input.str(field)?;
            to.prefixed(key.as_bytes())?;
        }
        let at = to.data.len();
        to.data.push(0);
        let kind = to.item(input)?;
        to.data[at] = kind as u8;
        to.check_size()?;
    }
    to.check_size()?;
    Ok(RawValue::from_written(first, to.data))
}

impl Transcoder {
    /// Writes one item, of an array or map only its count.
    #[expect(clippy::cast_precision_loss, reason = "integers beyond i64 become floats")]
    fn item(&mut self, input: &mut Input<'_>) -> Read<ValueKind> {
        Ok(match input.token(self.field)? {
            Token::Nil => ValueKind::Null,
            Token::Bool(truth) => {
                self.data.push(u8::from(truth));
                ValueKind::Bool
            }
            Token::Int(int) => {
                self.data.extend_from_slice(&int.to_be_bytes());
                ValueKind::I64
            }
            Token::Large(int) => self.float(int as f64),
            Token::Float(float) => self.float(float),
            Token::Str(text) => {
                if std::str::from_utf8(text).is_err() {
                    return Err(DecodeProblem::Utf8(self.field));
                }
                self.prefixed(text)?;
                ValueKind::String
            }
            Token::Bin(bytes) => {
                self.prefixed(bytes)?;
                ValueKind::Bytes
            }
            Token::Ext => return Err(DecodeProblem::Kind(self.field)),
            Token::Array(count) => self.open(count, false)?,
            Token::Map(count) => self.open(count, true)?,
        })
    }

    fn float(&mut self, float: f64) -> ValueKind {
        self.data.extend_from_slice(&float.to_be_bytes());
        ValueKind::F64
    }

    fn prefixed(&mut self, bytes: &[u8]) -> Read<()> {
        let length = u16::try_from(bytes.len()).map_err(|_| DecodeProblem::Size(self.field))?;
        self.data.extend_from_slice(&length.to_be_bytes());
        self.data.extend_from_slice(bytes);
        Ok(())
    }

    fn open(&mut self, count: usize, map: bool) -> Read<ValueKind> {
        if self.levels.len() >= self.depth_max {
            return Err(DecodeProblem::Depth);
        }
        let short = u16::try_from(count).map_err(|_| DecodeProblem::Size(self.field))?;
        self.data.extend_from_slice(&short.to_be_bytes());
        self.levels.push(Level { left: count, map });
        Ok(if map { ValueKind::Map } else { ValueKind::Array })
    }

    fn check_size(&self) -> Read<()> {
        if self.data.len() > PAYLOAD_BYTES_MAX {
            return Err(DecodeProblem::Size(self.field));
        }
        Ok(())
    }
}

/// Writes a value as MessagePack; byte strings become arrays of integers, as early clients do it,
/// and so take a level of nesting that they do not take in binary.
pub(super) fn write(value: &RawValue<'_>, output: &mut Output) {
    let mut depth = 0;
    for event in value.events() {
        match event {
            Event::Start(kind, count) => {
                depth += 1;
                match kind {
                    ValueKind::Map => output.map_len(usize::from(count)),
                    _ => output.array_len(usize::from(count)),
                }
            }
            Event::Key(key) => output.str(key),
            Event::Scalar(kind, data) => {
                output.too_deep |= kind == ValueKind::Bytes && depth >= output.depth_max;
                write_scalar(kind, data, output);
            }
            Event::End => depth -= 1,
        }
        output.too_deep |= depth > output.depth_max;
    }
}

fn write_scalar(kind: ValueKind, data: &[u8], output: &mut Output) {
    match (walk::number(kind, data), kind) {
        (Some(Number::Int(int)), _) => output.int(int),
        (Some(Number::Float(float)), _) => output.float(float),
        (None, ValueKind::Bool) => output.bool(data.first().is_some_and(|byte| *byte != 0)),
        (None, ValueKind::String) => {
            output.str(&String::from_utf8_lossy(walk::content(data)));
        }
        (None, ValueKind::Bytes) => {
            let bytes = walk::content(data);
            output.array_len(bytes.len());
            bytes.iter().for_each(|byte| output.int(i64::from(*byte)));
        }
        (None, _) => output.nil(),
    }
}

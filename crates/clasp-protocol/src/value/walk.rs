//! Walks through the bytes of a value without recursion and without memory of its own.

use super::{Number, ValueKind};
use crate::codec::DecodeProblem;
use crate::limits::DECODE_DEPTH_MAX;

const FIELD: &str = "the value";
const KEY: &str = "a map key";

/// What a walk meets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Event<'a> {
    /// A value without others inside: kind and data.
    Scalar(ValueKind, &'a [u8]),
    /// An array or map with so many entries begins.
    Start(ValueKind, u16),
    /// Key of the value that comes next.
    Key(&'a str),
    /// The innermost array or map ends.
    End,
}

/// One open array or map.
#[derive(Clone, Copy, Default)]
struct Level {
    left: u16,
    map: bool,
    keyed: bool,
}

/// The walk: rest of the bytes and the open arrays and maps.
pub(crate) struct Walker<'a> {
    rest: &'a [u8],
    first: Option<ValueKind>,
    levels: [Level; DECODE_DEPTH_MAX],
    depth: usize,
    depth_max: usize,
}

impl<'a> Walker<'a> {
    pub(crate) fn new(kind: ValueKind, data: &'a [u8], depth_max: usize) -> Walker<'a> {
        Walker {
            rest: data,
            first: Some(kind),
            levels: [Level::default(); DECODE_DEPTH_MAX],
            depth: 0,
            depth_max: depth_max.min(DECODE_DEPTH_MAX),
        }
    }

    /// The next event; `None` after the value's end.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<Event<'a>>, DecodeProblem> {
        if let Some(kind) = self.first.take() {
            return self.enter(kind).map(Some);
        }
        let Some(level) = self.depth.checked_sub(1).and_then(|top| self.levels.get_mut(top)) else {
            return Ok(None);
        };
        if level.left == 0 {
            self.depth -= 1;
            return Ok(Some(Event::End));
        }
        if level.map && !level.keyed {
            level.keyed = true;
            return self.key().map(Some);
        }
        level.keyed = false;
        level.left -= 1;
        let (code, rest) = self.rest.split_first().ok_or(DecodeProblem::Truncated(FIELD))?;
        self.rest = rest;
        let kind = ValueKind::from_code(*code).ok_or(DecodeProblem::ValueType(*code))?;
        self.enter(kind).map(Some)
    }

    #[inline]
    fn enter(&mut self, kind: ValueKind) -> Result<Event<'a>, DecodeProblem> {
        let entry_bytes = match kind {
            ValueKind::Array => 1,
            ValueKind::Map => 3,
            _ => {
                let (data, rest) = self.rest.split_at(scalar_bytes(kind, self.rest)?);
                self.rest = rest;
                return Ok(Event::Scalar(kind, data));
            }
        };
        let (count, rest) = self.rest.split_first_chunk().ok_or(DecodeProblem::Truncated(FIELD))?;
        let left = u16::from_be_bytes(*count);
        if usize::from(left) * entry_bytes > rest.len() {
            return Err(DecodeProblem::Count(FIELD));
        }
        if self.depth >= self.depth_max {
            return Err(DecodeProblem::Depth);
        }
        self.rest = rest;
        self.levels[self.depth] = Level { left, map: kind == ValueKind::Map, keyed: false };
        self.depth += 1;
        Ok(Event::Start(kind, left))
    }

    fn key(&mut self) -> Result<Event<'a>, DecodeProblem> {
        let (data, rest) = self.rest.split_at(prefixed_bytes(self.rest, KEY)?);
        self.rest = rest;
        std::str::from_utf8(content(data)).map(Event::Key).map_err(|_| DecodeProblem::Utf8(KEY))
    }
}

/// Bytes that the scalar at the start of `input` takes; text is checked to be UTF-8.
#[inline]
pub(crate) fn scalar_bytes(kind: ValueKind, input: &[u8]) -> Result<usize, DecodeProblem> {
    let bytes = match kind {
        ValueKind::Null => 0,
        ValueKind::Bool | ValueKind::I8 => 1,
        ValueKind::I16 => 2,
        ValueKind::I32 | ValueKind::F32 => 4,
        ValueKind::I64 | ValueKind::F64 => 8,
        ValueKind::String => {
            let bytes = prefixed_bytes(input, FIELD)?;
            if std::str::from_utf8(content(&input[..bytes])).is_err() {
                return Err(DecodeProblem::Utf8(FIELD));
            }
            return Ok(bytes);
        }
        ValueKind::Bytes | ValueKind::Array | ValueKind::Map => {
            return prefixed_bytes(input, FIELD);
        }
    };
    if bytes > input.len() {
        return Err(DecodeProblem::Truncated(FIELD));
    }
    Ok(bytes)
}

/// Bytes that the array or map at the start of `input` takes, with everything inside checked.
pub(crate) fn container_bytes(
    kind: ValueKind,
    input: &[u8],
    depth_max: usize,
) -> Result<usize, DecodeProblem> {
    let mut walker = Walker::new(kind, input, depth_max);
    while walker.next()?.is_some() {}
    Ok(input.len() - walker.rest.len())
}

#[inline]
fn prefixed_bytes(input: &[u8], field: &'static str) -> Result<usize, DecodeProblem> {
    let length = input.first_chunk().ok_or(DecodeProblem::Truncated(field))?;
    let bytes = 2 + usize::from(u16::from_be_bytes(*length));
    if bytes > input.len() {
        return Err(DecodeProblem::Truncated(field));
    }
    Ok(bytes)
}

/// What follows the 16-bit length of a string or byte string.
#[inline]
pub(crate) fn content(data: &[u8]) -> &[u8] {
    data.get(2..).unwrap_or_default()
}

/// The number that this data is, if the kind is one of a number.
#[inline]
pub(crate) fn number(kind: ValueKind, data: &[u8]) -> Option<Number> {
    Some(match kind {
        ValueKind::I8 => Number::Int(i64::from(i8::from_be_bytes(*data.first_chunk()?))),
        ValueKind::I16 => Number::Int(i64::from(i16::from_be_bytes(*data.first_chunk()?))),
        ValueKind::I32 => Number::Int(i64::from(i32::from_be_bytes(*data.first_chunk()?))),
        ValueKind::I64 => Number::Int(i64::from_be_bytes(*data.first_chunk()?)),
        ValueKind::F32 => Number::Float(f64::from(f32::from_be_bytes(*data.first_chunk()?))),
        ValueKind::F64 => Number::Float(f64::from_be_bytes(*data.first_chunk()?)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_tells_what_it_meets_in_order() {
        let data = [0, 1, 0, 1, b'k', 0x0A, 0, 2, 0x00, 0x01, 1, 0xEE];
        let mut walker = Walker::new(ValueKind::Map, &data, 2);
        let events = std::iter::from_fn(|| walker.next().unwrap()).collect::<Vec<_>>();
        let wanted = [
            Event::Start(ValueKind::Map, 1),
            Event::Key("k"),
            Event::Start(ValueKind::Array, 2),
            Event::Scalar(ValueKind::Null, &[]),
            Event::Scalar(ValueKind::Bool, &[1]),
            Event::End,
            Event::End,
        ];
        assert_eq!(events, wanted);
        assert_eq!(walker.rest, [0xEE]);
    }

    #[test]
    fn counts_beyond_the_bytes_left_and_levels_beyond_the_limit_are_refused() {
        let refusal = |kind, data: &[u8], depth_max| container_bytes(kind, data, depth_max);
        assert_eq!(refusal(ValueKind::Array, &[0, 1, 0], 1), Ok(3));
        let count = Err(DecodeProblem::Count(FIELD));
        assert_eq!(refusal(ValueKind::Array, &[0, 2, 0], 1), count);
        assert_eq!(refusal(ValueKind::Map, &[0, 1, 0, 0], 1), count);
        let deep = [0, 1, 0x0A, 0, 0];
        assert_eq!(refusal(ValueKind::Array, &deep, 1), Err(DecodeProblem::Depth));
        assert_eq!(refusal(ValueKind::Array, &deep, 2), Ok(5));
    }
}

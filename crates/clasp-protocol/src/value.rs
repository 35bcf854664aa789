//! Values: in wire encoding ([`RawValue`]) and as a tree ([`Value`]) (spec: wire.md section 4).

mod build;
mod entries;
mod tree;
pub(crate) mod walk;

use std::borrow::Cow;

use crate::codec::{DecodeError, DecodeProblem};
use crate::limits::DECODE_DEPTH_MAX;
use walk::{Event, Walker};

/// Value type codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are the protocol's own")]
pub enum ValueKind {
    Null = 0x00,
    Bool = 0x01,
    I8 = 0x02,
    I16 = 0x03,
    I32 = 0x04,
    I64 = 0x05,
    F32 = 0x06,
    F64 = 0x07,
    String = 0x08,
    Bytes = 0x09,
    Array = 0x0A,
    Map = 0x0B,
}

impl ValueKind {
    /// All kinds, in the order of their codes.
    pub const ALL: [ValueKind; 12] = [
        ValueKind::Null,
        ValueKind::Bool,
        ValueKind::I8,
        ValueKind::I16,
        ValueKind::I32,
        ValueKind::I64,
        ValueKind::F32,
        ValueKind::F64,
        ValueKind::String,
        ValueKind::Bytes,
        ValueKind::Array,
        ValueKind::Map,
    ];

    /// The kind with this type code.
    #[inline]
    pub fn from_code(code: u8) -> Option<ValueKind> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// Whether other values can be inside.
    #[inline]
    pub fn is_container(self) -> bool {
        matches!(self, ValueKind::Array | ValueKind::Map)
    }
}

/// A value in wire encoding, checked to be well formed: bounds, UTF-8, type codes, depth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawValue<'a> {
    kind: ValueKind,
    data: Cow<'a, [u8]>,
}

/// Memory that a value may keep beyond twice what it needs.
const ASSIGN_SLACK_BYTES: usize = 64;

/// A value as a tree, for whoever has to look inside.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names are the protocol's own")]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    String(String),
    Bytes(Vec<u8>),
    Array(Vec<Value>),
    /// Entries in the order of the wire; of duplicate keys the last one counts.
    Map(Vec<(String, Value)>),
}

/// A number of either type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// Integer of any width.
    Int(i64),
    /// Float of any width.
    Float(f64),
}

impl Number {
    /// The number as a float; integers beyond 2^53 are rounded.
    #[expect(clippy::cast_precision_loss, reason = "rounding is what the caller asks for")]
    pub fn as_f64(self) -> f64 {
        match self {
            Number::Int(int) => int as f64,
            Number::Float(float) => float,
        }
    }
}

impl Value {
    /// The value under this key, if this is a map and has one there; of duplicates the last.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let Value::Map(entries) = self else {
            return None;
        };
        entries.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
    }
}

impl<'a> RawValue<'a> {
    /// Reads a value of this type code from the start of `input`; also tells the bytes it took.
    ///
    /// # Errors
    /// Unknown type code, bytes missing, text that is not UTF-8, nesting beyond
    /// [`DECODE_DEPTH_MAX`].
    pub fn parse(kind: u8, input: &'a [u8]) -> Result<(RawValue<'a>, usize), DecodeError> {
        Self::take(kind, input, DECODE_DEPTH_MAX).map_err(DecodeError::from)
    }

    #[inline]
    pub(crate) fn take(
        kind: u8,
        input: &'a [u8],
        depth_max: usize,
    ) -> Result<(RawValue<'a>, usize), DecodeProblem> {
        let kind = ValueKind::from_code(kind).ok_or(DecodeProblem::ValueType(kind))?;
        let used = if kind.is_container() {
            walk::container_bytes(kind, input, depth_max)?
        } else {
            walk::scalar_bytes(kind, input)?
        };
        Ok((RawValue { kind, data: Cow::Borrowed(&input[..used]) }, used))
    }

    /// For encoders that have just written `data` in the layout of `kind`.
    #[inline]
    pub(crate) fn from_written(kind: ValueKind, data: Vec<u8>) -> RawValue<'static> {
        RawValue { kind, data: Cow::Owned(data) }
    }

    /// The type.
    #[inline]
    pub fn kind(&self) -> ValueKind {
        self.kind
    }

    /// Everything after the type code, as on the wire.
    #[inline]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The same value, borrowed from this one.
    #[inline]
    pub fn borrowed(&self) -> RawValue<'_> {
        RawValue { kind: self.kind, data: Cow::Borrowed(&self.data) }
    }

    /// The same value with its own bytes.
    pub fn into_owned(self) -> RawValue<'static> {
        RawValue { kind: self.kind, data: Cow::Owned(self.data.into_owned()) }
    }

    /// Becomes a copy of another value, in its own memory where that fits.
    pub fn assign(&mut self, other: &RawValue<'_>) {
        self.kind = other.kind;
        let data = self.data.to_mut();
        data.clear();
        if data.capacity() > 2 * other.data.len() + ASSIGN_SLACK_BYTES {
            *data = Vec::with_capacity(other.data.len());
        }
        data.extend_from_slice(&other.data);
    }

    /// Whether [`RawValue::widened`] changes it.
    #[inline]
    pub fn is_narrow(&self) -> bool {
        matches!(self.kind, ValueKind::I8 | ValueKind::I16 | ValueKind::I32 | ValueKind::F32)
    }

    /// Narrow scalars as i64 or f64, everything else unchanged (spec: wire.md section 4).
    #[inline]
    pub fn widened(self) -> RawValue<'a> {
        if !self.is_narrow() {
            return self;
        }
        match self.number() {
            Some(Number::Int(int)) => RawValue::int(int),
            Some(Number::Float(float)) => RawValue::float(float),
            None => self,
        }
    }

    /// How deep arrays and maps nest: 0 for a scalar, 1 for an array of scalars.
    pub fn depth(&self) -> usize {
        if !self.kind.is_container() {
            return 0;
        }
        let (mut depth, mut deepest) = (0, 0);
        for event in self.events() {
            match event {
                Event::Start(..) => {
                    depth += 1;
                    deepest = deepest.max(depth);
                }
                Event::End => depth -= 1,
                Event::Key(_) | Event::Scalar(..) => {}
            }
        }
        deepest
    }

    /// The number, if it is one.
    #[inline]
    pub fn number(&self) -> Option<Number> {
        walk::number(self.kind, &self.data)
    }

    /// The truth value, if it is one.
    #[inline]
    pub fn as_bool(&self) -> Option<bool> {
        (self.kind == ValueKind::Bool).then(|| self.data.first().is_some_and(|byte| *byte != 0))
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self.kind {
            ValueKind::String => std::str::from_utf8(walk::content(&self.data)).ok(),
            _ => None,
        }
    }

    /// The byte string, if it is one.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        (self.kind == ValueKind::Bytes).then(|| walk::content(&self.data))
    }

    /// The text under this key, if the value is a map and has one there; of duplicates the last.
    pub fn field_str(&self, key: &str) -> Option<&str> {
        if self.kind != ValueKind::Map {
            return None;
        }
        let (mut depth, mut wanted, mut found) = (0, false, None);
        for event in self.events() {
            match event {
                Event::Key(name) => wanted = depth == 1 && name == key,
                Event::Scalar(kind, data) if wanted && depth == 1 => {
                    found = (kind == ValueKind::String)
                        .then(|| std::str::from_utf8(walk::content(data)).ok())
                        .flatten();
                }
                Event::Scalar(..) => {}
                Event::Start(..) => {
                    if wanted && depth == 1 {
                        found = None;
                    }
                    depth += 1;
                }
                Event::End => depth -= 1,
            }
        }
        found
    }

    /// The value as a tree.
    pub fn to_value(&self) -> Value {
        tree::build(self.events())
    }

    /// Walks through the value; it was checked when it was made.
    pub(crate) fn events(&self) -> impl Iterator<Item = Event<'_>> {
        let mut walker = Walker::new(self.kind, &self.data, DECODE_DEPTH_MAX);
        std::iter::from_fn(move || walker.next().ok().flatten())
    }
}

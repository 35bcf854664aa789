//! Makes values in wire encoding from Rust values and from trees.

use super::{RawValue, Value, ValueKind};
use crate::codec::EncodeError;
use crate::limits::{DECODE_DEPTH_MAX, PAYLOAD_BYTES_MAX};

const FIELD: &str = "the value";

impl RawValue<'_> {
    /// Null.
    pub fn null() -> RawValue<'static> {
        RawValue::from_written(ValueKind::Null, Vec::new())
    }

    /// A truth value.
    pub fn bool(value: bool) -> RawValue<'static> {
        RawValue::from_written(ValueKind::Bool, vec![u8::from(value)])
    }

    /// A 64-bit integer.
    pub fn int(value: i64) -> RawValue<'static> {
        RawValue::from_written(ValueKind::I64, value.to_be_bytes().to_vec())
    }

    /// A 64-bit float.
    pub fn float(value: f64) -> RawValue<'static> {
        RawValue::from_written(ValueKind::F64, value.to_be_bytes().to_vec())
    }

    /// A string.
    ///
    /// # Errors
    /// More than 65,535 bytes.
    pub fn str(value: &str) -> Result<RawValue<'static>, EncodeError> {
        let mut data = Vec::with_capacity(2 + value.len());
        prefixed(value.as_bytes(), &mut data)?;
        Ok(RawValue::from_written(ValueKind::String, data))
    }

    /// A byte string.
    ///
    /// # Errors
    /// More than 65,535 bytes.
    pub fn bytes(value: &[u8]) -> Result<RawValue<'static>, EncodeError> {
        let mut data = Vec::with_capacity(2 + value.len());
        prefixed(value, &mut data)?;
        Ok(RawValue::from_written(ValueKind::Bytes, data))
    }
}

impl TryFrom<&Value> for RawValue<'static> {
    type Error = EncodeError;

    /// Fails if a text, a count, the depth or the whole is beyond what a frame can carry.
    fn try_from(value: &Value) -> Result<RawValue<'static>, EncodeError> {
        let mut data = Vec::new();
        write(value, 0, &mut data)?;
        Ok(RawValue::from_written(value.kind(), data))
    }
}

impl Value {
    /// The type it has on the wire.
    pub fn kind(&self) -> ValueKind {
        match self {
            Value::Null => ValueKind::Null,
            Value::Bool(_) => ValueKind::Bool,
            Value::Int(_) => ValueKind::I64,
            Value::Float(_) => ValueKind::F64,
            Value::String(_) => ValueKind::String,
            Value::Bytes(_) => ValueKind::Bytes,
            Value::Array(_) => ValueKind::Array,
            Value::Map(_) => ValueKind::Map,
        }
    }
}

/// Appends the data of a value; `depth` arrays and maps are open around it.
fn write(value: &Value, depth: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    if value.kind().is_container() && depth >= DECODE_DEPTH_MAX {
        return Err(EncodeError::TooDeep);
    }
    match value {
        Value::Null => {}
        Value::Bool(truth) => out.push(u8::from(*truth)),
        Value::Int(int) => out.extend_from_slice(&int.to_be_bytes()),
        Value::Float(float) => out.extend_from_slice(&float.to_be_bytes()),
        Value::String(text) => prefixed(text.as_bytes(), out)?,
        Value::Bytes(bytes) => prefixed(bytes, out)?,
        Value::Array(items) => {
            count(items.len(), out)?;
            for item in items {
                out.push(item.kind() as u8);
                write(item, depth + 1, out)?;
            }
        }
        Value::Map(entries) => {
            count(entries.len(), out)?;
            for (key, item) in entries {
                prefixed(key.as_bytes(), out)?;
                out.push(item.kind() as u8);
                write(item, depth + 1, out)?;
            }
        }
    }
    if out.len() > PAYLOAD_BYTES_MAX + 2 {
        return Err(EncodeError::PayloadTooLarge {
            bytes: out.len(),
            bytes_max: PAYLOAD_BYTES_MAX,
        });
    }
    Ok(())
}

fn prefixed(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let length = u16::try_from(bytes.len())
        .map_err(|_| EncodeError::TextTooLong { field: FIELD, bytes: bytes.len() })?;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}

fn count(entries: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let short = u16::try_from(entries)
        .map_err(|_| EncodeError::TooManyEntries { field: FIELD, count: entries })?;
    out.extend_from_slice(&short.to_be_bytes());
    Ok(())
}

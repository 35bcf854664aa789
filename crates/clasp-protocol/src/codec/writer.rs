//! Writes the primitive layouts of the binary encoding (spec: wire.md section 3).

use super::error::EncodeError;
use crate::value::RawValue;

/// What writing a field gives.
pub(crate) type Written = Result<(), EncodeError>;

/// Appends fields to a buffer.
pub(crate) struct Writer<'v> {
    pub(crate) out: &'v mut Vec<u8>,
}

impl Writer<'_> {
    #[inline]
    pub(crate) fn u8(&mut self, byte: u8) {
        self.out.push(byte);
    }

    #[inline]
    pub(crate) fn u16(&mut self, number: u16) {
        self.out.extend_from_slice(&number.to_be_bytes());
    }

    #[inline]
    pub(crate) fn u32(&mut self, number: u32) {
        self.out.extend_from_slice(&number.to_be_bytes());
    }

    #[inline]
    pub(crate) fn u64(&mut self, number: u64) {
        self.out.extend_from_slice(&number.to_be_bytes());
    }

    #[inline]
    pub(crate) fn f64(&mut self, number: f64) {
        self.out.extend_from_slice(&number.to_be_bytes());
    }

    #[inline]
    pub(crate) fn count(&mut self, field: &'static str, count: usize) -> Written {
        let short =
            u16::try_from(count).map_err(|_| EncodeError::TooManyEntries { field, count })?;
        self.u16(short);
        Ok(())
    }

    #[inline]
    pub(crate) fn text(&mut self, field: &'static str, text: &str) -> Written {
        self.bytes(field, text.as_bytes())
    }

    /// 16-bit length and the bytes.
    #[inline]
    pub(crate) fn bytes(&mut self, field: &'static str, bytes: &[u8]) -> Written {
        let length = u16::try_from(bytes.len())
            .map_err(|_| EncodeError::TextTooLong { field, bytes: bytes.len() })?;
        self.u16(length);
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    /// Type code and data of a value.
    #[inline]
    pub(crate) fn value(&mut self, value: &RawValue<'_>) {
        self.u8(value.kind() as u8);
        self.out.extend_from_slice(value.data());
    }
}

/// `mask` if the condition holds, else nothing.
#[inline]
pub(crate) fn flag(condition: bool, mask: u8) -> u8 {
    if condition { mask } else { 0 }
}

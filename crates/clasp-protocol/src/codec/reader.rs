//! Reads the primitive layouts of the binary encoding (spec: wire.md section 3).

use std::borrow::Cow;

use super::error::DecodeProblem;
use crate::limits::DECODE_DEPTH_MAX;
use crate::message::Text;
use crate::value::RawValue;

/// What reading a field gives.
pub(crate) type Read<T> = Result<T, DecodeProblem>;

/// Takes fields off the front of a payload.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    depth_max: usize,
}

impl<'a> Reader<'a> {
    /// `bundles`: how many bundles are open around this message.
    #[inline]
    pub(crate) fn new(rest: &'a [u8], bundles: usize) -> Reader<'a> {
        Reader { rest, depth_max: DECODE_DEPTH_MAX.saturating_sub(bundles) }
    }

    #[inline]
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    #[inline]
    pub(crate) fn bytes(&mut self, field: &'static str, count: usize) -> Read<&'a [u8]> {
        let (taken, rest) =
            self.rest.split_at_checked(count).ok_or(DecodeProblem::Truncated(field))?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    fn array<const N: usize>(&mut self, field: &'static str) -> Read<[u8; N]> {
        let (taken, rest) =
            self.rest.split_first_chunk::<N>().ok_or(DecodeProblem::Truncated(field))?;
        self.rest = rest;
        Ok(*taken)
    }

    #[inline]
    pub(crate) fn u8(&mut self, field: &'static str) -> Read<u8> {
        self.array(field).map(|[byte]| byte)
    }

    #[inline]
    pub(crate) fn u16(&mut self, field: &'static str) -> Read<u16> {
        self.array(field).map(u16::from_be_bytes)
    }

    #[inline]
    pub(crate) fn u32(&mut self, field: &'static str) -> Read<u32> {
        self.array(field).map(u32::from_be_bytes)
    }

    #[inline]
    pub(crate) fn u64(&mut self, field: &'static str) -> Read<u64> {
        self.array(field).map(u64::from_be_bytes)
    }

    #[inline]
    pub(crate) fn f64(&mut self, field: &'static str) -> Read<f64> {
        self.array(field).map(f64::from_be_bytes)
    }

    /// A count whose entries take at least `entry_bytes` each.
    #[inline]
    pub(crate) fn count(&mut self, field: &'static str, entry_bytes: usize) -> Read<usize> {
        let count = usize::from(self.u16(field)?);
        if count * entry_bytes > self.left() {
            return Err(DecodeProblem::Count(field));
        }
        Ok(count)
    }

    #[inline]
    pub(crate) fn str(&mut self, field: &'static str) -> Read<&'a str> {
        let length = usize::from(self.u16(field)?);
        let bytes = self.bytes(field, length)?;
        std::str::from_utf8(bytes).map_err(|_| DecodeProblem::Utf8(field))
    }

    #[inline]
    pub(crate) fn text(&mut self, field: &'static str) -> Read<Text<'a>> {
        self.str(field).map(Cow::Borrowed)
    }

    /// A text where the empty one means none.
    #[inline]
    pub(crate) fn text_or_none(&mut self, field: &'static str) -> Read<Option<Text<'a>>> {
        self.str(field).map(|text| (!text.is_empty()).then_some(Cow::Borrowed(text)))
    }

    /// Type code and data of a value.
    #[inline]
    pub(crate) fn value(&mut self) -> Read<RawValue<'a>> {
        let kind = self.u8("the value type")?;
        self.value_of(kind)
    }

    /// Data of a value whose type code was elsewhere.
    #[inline]
    pub(crate) fn value_of(&mut self, kind: u8) -> Read<RawValue<'a>> {
        let (value, used) = RawValue::take(kind, self.rest, self.depth_max)?;
        self.rest = &self.rest[used..];
        Ok(value)
    }

    /// Reads a field if its flag is set.
    #[expect(clippy::inline_always, reason = "a call would hand the field back through memory")]
    #[inline(always)]
    pub(crate) fn when<T>(
        &mut self,
        flag: bool,
        read: impl FnOnce(&mut Self) -> Read<T>,
    ) -> Read<Option<T>> {
        if flag { read(self).map(Some) } else { Ok(None) }
    }
}

//! Takes MessagePack items off the front of a slice.

use std::borrow::Cow;

use rmp::Marker;

use crate::codec::error::DecodeProblem;
use crate::codec::reader::Read;
use crate::message::Text;

/// One MessagePack item; of an array or map only its head.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Token<'a> {
    Nil,
    Bool(bool),
    Int(i64),
    /// An integer beyond the range of `Int`.
    Large(u64),
    Float(f64),
    Str(&'a [u8]),
    Bin(&'a [u8]),
    Ext,
    Array(usize),
    Map(usize),
}

/// The rest of a payload.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    pub(super) fn new(payload: &'a [u8]) -> Input<'a> {
        Input { rest: payload }
    }

    fn bytes(&mut self, field: &'static str, count: usize) -> Read<&'a [u8]> {
        let (taken, rest) =
            self.rest.split_at_checked(count).ok_or(DecodeProblem::Truncated(field))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Read<[u8; N]> {
        let (taken, rest) =
            self.rest.split_first_chunk::<N>().ok_or(DecodeProblem::Truncated(field))?;
        self.rest = rest;
        Ok(*taken)
    }

    fn len8(&mut self, field: &'static str) -> Read<usize> {
        Ok(usize::from(u8::from_be_bytes(self.array(field)?)))
    }

    fn len16(&mut self, field: &'static str) -> Read<usize> {
        Ok(usize::from(u16::from_be_bytes(self.array(field)?)))
    }

    fn len32(&mut self, field: &'static str) -> Read<usize> {
        usize::try_from(u32::from_be_bytes(self.array(field)?))
            .map_err(|_| DecodeProblem::Truncated(field))
    }

    /// The next item, for the field of this name.
    pub(super) fn token(&mut self, field: &'static str) -> Read<Token<'a>> {
        let [marker] = self.array(field)?;
        Ok(match Marker::from_u8(marker) {
            Marker::Null => Token::Nil,
            Marker::False => Token::Bool(false),
            Marker::True => Token::Bool(true),
            Marker::FixPos(int) => Token::Int(i64::from(int)),
            Marker::FixNeg(int) => Token::Int(i64::from(int)),
            Marker::U8 => Token::Int(i64::from(u8::from_be_bytes(self.array(field)?))),
            Marker::U16 => Token::Int(i64::from(u16::from_be_bytes(self.array(field)?))),
            Marker::U32 => Token::Int(i64::from(u32::from_be_bytes(self.array(field)?))),
            Marker::U64 => {
                let int = u64::from_be_bytes(self.array(field)?);
                i64::try_from(int).map_or(Token::Large(int), Token::Int)
            }
            Marker::I8 => Token::Int(i64::from(i8::from_be_bytes(self.array(field)?))),
            Marker::I16 => Token::Int(i64::from(i16::from_be_bytes(self.array(field)?))),
            Marker::I32 => Token::Int(i64::from(i32::from_be_bytes(self.array(field)?))),
            Marker::I64 => Token::Int(i64::from_be_bytes(self.array(field)?)),
            Marker::F32 => Token::Float(f64::from(f32::from_be_bytes(self.array(field)?))),
            Marker::F64 => Token::Float(f64::from_be_bytes(self.array(field)?)),
            marker => return self.sized(marker, field),
        })
    }

    /// Items that say how long they are.
    fn sized(&mut self, marker: Marker, field: &'static str) -> Read<Token<'a>> {
        let length = match marker {
            Marker::FixStr(length) | Marker::FixArray(length) | Marker::FixMap(length) => {
                usize::from(length)
            }
            Marker::Str8 | Marker::Bin8 | Marker::Ext8 => self.len8(field)?,
            Marker::Str16 | Marker::Bin16 | Marker::Ext16 => self.len16(field)?,
            Marker::Array16 | Marker::Map16 => self.len16(field)?,
            Marker::Str32 | Marker::Bin32 | Marker::Ext32 => self.len32(field)?,
            Marker::Array32 | Marker::Map32 => self.len32(field)?,
            Marker::FixExt1 => 1,
            Marker::FixExt2 => 2,
            Marker::FixExt4 => 4,
            Marker::FixExt8 => 8,
            Marker::FixExt16 => 16,
            _ => return Err(DecodeProblem::Kind(field)),
        };
        match marker {
            Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32 => {
                self.bytes(field, length).map(Token::Str)
            }
            Marker::Bin8 | Marker::Bin16 | Marker::Bin32 => {
                self.bytes(field, length).map(Token::Bin)
            }
            Marker::FixArray(_) | Marker::Array16 | Marker::Array32 => {
                self.fits(field, length).map(|()| Token::Array(length))
            }
            Marker::FixMap(_) | Marker::Map16 | Marker::Map32 => {
                self.fits(field, length.saturating_mul(2)).map(|()| Token::Map(length))
            }
            _ => self.bytes(field, length.saturating_add(1)).map(|_| Token::Ext),
        }
    }

    /// Every item takes at least one byte.
    fn fits(&self, field: &'static str, items: usize) -> Read<()> {
        if items > self.rest.len() { Err(DecodeProblem::Count(field)) } else { Ok(()) }
    }

    /// Passes over one item with everything inside.
    pub(super) fn skip(&mut self, field: &'static str) -> Read<()> {
        let mut items = 1_usize;
        while items > 0 {
            items -= 1;
            items += match self.token(field)? {
                Token::Array(count) => count,
                Token::Map(count) => count * 2,
                _ => 0,
            };
            self.fits(field, items)?;
        }
        Ok(())
    }

    pub(super) fn str(&mut self, field: &'static str) -> Read<&'a str> {
        match self.token(field)? {
            Token::Str(bytes) => std::str::from_utf8(bytes).map_err(|_| DecodeProblem::Utf8(field)),
            _ => Err(DecodeProblem::Kind(field)),
        }
    }

    pub(super) fn text(&mut self, field: &'static str) -> Read<Text<'a>> {
        self.str(field).map(Cow::Borrowed)
    }

    pub(super) fn bool(&mut self, field: &'static str) -> Read<bool> {
        match self.token(field)? {
            Token::Bool(truth) => Ok(truth),
            _ => Err(DecodeProblem::Kind(field)),
        }
    }

    /// An unsigned integer that fits.
    pub(super) fn uint<T: TryFrom<u64>>(&mut self, field: &'static str) -> Read<T> {
        let wide = match self.token(field)? {
            Token::Int(int) => u64::try_from(int).ok(),
            Token::Large(int) => Some(int),
            _ => None,
        };
        wide.and_then(|wide| T::try_from(wide).ok()).ok_or(DecodeProblem::Kind(field))
    }

    /// A float; integers are taken too.
    #[expect(clippy::cast_precision_loss, reason = "large integers round, as in every decoder")]
    pub(super) fn float(&mut self, field: &'static str) -> Read<f64> {
        match self.token(field)? {
            Token::Float(float) => Ok(float),
            Token::Int(int) => Ok(int as f64),
            Token::Large(int) => Ok(int as f64),
            _ => Err(DecodeProblem::Kind(field)),
        }
    }

    /// A name out of a fixed list.
    pub(super) fn name<T>(
        &mut self,
        field: &'static str,
        known: impl FnOnce(&str) -> Option<T>,
    ) -> Read<T> {
        known(self.str(field)?).ok_or(DecodeProblem::Name(field))
    }

    /// An array whose items `read` takes one by one.
    pub(super) fn list<T>(
        &mut self,
        field: &'static str,
        mut read: impl FnMut(&mut Input<'a>) -> Read<T>,
    ) -> Read<Vec<T>> {
        let Token::Array(count) = self.token(field)? else {
            return Err(DecodeProblem::Kind(field));
        };
        (0..count).map(|_| read(self)).collect()
    }

    /// A map whose entries `read` takes one by one.
    pub(super) fn entries<T>(
        &mut self,
        field: &'static str,
        mut read: impl FnMut(&mut Input<'a>) -> Read<T>,
    ) -> Read<Vec<T>> {
        let Token::Map(count) = self.token(field)? else {
            return Err(DecodeProblem::Kind(field));
        };
        (0..count).map(|_| read(self)).collect()
    }

    /// An array of exactly `N` floats.
    pub(super) fn floats<const N: usize>(&mut self, field: &'static str) -> Read<[f64; N]> {
        if self.token(field)? != Token::Array(N) {
            return Err(DecodeProblem::Kind(field));
        }
        let mut floats = [0.0; N];
        for float in &mut floats {
            *float = self.float(field)?;
        }
        Ok(floats)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELD: &str = "field";

    #[test]
    fn skipping_passes_over_everything_inside() {
        let bytes = b"\x82\xa1a\x93\x01\xc0\x91\xc3\xc4\x02xy\xd6\x01abcd\x2a";
        let mut input = Input::new(bytes);
        input.skip(FIELD).unwrap();
        assert_eq!(input.uint::<u8>(FIELD), Ok(42));
        assert_eq!(input.skip(FIELD), Err(DecodeProblem::Truncated(FIELD)));
    }

    #[test]
    fn counts_beyond_the_bytes_left_are_refused_before_anything_is_read() {
        for bytes in [&b"\xdf\xff\xff\xff\xff\xa1a"[..], b"\xdd\xff\xff\xff\xff\x00", b"\x81\x00"] {
            assert_eq!(Input::new(bytes).skip(FIELD), Err(DecodeProblem::Count(FIELD)));
        }
    }

    #[test]
    fn integers_have_to_fit_and_floats_are_none() {
        assert_eq!(Input::new(b"\xcd\x01\x00").uint::<u8>(FIELD), Err(DecodeProblem::Kind(FIELD)));
        assert_eq!(Input::new(b"\xff").uint::<u64>(FIELD), Err(DecodeProblem::Kind(FIELD)));
        assert_eq!(Input::new(b"\xca\0\0\0\0").uint::<u8>(FIELD), Err(DecodeProblem::Kind(FIELD)));
        assert_eq!(Input::new(b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff").uint(FIELD), Ok(u64::MAX));
        assert_eq!(Input::new(b"\x03").float(FIELD), Ok(3.0));
    }
}

//! Reads MessagePack from strangers: nothing recurses, and nothing is allocated because a length
//! was announced.

use rmp::Marker;
use rmp::decode;

/// Why bytes are not what was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    /// The bytes end too early.
    #[error("it ends too early")]
    Short,
    /// Another type.
    #[error("a {0} was expected")]
    Expected(&'static str),
    /// Bytes after the end.
    #[error("something follows its end")]
    Trailing,
}

/// What is left to read.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    /// Checks that everything was read.
    pub(crate) fn end(&self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed::Trailing) }
    }

    /// The type of what comes next.
    pub(crate) fn peek(&self) -> Result<Marker, Malformed> {
        self.rest.first().map(|byte| Marker::from_u8(*byte)).ok_or(Malformed::Short)
    }

    /// Members of a map.
    pub(crate) fn map(&mut self) -> Result<u32, Malformed> {
        decode::read_map_len(&mut self.rest).map_err(|_| Malformed::Expected("map"))
    }

    /// Items of an array.
    pub(crate) fn array(&mut self) -> Result<u32, Malformed> {
        decode::read_array_len(&mut self.rest).map_err(|_| Malformed::Expected("array"))
    }

    /// A whole number that is not negative.
    pub(crate) fn uint(&mut self) -> Result<u64, Malformed> {
        decode::read_int(&mut self.rest).map_err(|_| Malformed::Expected("number"))
    }

    /// A text.
    pub(crate) fn text(&mut self) -> Result<&'a str, Malformed> {
        let read = decode::read_str_from_slice(self.rest);
        let (text, rest) = read.map_err(|_| Malformed::Expected("text"))?;
        self.rest = rest;
        Ok(text)
    }

    /// So many raw bytes.
    pub(crate) fn binary<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let bytes = decode::read_bin_len(&mut self.rest).map_err(|_| Malformed::Expected("bin"))?;
        if bytes as usize != N {
            return Err(Malformed::Expected("bin of another length"));
        }
        self.take(N)?.try_into().map_err(|_| Malformed::Short)
    }

    /// An array of so many numbers below 256.
    pub(crate) fn byte_array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        if self.array()? as usize != N {
            return Err(Malformed::Expected("array of another length"));
        }
        let mut bytes = [0; N];
        for byte in &mut bytes {
            *byte = u8::try_from(self.uint()?).map_err(|_| Malformed::Expected("byte"))?;
        }
        Ok(bytes)
    }

    /// Passes over nil, if that is what comes next.
    pub(crate) fn nil(&mut self) -> Result<bool, Malformed> {
        let is_nil = self.peek()? == Marker::Null;
        if is_nil {
            self.take(1)?;
        }
        Ok(is_nil)
    }

    /// Passes over one value, whatever it is.
    pub(crate) fn skip(&mut self) -> Result<(), Malformed> {
        let mut left: u64 = 1;
        while left > 0 {
            left = left - 1 + self.skip_one()?;
        }
        Ok(())
    }

    /// Passes over one value without what it contains; tells how many values that are.
    fn skip_one(&mut self) -> Result<u64, Malformed> {
        let marker = self.peek()?;
        let (head, length_bytes, fixed) = match marker {
            Marker::FixPos(_) | Marker::FixNeg(_) | Marker::Null | Marker::True | Marker::False => {
                (1, 0, 0)
            }
            Marker::FixStr(length) => (1, 0, usize::from(length)),
            Marker::FixArray(items) => (1, 0, usize::from(items)),
            Marker::FixMap(members) => (1, 0, usize::from(members)),
            Marker::U8 | Marker::I8 => (2, 0, 0),
            Marker::U16 | Marker::I16 | Marker::FixExt1 => (3, 0, 0),
            Marker::FixExt2 => (4, 0, 0),
            Marker::U32 | Marker::I32 | Marker::F32 => (5, 0, 0),
            Marker::FixExt4 => (6, 0, 0),
            Marker::U64 | Marker::I64 | Marker::F64 => (9, 0, 0),
            Marker::FixExt8 => (10, 0, 0),
            Marker::FixExt16 => (18, 0, 0),
            Marker::Str8 | Marker::Bin8 => (1, 1, 0),
            Marker::Str16 | Marker::Bin16 | Marker::Array16 | Marker::Map16 => (1, 2, 0),
            Marker::Str32 | Marker::Bin32 | Marker::Array32 | Marker::Map32 => (1, 4, 0),
            Marker::Ext8 => (1, 1, 1),
            Marker::Ext16 => (1, 2, 1),
            Marker::Ext32 => (1, 4, 1),
            Marker::Reserved => return Err(Malformed::Expected("known type")),
        };
        self.take(head)?;
        let announced = self.take(length_bytes)?.iter();
        let announced = announced.fold(0_u64, |length, byte| length << 8 | u64::from(*byte));
        let length = announced + fixed as u64;
        match marker {
            Marker::FixArray(_) | Marker::Array16 | Marker::Array32 => Ok(length),
            Marker::FixMap(_) | Marker::Map16 | Marker::Map32 => Ok(length * 2),
            _ => {
                self.take(usize::try_from(length).map_err(|_| Malformed::Short)?)?;
                Ok(0)
            }
        }
    }

    fn take(&mut self, bytes: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(bytes).ok_or(Malformed::Short)?;
        self.rest = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_value_is_passed_over_whole() {
        let values: [&[u8]; 12] = [
            &[0x07],
            &[0xc0],
            &[0xa2, b'a', b'b'],
            &[0x92, 0x01, 0x91, 0x02],
            &[0x81, 0xa1, b'k', 0x90],
            &[0xcd, 1, 2],
            &[0xcb, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0xd4, 1, 2],
            &[0xd8, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
            &[0xc7, 2, 5, 1, 2],
            &[0xc4, 1, 9],
            &[0xdc, 0, 1, 0xda, 0, 1, b'x'],
        ];
        for value in values {
            let mut reader = Reader::new(value);
            assert_eq!((reader.skip(), reader.end()), (Ok(()), Ok(())), "{value:x?}");
            let mut cut = Reader::new(&value[..value.len() - 1]);
            assert_eq!(cut.skip(), Err(Malformed::Short), "{value:x?} cut");
        }
    }

    #[test]
    fn deep_nesting_and_huge_announcements_cost_nothing() {
        let deep = [0x91; 100_000];
        assert_eq!(Reader::new(&deep).skip(), Err(Malformed::Short));
        assert_eq!(Reader::new(&[0xdf, 255, 255, 255, 255]).skip(), Err(Malformed::Short));
        assert_eq!(Reader::new(&[0xc6, 255, 255, 255, 255]).skip(), Err(Malformed::Short));
    }
}

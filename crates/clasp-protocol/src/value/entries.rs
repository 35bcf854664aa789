//! Entries of a map, taken out and left out without touching the bytes of the others.

use super::{RawValue, ValueKind, walk};
use crate::limits::DECODE_DEPTH_MAX;

/// One entry: key, value, and both as they are on the wire.
type Entry<'a> = (&'a str, RawValue<'a>, &'a [u8]);

impl RawValue<'_> {
    /// The value under this key, if this is a map and has one there; of duplicates the last.
    pub fn field(&self, key: &str) -> Option<RawValue<'_>> {
        let same = self.entries().filter(|(name, ..)| *name == key);
        same.map(|(_, value, _)| value).last()
    }

    /// A map without the entries under these keys, the others byte for byte; `None` if there is
    /// nothing to leave out.
    pub fn without_fields<K: AsRef<str>>(&self, keys: &[K]) -> Option<RawValue<'static>> {
        let is_out = |name: &str| keys.iter().any(|key| key.as_ref() == name);
        if !self.entries().any(|(name, ..)| is_out(name)) {
            return None;
        }
        let mut data = vec![0; 2];
        let mut count: u16 = 0;
        for (_, _, wire) in self.entries().filter(|(name, ..)| !is_out(name)) {
            data.extend_from_slice(wire);
            count += 1;
        }
        data[..2].copy_from_slice(&count.to_be_bytes());
        Some(RawValue::from_written(ValueKind::Map, data))
    }

    /// The entries of a map in the order of the wire; none of anything else.
    fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut rest = match self.kind {
            ValueKind::Map => walk::content(&self.data),
            _ => &[],
        };
        // The value was checked when it was made, so an entry that cannot be read does not exist.
        std::iter::from_fn(move || {
            let (key, used) =
                RawValue::take(ValueKind::String as u8, rest, DECODE_DEPTH_MAX).ok()?;
            let (kind, inner) = rest[used..].split_first()?;
            let (value, inside) = RawValue::take(*kind, inner, DECODE_DEPTH_MAX).ok()?;
            let (wire, after) = rest.split_at(used + 1 + inside);
            rest = after;
            debug_assert!(key.as_str().is_some(), "a key is text");
            let name = std::str::from_utf8(&wire[2..used]).ok()?;
            Some((name, value, wire))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;

    fn map(entries: &[(&str, Value)]) -> RawValue<'static> {
        let entries = entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
        RawValue::try_from(&Value::Map(entries.collect())).unwrap()
    }

    fn sample() -> RawValue<'static> {
        let nested = Value::Map(vec![("secret".into(), Value::Int(1))]);
        let twice = Value::String("two".into());
        map(&[
            ("secret", Value::Int(1)),
            ("name", Value::String("one".into())),
            ("inner", nested),
            ("name", twice),
            ("", Value::Null),
        ])
    }

    #[test]
    fn a_field_is_the_last_one_of_its_name() {
        let value = sample();
        assert_eq!(value.field("name").unwrap().as_str(), Some("two"));
        assert_eq!(value.field("").unwrap().kind(), ValueKind::Null);
        assert_eq!(value.field("inner").unwrap().depth(), 1);
        assert_eq!(value.field("other"), None);
        assert_eq!(RawValue::int(1).field("name"), None);
    }

    #[test]
    fn fields_are_left_out_at_the_top_only_and_all_of_them() {
        let value = sample();
        let left = value.without_fields(&["secret", "name"]).unwrap();
        let inner = Value::Map(vec![("secret".into(), Value::Int(1))]);
        assert_eq!(left, map(&[("inner", inner), ("", Value::Null)]));
        assert_eq!(value.without_fields(&["other"]), None);
        assert_eq!(RawValue::int(1).without_fields(&["secret"]), None);
    }

    #[test]
    fn narrow_numbers_keep_their_bytes() {
        let narrow = [0, 2, 0, 1, b'a', 0x02, 7, 0, 1, b'b', 0x0A, 0, 2, 0x02, 1, 0x03, 0, 2];
        let (value, used) = RawValue::parse(ValueKind::Map as u8, &narrow).unwrap();
        assert_eq!(used, narrow.len());
        let left = value.without_fields(&["a"]).unwrap();
        assert_eq!(left.data(), [&[0, 1][..], &narrow[7..]].concat());
    }
}

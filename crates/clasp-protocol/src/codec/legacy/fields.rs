//! Finds the named fields of a MessagePack map, in whatever order they come.

use super::input::{Input, Token};
use crate::codec::error::DecodeProblem;
use crate::codec::reader::Read;

const KEY: &str = "a key";

/// The fields of one map that have a name its reader knows.
pub(super) struct Fields<'a, const N: usize> {
    names: [&'static str; N],
    found: [Option<Input<'a>>; N],
}

impl<'a, const N: usize> Fields<'a, N> {
    /// Passes over a map and remembers where the named fields are. Unknown keys are ignored.
    pub(super) fn read(input: &mut Input<'a>, names: [&'static str; N]) -> Read<Fields<'a, N>> {
        let mut fields = Fields { names, found: [None; N] };
        let Token::Map(count) = input.token("the map")? else {
            return Err(DecodeProblem::Kind("the map"));
        };
        for _ in 0..count {
            match key_at(input, &names)? {
                Some(at) if fields.found[at].is_some() => {
                    return Err(DecodeProblem::Duplicate(names[at]));
                }
                Some(at) => {
                    fields.found[at] = Some(*input);
                    input.skip(names[at])?;
                }
                None => input.skip("an unknown field")?,
            }
        }
        Ok(fields)
    }

    fn find(&self, name: &'static str) -> Option<Input<'a>> {
        let at = self.names.iter().position(|known| *known == name)?;
        self.found[at]
    }

    /// A field that must be there.
    pub(super) fn must<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(&mut Input<'a>, &'static str) -> Read<T>,
    ) -> Read<T> {
        read(&mut self.find(name).ok_or(DecodeProblem::Missing(name))?, name)
    }

    /// A field that may be absent, but not nil.
    pub(super) fn or_default<T: Default>(
        &self,
        name: &'static str,
        read: impl FnOnce(&mut Input<'a>, &'static str) -> Read<T>,
    ) -> Read<T> {
        self.find(name).map_or_else(|| Ok(T::default()), |mut input| read(&mut input, name))
    }

    /// A field that may be absent or nil.
    pub(super) fn maybe<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(&mut Input<'a>, &'static str) -> Read<T>,
    ) -> Read<Option<T>> {
        let Some(mut input) = self.find(name) else {
            return Ok(None);
        };
        if matches!(input.clone().token(name)?, Token::Nil) {
            return Ok(None);
        }
        read(&mut input, name).map(Some)
    }
}

/// Takes a key; tells which of the names it is.
fn key_at(input: &mut Input<'_>, names: &[&'static str]) -> Read<Option<usize>> {
    if let Token::Str(key) = input.clone().token(KEY)? {
        input.token(KEY)?;
        return Ok(names.iter().position(|name| name.as_bytes() == key));
    }
    input.skip(KEY)?;
    Ok(None)
}

/// The text under `type` of the map that comes next; the map itself is not taken.
pub(super) fn type_name<'a>(mut map: Input<'a>) -> Read<&'a str> {
    let Token::Map(count) = map.token("the map")? else {
        return Err(DecodeProblem::Kind("the map"));
    };
    for _ in 0..count {
        match key_at(&mut map, &["type"])? {
            Some(_) => return map.str("type"),
            None => map.skip("an unknown field")?,
        }
    }
    Err(DecodeProblem::Missing("type"))
}

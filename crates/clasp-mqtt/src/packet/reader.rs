//! Reads the fields that packets are made of.

use super::{Fault, Properties, Scope, Version};

const SHORT: Fault = Fault::malformed("the packet ends within a field");

/// What is left of a packet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    version: Version,
}

impl<'a> Reader<'a> {
    pub(super) fn new(rest: &'a [u8], version: Version) -> Reader<'a> {
        Reader { rest, version }
    }

    pub(super) fn version(&self) -> Version {
        self.version
    }

    pub(super) fn speak(&mut self, version: Version) {
        self.version = version;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Everything that is left.
    pub(super) fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// The packet has to be over.
    pub(super) fn finish(self) -> Result<(), Fault> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(Fault::malformed("there are bytes after the packet's last field"))
    }

    pub(super) fn take(&mut self, bytes: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.rest.split_at_checked(bytes).ok_or(SHORT)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Fault> {
        let (first, rest) = self.rest.split_first().ok_or(SHORT)?;
        self.rest = rest;
        Ok(*first)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Fault> {
        let (first, rest) = self.rest.split_first_chunk().ok_or(SHORT)?;
        self.rest = rest;
        Ok(u16::from_be_bytes(*first))
    }

    pub(super) fn u32(&mut self) -> Result<u32, Fault> {
        let (first, rest) = self.rest.split_first_chunk().ok_or(SHORT)?;
        self.rest = rest;
        Ok(u32::from_be_bytes(*first))
    }

    /// A number of up to four bytes with seven bits each.
    pub(super) fn varint(&mut self) -> Result<u32, Fault> {
        let mut value = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.byte()?;
            value |= u32::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Fault::malformed("a variable byte integer has more than four bytes"))
    }

    pub(super) fn packet_id(&mut self) -> Result<u16, Fault> {
        match self.u16()? {
            0 => Err(Fault::protocol("the packet identifier is 0")),
            id => Ok(id),
        }
    }

    pub(super) fn data(&mut self) -> Result<&'a [u8], Fault> {
        let bytes = self.u16()?;
        self.take(usize::from(bytes))
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Fault> {
        let text = std::str::from_utf8(self.data()?)
            .map_err(|_| Fault::malformed("a string is not UTF-8"))?;
        if text.contains('\0') {
            return Err(Fault::malformed("a string has the character U+0000"));
        }
        Ok(text)
    }

    /// The properties of MQTT 5; none before.
    pub(super) fn properties(&mut self, scope: Scope) -> Result<Properties<'a>, Fault> {
        if self.version != Version::V5 {
            return Ok(Properties::default());
        }
        let bytes = self.varint()?;
        Properties::check(self.take(bytes as usize)?, scope)
    }
}

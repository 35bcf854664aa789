//! SUBSCRIBE and UNSUBSCRIBE.

use super::reader::Reader;
use super::{Fault, Properties, Scope, Version};

/// SUBSCRIBE.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Subscribe<'a> {
    /// Packet identifier.
    pub id: u16,
    /// Properties.
    pub properties: Properties<'a>,
    list: Reader<'a>,
}

/// A filter of a SUBSCRIBE with its options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<'a> {
    /// Filter as written, unchecked.
    pub filter: &'a str,
    /// Largest QoS to deliver with.
    pub qos: u8,
    /// Not what this client publishes itself.
    pub no_local: bool,
    /// Leave the retain flag as it was published.
    pub retain_as_published: bool,
    /// 0: tell what is retained; 1: only if the subscription is new; 2: do not.
    pub retain_handling: u8,
}

/// UNSUBSCRIBE.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unsubscribe<'a> {
    /// Packet identifier.
    pub id: u16,
    list: Reader<'a>,
}

impl<'a> Subscribe<'a> {
    pub(super) fn read(mut reader: Reader<'a>) -> Result<Subscribe<'a>, Fault> {
        let id = reader.packet_id()?;
        let properties = reader.properties(Scope::SUBSCRIBE)?;
        let list = reader;
        if reader.is_empty() {
            return Err(Fault::protocol("SUBSCRIBE has no filter"));
        }
        while !reader.is_empty() {
            asked(&mut reader)?;
        }
        Ok(Subscribe { id, properties, list })
    }

    /// Its filters, at least one.
    pub fn filters(&self) -> impl Iterator<Item = Asked<'a>> + use<'a> {
        let mut list = self.list;
        std::iter::from_fn(move || asked(&mut list).ok())
    }
}

impl<'a> Unsubscribe<'a> {
    pub(super) fn read(mut reader: Reader<'a>) -> Result<Unsubscribe<'a>, Fault> {
        let id = reader.packet_id()?;
        reader.properties(Scope::UNSUBSCRIBE)?;
        let list = reader;
        if reader.is_empty() {
            return Err(Fault::protocol("UNSUBSCRIBE has no filter"));
        }
        while !reader.is_empty() {
            reader.text()?;
        }
        Ok(Unsubscribe { id, list })
    }

    /// Its filters, at least one.
    pub fn filters(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let mut list = self.list;
        std::iter::from_fn(move || list.text().ok())
    }
}

fn asked<'a>(reader: &mut Reader<'a>) -> Result<Asked<'a>, Fault> {
    let filter = reader.text()?;
    let options = reader.byte()?;
    let reserved = if reader.version() == Version::V5 { 0xC0 } else { 0xFC };
    let (qos, retain_handling) = (options & 3, options >> 4 & 3);
    if options & reserved != 0 || qos == 3 {
        return Err(Fault::malformed("the options of a subscription are wrong"));
    }
    if retain_handling == 3 {
        return Err(Fault::protocol("there is no retain handling 3"));
    }
    Ok(Asked {
        filter,
        qos,
        no_local: options & 4 != 0,
        retain_as_published: options & 8 != 0,
        retain_handling,
    })
}

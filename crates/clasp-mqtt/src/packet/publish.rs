//! PUBLISH from a client.

use super::reader::Reader;
use super::{Fault, Properties, Scope};

/// PUBLISH.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Publish<'a> {
    /// It may have been sent before.
    pub dup: bool,
    /// QoS, 0 to 2.
    pub qos: u8,
    /// It is to be kept for later subscribers.
    pub retain: bool,
    /// Topic name as written: unchecked, empty if an alias stands for it.
    pub topic: &'a str,
    /// Packet identifier; 0 with QoS 0.
    pub id: u16,
    /// Properties.
    pub properties: Properties<'a>,
    /// Payload.
    pub payload: &'a [u8],
}

impl<'a> Publish<'a> {
    pub(super) fn read(flags: u8, mut reader: Reader<'a>) -> Result<Publish<'a>, Fault> {
        let qos = flags >> 1 & 3;
        if qos == 3 {
            return Err(Fault::malformed("there is no QoS 3"));
        }
        let dup = flags & 8 != 0;
        if dup && qos == 0 {
            return Err(Fault::malformed("a message of QoS 0 is no duplicate"));
        }
        let topic = reader.text()?;
        let id = if qos > 0 { reader.packet_id()? } else { 0 };
        let properties = reader.properties(Scope::PUBLISH)?;
        let payload = reader.rest();
        Ok(Publish { dup, qos, retain: flags & 1 != 0, topic, id, properties, payload })
    }
}

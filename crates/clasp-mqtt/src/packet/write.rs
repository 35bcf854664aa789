//! Writes the packets that a server sends.

use super::{PacketType, Property, Version};

/// Collects properties.
#[derive(Debug, Default)]
pub struct PropertyWriter {
    raw: Vec<u8>,
}

impl PropertyWriter {
    /// A property of one byte.
    pub fn byte(&mut self, property: Property, value: u8) {
        self.raw.extend_from_slice(&[property as u8, value]);
    }

    /// A property of two bytes.
    pub fn u16(&mut self, property: Property, value: u16) {
        self.raw.push(property as u8);
        self.raw.extend_from_slice(&value.to_be_bytes());
    }

    /// A property of four bytes.
    pub fn u32(&mut self, property: Property, value: u32) {
        self.raw.push(property as u8);
        self.raw.extend_from_slice(&value.to_be_bytes());
    }

    /// A property of variable length.
    pub fn varint(&mut self, property: Property, value: u32) {
        self.raw.push(property as u8);
        varint(value as usize, &mut self.raw);
    }

    /// A string, cut to what fits.
    pub fn text(&mut self, property: Property, value: &str) {
        self.raw.push(property as u8);
        text(value, &mut self.raw);
    }

    /// Properties as they came.
    pub fn raw(&mut self, raw: &[u8]) {
        self.raw.extend_from_slice(raw);
    }

    /// What was collected.
    pub fn bytes(&self) -> &[u8] {
        &self.raw
    }
}

/// A PUBLISH to a client.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// It may have been sent before.
    pub dup: bool,
    /// QoS, 0 to 2.
    pub qos: u8,
    /// Retain flag.
    pub retain: bool,
    /// Topic name, at most 65,535 bytes; empty if an alias stands for it.
    pub topic: &'a str,
    /// Packet identifier above QoS 0.
    pub id: u16,
    /// Properties, for MQTT 5.
    pub properties: &'a [u8],
    /// Payload.
    pub payload: &'a [u8],
}

impl Outgoing<'_> {
    /// Bytes of the whole packet.
    pub fn total(&self, version: Version) -> usize {
        let remaining = self.remaining(version);
        1 + varint_bytes(remaining) + remaining
    }

    fn remaining(&self, version: Version) -> usize {
        let properties = match version {
            Version::V5 => varint_bytes(self.properties.len()) + self.properties.len(),
            _ => 0,
        };
        2 + self.topic.len() + usize::from(self.qos > 0) * 2 + properties + self.payload.len()
    }
}

/// Appends a PUBLISH.
pub fn publish(packet: &Outgoing<'_>, version: Version, out: &mut Vec<u8>) {
    let flags = u8::from(packet.dup) << 3 | packet.qos << 1 | u8::from(packet.retain);
    let remaining = packet.remaining(version);
    out.reserve(5 + remaining);
    out.push((PacketType::Publish as u8) << 4 | flags);
    varint(remaining, out);
    text(packet.topic, out);
    if packet.qos > 0 {
        out.extend_from_slice(&packet.id.to_be_bytes());
    }
    if version == Version::V5 {
        varint(packet.properties.len(), out);
        out.extend_from_slice(packet.properties);
    }
    out.extend_from_slice(packet.payload);
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP to a client.
#[derive(Debug, Clone, Copy)]
pub struct Acknowledgement<'a> {
    /// Which of the four.
    pub kind: PacketType,
    /// Packet identifier.
    pub id: u16,
    /// Reason code, for MQTT 5.
    pub reason: u8,
    /// Why, for a person, for MQTT 5; empty for nothing.
    pub text: &'a str,
}

/// Appends an acknowledgement.
pub fn ack(packet: &Acknowledgement<'_>, version: Version, out: &mut Vec<u8>) {
    let [high, low] = packet.id.to_be_bytes();
    let mut body = vec![high, low];
    if version == Version::V5 && (packet.reason != 0 || !packet.text.is_empty()) {
        body.push(packet.reason);
        if !packet.text.is_empty() {
            let mut properties = PropertyWriter::default();
            properties.text(Property::ReasonString, packet.text);
            varint(properties.raw.len(), &mut body);
            body.extend_from_slice(&properties.raw);
        }
    }
    write(packet.kind, &body, None, &[], out);
}

/// Appends any other packet: its body with properties in between, if it has any.
pub fn write(
    kind: PacketType,
    head: &[u8],
    properties: Option<&PropertyWriter>,
    tail: &[u8],
    out: &mut Vec<u8>,
) {
    let bytes = properties.map_or(0, |list| varint_bytes(list.raw.len()) + list.raw.len());
    out.push((kind as u8) << 4 | kind.flags());
    varint(head.len() + bytes + tail.len(), out);
    out.extend_from_slice(head);
    if let Some(list) = properties {
        varint(list.raw.len(), out);
        out.extend_from_slice(&list.raw);
    }
    out.extend_from_slice(tail);
}

fn text(value: &str, out: &mut Vec<u8>) {
    let value = &value[..value.floor_char_boundary(usize::from(u16::MAX))];
    out.extend_from_slice(&(value.len() as u16).to_be_bytes());
    out.extend_from_slice(value.as_bytes());
}

fn varint(mut value: usize, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7F) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn varint_bytes(value: usize) -> usize {
    match value {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        _ => 4,
    }
}

//! MQTT 3.1.1 with QoS 0.

use anyhow::{Context, Result, bail, ensure};

use super::{Found, Kind, Role, Template, Wire};
use crate::link::Link;

/// An MQTT client. A SET travels as a retained message.
pub(crate) struct Mqtt;

const CONNECT: u8 = 0x10;
const PUBLISH: u8 = 0x30;
const PUBLISH_RETAINED: u8 = 0x31;
const SUBSCRIBE: u8 = 0x82;
const PINGREQ: [u8; 2] = [0xC0, 0];
const CLEAN_SESSION: u8 = 0x02;

/// `/bench/1` as `bench/1`, `/late/**` as `late/#`.
fn name(topic: &str) -> String {
    topic.trim_start_matches('/').replace("**", "#")
}

fn text(text: &str, out: &mut Vec<u8>) {
    let length = u16::try_from(text.len()).expect("the benchmark's topics are short");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Appends first byte and remaining length.
fn header(first: u8, mut remaining: usize, out: &mut Vec<u8>) {
    out.push(first);
    loop {
        let more = if remaining > 0x7F { 0x80 } else { 0 };
        out.push((remaining & 0x7F) as u8 | more);
        remaining >>= 7;
        if remaining == 0 {
            return;
        }
    }
}

fn packet(first: u8, body: &[u8], out: &mut Vec<u8>) {
    header(first, body.len(), out);
    out.extend_from_slice(body);
}

impl Wire for Mqtt {
    fn preamble(&self, _: &mut Link, _: Role<'_>) -> Result<()> {
        Ok(())
    }

    fn opening(&self, role: Role<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut connect = Vec::new();
        text("MQTT", &mut connect);
        connect.extend_from_slice(&[4, CLEAN_SESSION, 0, 0]);
        text("", &mut connect);
        packet(CONNECT, &connect, &mut bytes);
        if let Some(topic) = role.interest() {
            let mut subscribe = vec![0, 1];
            text(&name(topic), &mut subscribe);
            subscribe.push(0);
            packet(SUBSCRIBE, &subscribe, &mut bytes);
        }
        bytes.extend_from_slice(&PINGREQ);
        bytes
    }

    fn ping(&self) -> Vec<u8> {
        PINGREQ.to_vec()
    }

    fn message(&self, topic: &str, kind: Kind, value_bytes: usize) -> Template {
        let first = if kind == Kind::Set { PUBLISH_RETAINED } else { PUBLISH };
        let mut body = Vec::new();
        text(&name(topic), &mut body);
        let mut bytes = Vec::new();
        header(first, body.len() + value_bytes, &mut bytes);
        bytes.extend_from_slice(&body);
        let sequence_at = bytes.len();
        bytes.resize(sequence_at + value_bytes, 0xA5);
        Template::new(bytes, sequence_at)
    }

    fn scan(&self, bytes: &[u8], found: &mut Found) -> Result<usize> {
        let mut taken = 0;
        while let Some((first, body, length)) = read(&bytes[taken..])? {
            match first >> 4 {
                3 => {
                    let topic = body.first_chunk().context("a PUBLISH without a topic")?;
                    let topic_bytes = usize::from(u16::from_be_bytes(*topic));
                    found.value(body.get(2 + topic_bytes..).context("a PUBLISH is cut")?)?;
                }
                2 => ensure!(body.get(1) == Some(&0), "CONNACK refuses the connection"),
                9 => ensure!(body.get(2).is_some_and(|code| *code < 0x80), "SUBACK refuses"),
                13 => found.pongs += 1,
                kind => bail!("packets of type {kind} were not asked for"),
            }
            taken += length;
        }
        Ok(taken)
    }
}

/// First byte, body and length of the packet at the start; `None` until it is complete.
#[inline]
fn read(bytes: &[u8]) -> Result<Option<(u8, &[u8], usize)>> {
    let Some((first, rest)) = bytes.split_first() else { return Ok(None) };
    let mut remaining = 0;
    for (index, byte) in rest.iter().take(4).enumerate() {
        remaining |= usize::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            let body = rest[index + 1..].get(..remaining);
            return Ok(body.map(|body| (*first, body, 2 + index + remaining)));
        }
    }
    ensure!(rest.len() < 4, "the length of an MQTT packet has no end");
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_found_again() {
        for value_bytes in [8, 127, 1024, 20_000] {
            let mut bytes = Vec::new();
            Mqtt.message("/bench/1", Kind::Event, value_bytes).append(5, &mut bytes);
            let mut found = Found::default();
            assert_eq!(Mqtt.scan(&bytes, &mut found).unwrap(), bytes.len());
            assert_eq!((&found.sequences[..], found.value_bytes), (&[5][..], value_bytes as u64));
            assert_eq!(Mqtt.scan(&bytes[..bytes.len() - 1], &mut found).unwrap(), 0);
        }
    }

    #[test]
    fn answers_are_told_apart() {
        let mut found = Found::default();
        let bytes = [0x20, 2, 0, 0, 0x90, 3, 0, 1, 0, 0xD0, 0];
        assert_eq!(Mqtt.scan(&bytes, &mut found).unwrap(), bytes.len());
        assert_eq!(found.pongs, 1);
        assert!(Mqtt.scan(&[0x20, 2, 0, 5], &mut found).is_err());
        assert!(Mqtt.scan(&[0x90, 3, 0, 1, 0x80], &mut found).is_err());
    }

    #[test]
    fn topics_have_no_leading_slash() {
        assert_eq!(name("/bench/1"), "bench/1");
        assert_eq!(name("/late/**"), "late/#");
    }
}

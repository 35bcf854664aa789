//! The text protocol of NATS, without JetStream.

use anyhow::{Context, Result, bail, ensure};

use super::{Found, Kind, Role, Template, Wire};
use crate::link::Link;

/// A NATS client.
pub(crate) struct Nats;

const CONNECT: &str =
    "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"bench\",\"version\":\"1\"}\r\n";

/// `/bench/1` as `bench.1`, `/late/**` as `late.>`.
fn subject(topic: &str) -> String {
    topic.trim_start_matches('/').replace("**", ">").replace('/', ".")
}

impl Wire for Nats {
    fn preamble(&self, link: &mut Link, _: Role<'_>) -> Result<()> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', link.received()) {
                ensure!(
                    link.received().starts_with(b"INFO "),
                    "the server did not begin with INFO"
                );
                link.consume(end + 1);
                return Ok(());
            }
            link.receive()?;
        }
    }

    fn opening(&self, role: Role<'_>) -> Vec<u8> {
        let interest = role.interest().map(|topic| format!("SUB {} 1\r\n", subject(topic)));
        format!("{CONNECT}{}PING\r\n", interest.unwrap_or_default()).into_bytes()
    }

    fn ping(&self) -> Vec<u8> {
        b"PING\r\n".to_vec()
    }

    fn message(&self, topic: &str, _: Kind, value_bytes: usize) -> Template {
        let mut bytes = format!("PUB {} {value_bytes}\r\n", subject(topic)).into_bytes();
        let sequence_at = bytes.len();
        bytes.resize(sequence_at + value_bytes, 0xA5);
        bytes.extend_from_slice(b"\r\n");
        Template::new(bytes, sequence_at)
    }

    fn scan(&self, bytes: &[u8], found: &mut Found) -> Result<usize> {
        let mut taken = 0;
        while let Some(end) = memchr::memchr(b'\n', &bytes[taken..]) {
            let line = &bytes[taken..taken + end];
            let mut length = end + 1;
            match line {
                [b'M', ..] => {
                    let value_bytes = size(line)?;
                    let body = &bytes[taken + length..];
                    if body.len() < value_bytes + 2 {
                        break;
                    }
                    found.value(&body[..value_bytes])?;
                    length += value_bytes + 2;
                }
                [b'P', b'O', ..] => found.pongs += 1,
                [b'P' | b'+' | b'I', ..] => {}
                _ => bail!("the server says {}", String::from_utf8_lossy(line).trim()),
            }
            taken += length;
        }
        Ok(taken)
    }
}

/// The last word of `MSG <subject> <sid> <bytes>`.
#[inline]
fn size(line: &[u8]) -> Result<usize> {
    let mut size = 0;
    let mut place = 1;
    for byte in line.strip_suffix(b"\r").unwrap_or(line).iter().rev() {
        match byte {
            b'0'..=b'9' => {
                size += usize::from(byte - b'0') * place;
                place = place.checked_mul(10).context("the size of a MSG is absurd")?;
            }
            b' ' if place > 1 => return Ok(size),
            _ => break,
        }
    }
    bail!("MSG without a size: {}", String::from_utf8_lossy(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_between_other_lines_and_cut_ones_waited_for() {
        let mut bytes = b"+OK\r\nMSG bench.1 1 8\r\n".to_vec();
        bytes.extend_from_slice(&3_u64.to_be_bytes());
        bytes.extend_from_slice(b"\r\nPING\r\nPONG\r\n");
        let whole = bytes.len();
        bytes.extend_from_slice(b"MSG bench.1 1 10\r\n123456789");
        let mut found = Found::default();
        assert_eq!(Nats.scan(&bytes, &mut found).unwrap(), whole);
        assert_eq!((found.sequences, found.value_bytes, found.pongs), (vec![3], 8, 1));
    }

    #[test]
    fn a_value_may_hold_line_ends() {
        let template = Nats.message("/bench/1", Kind::Event, 8);
        let mut sent = Vec::new();
        template.append(0x0a0d_0a0d_0a0d_0a0d, &mut sent);
        let bytes = [b"MSG bench.1 1 8\r\n", &sent[b"PUB bench.1 8\r\n".len()..]].concat();
        let mut found = Found::default();
        assert_eq!(Nats.scan(&bytes, &mut found).unwrap(), bytes.len());
        assert_eq!(found.sequences, [0x0a0d_0a0d_0a0d_0a0d]);
    }

    #[test]
    fn a_refusal_is_an_error() {
        let error = Nats.scan(b"-ERR 'Slow Consumer'\r\n", &mut Found::default()).unwrap_err();
        assert!(error.to_string().contains("Slow Consumer"));
    }

    #[test]
    fn subjects_have_dots() {
        assert_eq!(subject("/late/12"), "late.12");
        assert_eq!(subject("/late/**"), "late.>");
    }
}

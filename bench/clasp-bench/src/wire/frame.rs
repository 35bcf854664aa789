//! CLASP frames as bytes (wire.md sections 1, 4 and 5), written apart from the product's codec so
//! that one cannot hide the mistakes of the other.

use anyhow::{Context, Result, bail, ensure};

use super::{Found, Kind};

const MAGIC: u8 = 0x53;
const FIRE: u8 = 0x01;
const CONFIRM: u8 = 0x41;
const HELLO: u8 = 0x01;
const SUBSCRIBE: u8 = 0x10;
const PUBLISH: u8 = 0x20;
const SET: u8 = 0x21;
const SNAPSHOT: u8 = 0x23;
const PING: u8 = 0x41;
const PONG: u8 = 0x42;
const ERROR: u8 = 0x51;
const EVENT: u8 = 1 << 5;
const STREAM: u8 = 2 << 5;
const ONE_VALUE: u8 = 1;
const FEATURES: u8 = 0xF8;
const EVERY_TYPE: u8 = 0xFF;
const INTEGER: u8 = 0x05;
const BYTES: u8 = 0x09;
const HEADER_BYTES: usize = 4;

fn frame(flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).expect("the benchmark's messages are short");
    let [high, low] = length.to_be_bytes();
    [&[MAGIC, flags, high, low], payload].concat()
}

fn text(text: &str, out: &mut Vec<u8>) {
    let length = u16::try_from(text.len()).expect("the benchmark's texts are short");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

pub(super) fn hello() -> Vec<u8> {
    let mut payload = vec![HELLO, 1, FEATURES];
    text("clasp-bench", &mut payload);
    text("", &mut payload);
    frame(FIRE, &payload)
}

pub(super) fn subscribe(pattern: &str) -> Vec<u8> {
    let mut payload = vec![SUBSCRIBE, 0, 0, 0, 1];
    text(pattern, &mut payload);
    payload.extend_from_slice(&[EVERY_TYPE, 0]);
    frame(CONFIRM, &payload)
}

pub(super) fn ping() -> Vec<u8> {
    frame(FIRE, &[PING])
}

/// A message and where its sequence number begins. Eight bytes travel as an integer, more as
/// a byte string; QoS is what the published clients use (wire.md 9.2).
pub(super) fn message(address: &str, kind: Kind, value_bytes: usize) -> (Vec<u8>, usize) {
    let value_type = if value_bytes == 8 { INTEGER } else { BYTES };
    let mut payload = match kind {
        Kind::Event => vec![PUBLISH, EVENT],
        Kind::Stream => vec![PUBLISH, STREAM],
        Kind::Set => vec![SET, value_type],
    };
    text(address, &mut payload);
    if kind != Kind::Set {
        payload.extend_from_slice(&[ONE_VALUE, value_type]);
    }
    if value_type == BYTES {
        let length = u16::try_from(value_bytes).expect("values are at most 64 KiB");
        payload.extend_from_slice(&length.to_be_bytes());
    }
    let sequence_at = HEADER_BYTES + payload.len();
    payload.resize(payload.len() + value_bytes, 0xA5);
    let flags = if kind == Kind::Stream { FIRE } else { CONFIRM };
    (frame(flags, &payload), sequence_at)
}

/// Notes what one frame carries.
#[inline]
pub(super) fn read(frame: &[u8], found: &mut Found) -> Result<()> {
    let [MAGIC, _, high, low, payload @ ..] = frame else { bail!("no CLASP frame came") };
    ensure!(
        payload.len() == usize::from(u16::from_be_bytes([*high, *low])),
        "a CLASP frame has another length than its WebSocket frame"
    );
    let Some((code, rest)) = payload.split_first() else { bail!("a CLASP frame is empty") };
    let mut cursor = Cursor(rest);
    match *code {
        PUBLISH => {
            cursor.take(1)?;
            cursor.text()?;
            ensure!(cursor.u8()? == ONE_VALUE, "a PUBLISH came without its value");
            let value_type = cursor.u8()?;
            found.value(cursor.value(value_type)?)
        }
        SET => {
            let value_type = cursor.u8()? & 0x0F;
            cursor.text()?;
            found.value(cursor.value(value_type)?)
        }
        SNAPSHOT => snapshot(&mut cursor, found),
        PONG => {
            found.pongs += 1;
            Ok(())
        }
        ERROR => {
            let number = cursor.u16()?;
            bail!("ERROR {number}: {}", String::from_utf8_lossy(cursor.text()?))
        }
        _ => Ok(()),
    }
}

fn snapshot(cursor: &mut Cursor<'_>, found: &mut Found) -> Result<()> {
    for _ in 0..cursor.u16()? {
        cursor.text()?;
        let value_type = cursor.u8()?;
        found.value(cursor.value(value_type)?)?;
        cursor.take(8)?;
        let opt = cursor.u8()?;
        if opt & 1 != 0 {
            cursor.text()?;
        }
        if opt & 2 != 0 {
            cursor.take(8)?;
        }
    }
    Ok(())
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    #[inline]
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).context("a CLASP message is cut")?;
        self.0 = rest;
        Ok(taken)
    }

    #[inline]
    fn u8(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    #[inline]
    fn u16(&mut self) -> Result<u16> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    #[inline]
    fn text(&mut self) -> Result<&'a [u8]> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }

    #[inline]
    fn value(&mut self, value_type: u8) -> Result<&'a [u8]> {
        match value_type {
            INTEGER => self.take(8),
            BYTES => self.text(),
            other => bail!("a value of type 0x{other:02x} came, none such was sent"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_found_again() {
        for kind in [Kind::Event, Kind::Stream, Kind::Set] {
            for value_bytes in [8, 9, 1024] {
                let (mut bytes, at) = message("/bench/1", kind, value_bytes);
                bytes[at..at + 8].copy_from_slice(&77_u64.to_be_bytes());
                let mut found = Found::default();
                read(&bytes, &mut found).unwrap();
                assert_eq!(found.sequences, [77], "{kind:?} {value_bytes}");
                assert_eq!(found.value_bytes, value_bytes as u64);
            }
        }
    }

    #[test]
    fn every_entry_of_a_snapshot_counts() {
        let mut payload = vec![SNAPSHOT, 0, 2];
        for (number, opt) in [(5_u64, 3_u8), (6, 0)] {
            text("/late/x", &mut payload);
            payload.push(INTEGER);
            payload.extend_from_slice(&number.to_be_bytes());
            payload.extend_from_slice(&1_u64.to_be_bytes());
            payload.push(opt);
            if opt == 3 {
                text("writer", &mut payload);
                payload.extend_from_slice(&[0; 8]);
            }
        }
        let mut found = Found::default();
        read(&frame(FIRE, &payload), &mut found).unwrap();
        assert_eq!(found.sequences, [5, 6]);
    }

    #[test]
    fn a_refusal_is_an_error_with_its_text() {
        let mut payload = vec![ERROR, 0x01, 0x2d];
        text("forbidden", &mut payload);
        payload.push(0);
        let error = read(&frame(FIRE, &payload), &mut Found::default()).unwrap_err();
        assert_eq!(error.to_string(), "ERROR 301: forbidden");
    }

    #[test]
    fn a_cut_message_is_an_error() {
        let (bytes, _) = message("/bench/1", Kind::Event, 8);
        let payload = &bytes[HEADER_BYTES..];
        for length in 1..payload.len() {
            let cut = frame(FIRE, &payload[..length]);
            assert!(read(&cut, &mut Found::default()).is_err(), "{length}");
        }
    }
}

//! The client's side of WebSocket (RFC 6455): upgrade, masked frames out, plain frames in.

use anyhow::{Result, bail, ensure};

use super::Template;
use crate::link::Link;

pub(super) const BINARY: u8 = 0x2;
pub(super) const PING: u8 = 0x9;
const CLOSE: u8 = 0x8;
pub(super) const PONG: u8 = 0xA;
const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;
/// Any key does, but not zero: a server must not get away without unmasking.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
/// Key and answer of the example in RFC 6455 section 1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &[u8] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const RESPONSE_BYTES_MAX: usize = 8192;

/// Upgrades the connection; `protocol` is offered as a subprotocol.
pub(super) fn upgrade(link: &mut Link, path: &str, protocol: Option<&str>) -> Result<()> {
    let offer = protocol.map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n"));
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{}\r\n",
        offer.unwrap_or_default()
    );
    link.send(request.as_bytes())?;
    loop {
        if let Some(end) = memchr::memmem::find(link.received(), b"\r\n\r\n") {
            let head = &link.received()[..end];
            let accepted = memchr::memmem::find(head, ACCEPT).is_some();
            ensure!(
                head.starts_with(b"HTTP/1.1 101") && accepted,
                "the upgrade was refused: {}",
                String::from_utf8_lossy(head)
            );
            link.consume(end + 4);
            return Ok(());
        }
        ensure!(link.received().len() < RESPONSE_BYTES_MAX, "the upgrade response has no end");
        link.receive()?;
    }
}

/// Appends a masked frame.
pub(super) fn write(opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.push(FINAL | opcode);
    match payload.len() {
        length @ 0..=125 => out.push(MASKED | length as u8),
        length @ 126..=0xFFFF => {
            out.push(MASKED | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(MASKED | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&MASK);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
}

/// Wraps a message whose sequence number is at `sequence_at` of the payload.
pub(super) fn template(payload: &[u8], sequence_at: usize) -> Template {
    let mut bytes = Vec::new();
    write(BINARY, payload, &mut bytes);
    let header = bytes.len() - payload.len();
    let mask: [u8; 8] = std::array::from_fn(|i| MASK[(sequence_at + i) % MASK.len()]);
    Template { bytes, sequence_at: header + sequence_at, mask: u64::from_be_bytes(mask) }
}

/// What a server's frame carries.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incoming<'a> {
    /// A binary message.
    Message(&'a [u8]),
    /// The answer to a ping.
    Pong,
    /// A ping of the server's; most runs are too short for it to matter.
    Ping,
}

/// The frame at the start of `bytes` and its length; `None` until it is complete.
#[inline]
pub(super) fn read(bytes: &[u8]) -> Result<Option<(Incoming<'_>, usize)>> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    let (header, length) = match (*second, rest) {
        (length @ 0..=125, _) => (2, usize::from(length)),
        (126, [high, low, ..]) => (4, usize::from(u16::from_be_bytes([*high, *low]))),
        (127, [a, b, c, d, e, f, g, h, ..]) => {
            let length = u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]);
            (10, usize::try_from(length)?)
        }
        (126 | 127, _) => return Ok(None),
        _ => bail!("the server sent a masked frame"),
    };
    let Some(payload) = bytes[header..].get(..length) else { return Ok(None) };
    let incoming = match first {
        0x82 => Incoming::Message(payload),
        first if *first == FINAL | PONG => Incoming::Pong,
        first if *first == FINAL | PING => Incoming::Ping,
        first if *first == FINAL | CLOSE => {
            let reason = String::from_utf8_lossy(payload.get(2..).unwrap_or_default());
            bail!("the server closed the connection: {reason}")
        }
        other => bail!("a WebSocket frame starts with 0x{other:02x}"),
    };
    Ok(Some((incoming, header + length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_carries_its_number_masked() {
        let payload = [7; 21];
        let template = template(&payload, 11);
        let mut frame = Vec::new();
        template.append(0x0102_0304_0506_0708, &mut frame);
        assert_eq!(frame[..6], [0x82, 0x80 | 21, 0x37, 0xfa, 0x21, 0x3d]);
        let plain: Vec<u8> =
            frame[6..].iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        assert_eq!(plain[11..19], [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!((&plain[..11], &plain[19..]), (&payload[..11], &payload[19..]));
    }

    #[test]
    fn frames_of_every_length_form_are_read_and_cut_ones_waited_for() {
        for (header, length) in [
            (vec![0x82, 125], 125),
            (vec![0x82, 126, 0x04, 0x00], 1024),
            (vec![0x82, 127, 0, 0, 0, 0, 0, 1, 0, 1], 65_537),
        ] {
            let bytes = [header.clone(), vec![9; length]].concat();
            let (incoming, taken) = read(&bytes).unwrap().unwrap();
            assert_eq!(incoming, Incoming::Message(&vec![9; length]));
            assert_eq!(taken, bytes.len());
            for cut in [0, 1, header.len(), bytes.len() - 1] {
                assert_eq!(read(&bytes[..cut]).unwrap(), None);
            }
        }
    }

    #[test]
    fn a_close_is_an_error_that_names_the_reason() {
        let error = read(&[0x88, 6, 0x03, 0xe9, b'b', b'y', b'e', b'.']).unwrap_err();
        assert!(error.to_string().ends_with("bye."), "{error}");
    }
}

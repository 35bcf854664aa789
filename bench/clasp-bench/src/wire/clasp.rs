//! CLASP over WebSocket, as the published clients speak it.

use anyhow::Result;

use super::websocket::{self, Incoming};
use super::{Found, Kind, Role, Template, Wire, frame};
use crate::link::Link;

/// A CLASP client.
pub(crate) struct Clasp;

impl Clasp {
    /// The answer to a ping without payload.
    pub(crate) fn pong(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        websocket::write(websocket::PONG, &[], &mut bytes);
        bytes
    }
}

impl Wire for Clasp {
    fn preamble(&self, link: &mut Link, _: Role<'_>) -> Result<()> {
        websocket::upgrade(link, "/clasp", Some("clasp"))
    }

    fn opening(&self, role: Role<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        websocket::write(websocket::BINARY, &frame::hello(), &mut bytes);
        if let Some(pattern) = role.interest() {
            websocket::write(websocket::BINARY, &frame::subscribe(pattern), &mut bytes);
        }
        bytes.extend(self.ping());
        bytes
    }

    fn ping(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        websocket::write(websocket::BINARY, &frame::ping(), &mut bytes);
        bytes
    }

    fn message(&self, topic: &str, kind: Kind, value_bytes: usize) -> Template {
        let (bytes, sequence_at) = frame::message(topic, kind, value_bytes);
        websocket::template(&bytes, sequence_at)
    }

    fn scan(&self, bytes: &[u8], found: &mut Found) -> Result<usize> {
        scan(bytes, found)
    }
}

/// Reads WebSocket frames with CLASP frames in them.
pub(super) fn scan(bytes: &[u8], found: &mut Found) -> Result<usize> {
    let mut taken = 0;
    while let Some((incoming, length)) = websocket::read(&bytes[taken..])? {
        match incoming {
            Incoming::Message(message) => frame::read(message, found)?,
            Incoming::Pong => found.pongs += 1,
            Incoming::Ping => found.pings += 1,
        }
        taken += length;
    }
    Ok(taken)
}

//! The bare broadcast: CLASP frames through a server that does not read them.

use anyhow::Result;

use super::{Found, Kind, Role, Template, Wire, clasp, frame, websocket};
use crate::link::Link;

/// A client of `bench/uws-broadcast`: the path is the role, the messages are CLASP's.
pub(crate) struct Hub;

impl Wire for Hub {
    fn preamble(&self, link: &mut Link, role: Role<'_>) -> Result<()> {
        let path = match role {
            Role::Publisher(topic) => format!("/pub{topic}"),
            Role::Subscriber(topic) => format!("/sub{topic}"),
        };
        websocket::upgrade(link, &path, None)
    }

    fn opening(&self, _: Role<'_>) -> Vec<u8> {
        self.ping()
    }

    fn ping(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        websocket::write(websocket::PING, &[], &mut bytes);
        bytes
    }

    fn message(&self, topic: &str, kind: Kind, value_bytes: usize) -> Template {
        let (bytes, sequence_at) = frame::message(topic, kind, value_bytes);
        websocket::template(&bytes, sequence_at)
    }

    fn scan(&self, bytes: &[u8], found: &mut Found) -> Result<usize> {
        clasp::scan(bytes, found)
    }
}

//! How clients find a relay: mDNS on the local network ([`mdns`]), answers to UDP broadcasts
//! ([`beacon`]), and a directory for relays elsewhere ([`rendezvous`]) (spec: adapters.md 8).
//!
//! Nothing here gives access to a relay; it tells where one is.

pub mod beacon;
pub mod mdns;
pub mod reach;
pub mod rendezvous;

pub use mdns::cut;

/// A new id for a relay: a random UUID in 36 characters.
pub fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// Whether this is an id of a relay.
pub fn is_id(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

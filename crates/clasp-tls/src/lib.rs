//! TLS for every listener: certificates and their reload, the first byte that tells TLS from plain
//! text, and sessions that read and write wherever their owner does (relay.md section 6).
//!
//! Life of a connection: [`Acceptor`] looks at the first byte and shakes hands, a [`Wire`] serves
//! the HTTP request, and what lives on afterwards takes its [`Channel`].

mod acceptor;
mod asker;
mod certificate;
mod channel;
mod files;
mod stream;
#[cfg(test)]
mod testing;
mod tls;
mod wire;

pub use acceptor::{Acceptor, Refused};
pub use asker::encrypt_to_anyone;
pub use channel::{Channel, READ_BYTES_MAX, Received};
pub use files::{Files, LoadError};
pub use tls::Tls;
pub use wire::{Parts, Wire};

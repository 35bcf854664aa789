//! A directory of relays over HTTP (spec: relay.md 17, adapters.md 8): [`Directory`] keeps the
//! entries, [`pages`] serves it, [`Registrar`] keeps this relay listed in one elsewhere.

mod directory;
mod pages;
mod registrar;
mod registration;

pub use directory::{Directory, Limits, Listed, Refusal, Registered};
pub use pages::pages;
pub use registrar::{Home, Registrar};
pub use registration::{Registration, Unacceptable};

/// Header with the secret that a registration was answered with.
const SECRET_HEADER: &str = "x-clasp-secret";

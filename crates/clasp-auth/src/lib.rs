//! Who a session is and what it may touch.
//!
//! A [`Scope`] is one action on one pattern, a [`Grant`] is what a token gives, and an
//! [`Authenticator`] turns tokens into grants. Nothing here does I/O or reads a clock.

mod authenticator;
mod chain;
mod grant;
mod network;
mod proxies;
mod scope;
mod throttle;

pub use authenticator::{Authenticator, Denied, Open};
pub use chain::{Chain, Verifier};
pub use grant::{Credential, CredentialKind, Grant};
pub use network::Network;
pub use proxies::TrustedProxies;
pub use scope::{Action, Scope, ScopeError, Scopes};
pub use throttle::{Quota, Throttle};

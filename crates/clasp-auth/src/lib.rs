//! Who a session is and what it may touch.
//!
//! A [`Scope`] is one action on one pattern, a [`Grant`] is what a token gives, and an
//! [`Authenticator`] turns tokens into grants. [`accounts::Accounts`] issues tokens of its own,
//! [`tokens::Tokens`] knows them. Nothing here does I/O or reads a clock.

pub mod account;
pub mod accounts;
mod admin;
mod authenticator;
mod backoff;
mod chain;
mod clock;
pub mod cpsk;
mod entitlements;
mod grant;
mod narrowing;
mod network;
pub mod password;
mod proxies;
mod scope;
pub mod store;
mod throttle;
pub mod token;
pub mod tokens;

pub use admin::{ADMIN_TOKEN_CHARS_MIN, AdminToken, WeakToken};
pub use authenticator::{Authenticator, Denied, Open};
pub use chain::{Chain, Verifier};
pub use clock::Now;
pub use entitlements::{Entitlements, FixedEntitlements};
pub use grant::{Credential, CredentialKind, Grant};
pub use network::Network;
pub use proxies::TrustedProxies;
pub use scope::{Action, Scope, ScopeError, Scopes};
pub use throttle::{Quota, Throttle};

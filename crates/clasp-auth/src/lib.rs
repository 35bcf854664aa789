//! Who a session is and what it may touch.
//!
//! A [`Scope`] is one action on one pattern, a [`Grant`] is what a token gives, and an
//! [`Authenticator`] turns tokens into grants. [`accounts::Accounts`] issues tokens of its own,
//! [`tokens::Tokens`] knows them; [`capability`], [`Entities`] and [`JwtVerifier`] know those that
//! are signed elsewhere. Nothing here does I/O or reads a clock.

pub mod account;
pub mod accounts;
mod admin;
mod anchor;
mod attenuation;
mod authenticator;
mod backoff;
pub mod capability;
mod chain;
mod clock;
pub mod cpsk;
mod denial;
mod entitlements;
mod entity;
mod grant;
mod holdings;
mod jwt;
mod msgpack;
mod narrowing;
mod network;
pub mod password;
mod proxies;
mod scope;
mod sources;
pub mod store;
mod throttle;
pub mod token;
pub mod tokens;

pub use admin::{ADMIN_TOKEN_CHARS_MIN, AdminToken, WeakToken};
pub use anchor::{AnchorError, AnchorFile, ReadAnchor, TrustAnchors, is_public_key};
pub use authenticator::{Authenticator, Denied, Open};
pub use capability::{
    Capability, CapabilityConfig, CapabilityVerifier, PublicKey, RevocationError, Revocations,
};
pub use chain::{Chain, Verifier};
pub use clock::Now;
pub use ed25519_dalek::SigningKey;
pub use entitlements::{Entitlements, FixedEntitlements};
pub use entity::{
    Defect, Entities, EntitiesError, Entity, EntityId, EntityKind, EntityLeases, EntityStatus,
    EntityStore, EntityToken, EntityTokenError, EntityTokenRules, EntityVerifier, MemoryStore,
    NotAnId, RegistryError, UnknownWord,
};
pub use grant::{Credential, CredentialKind, Grant};
pub use holdings::{Holdings, Permit};
pub use jwt::{JwtKeys, JwtKeysError, JwtRules, JwtVerifier};
pub use network::Network;
pub use proxies::TrustedProxies;
pub use scope::{Action, Scope, ScopeError, Scopes};
pub use sources::Sources;
pub use throttle::{Quota, Throttle};

/// Bytes as hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

//! Who a session is and what it may touch.
//!
//! A [`Scope`] is one action on one pattern, a [`Grant`] is what a token gives, and an
//! [`Authenticator`] turns tokens into grants. Nothing here does I/O or reads a clock.
//! [`capability`], [`Entities`] and [`JwtVerifier`] know the tokens that are signed elsewhere.

mod anchor;
mod attenuation;
mod authenticator;
pub mod capability;
mod chain;
mod denial;
mod entity;
mod grant;
mod jwt;
mod msgpack;
mod proxies;
mod scope;
mod throttle;

pub use anchor::{AnchorError, AnchorFile, ReadAnchor, TrustAnchors, is_public_key};
pub use authenticator::{Authenticator, Denied, Open};
pub use capability::{
    Capability, CapabilityConfig, CapabilityVerifier, PublicKey, RevocationError, Revocations,
};
pub use chain::{Chain, Verifier};
pub use ed25519_dalek::SigningKey;
pub use entity::{
    Defect, Entities, EntitiesError, Entity, EntityId, EntityKind, EntityStatus, EntityStore,
    EntityToken, EntityTokenError, EntityTokenRules, EntityVerifier, MemoryStore, NotAnId,
    RegistryError, UnknownWord,
};
pub use grant::{Credential, CredentialKind, Grant};
pub use jwt::{JwtKeys, JwtKeysError, JwtRules, JwtVerifier};
pub use proxies::TrustedProxies;
pub use scope::{Action, Scope, ScopeError, Scopes};
pub use throttle::{Quota, Throttle};

/// Bytes as hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

//! What a capability token may measure (spec: relay.md 11.9).

/// Bytes of a token's text.
pub const TOKEN_BYTES_MAX: usize = 16_384;

/// Scopes of one grant.
pub const SCOPES_MAX: usize = 64;

/// Grants that a token may be delegated from, whatever the operator allows.
pub const CHAIN_LINKS_MAX: usize = 32;

/// Bytes of a nonce; published tools write 36.
pub const NONCE_BYTES_MAX: usize = 64;

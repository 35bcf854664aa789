//! JSON Web Tokens of an identity provider. The key decides the algorithm, never the token.

mod keys;
mod provider;
mod verifier;

pub use keys::{JwtKeys, JwtKeysError};
pub use verifier::{JwtRules, JwtVerifier};

#[cfg(test)]
mod tests;

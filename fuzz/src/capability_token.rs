//! Capability and entity tokens: no bytes break the reader, what is read is written and read again,
//! and nothing is accepted that the only trusted key has not signed.

use std::sync::Arc;

use clasp_auth::{
    Capability, CapabilityConfig, CapabilityVerifier, EntityToken, Revocations, SigningKey,
    TrustAnchors, Verifier,
};
use data_encoding::BASE64URL_NOPAD;

/// Reads the input as a token's text, and as the bytes within one.
pub fn check(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        check_text(text);
    }
    let encoded = BASE64URL_NOPAD.encode(data);
    check_text(&format!("cap_{encoded}"));
    if let Ok(token) = EntityToken::parse(&format!("ent_{encoded}")) {
        assert_eq!(EntityToken::parse(&token.to_text()), Ok(token));
    }
}

fn check_text(text: &str) {
    if let Ok(token) = Capability::parse(text) {
        // Every link or none has its terms, so writing loses nothing.
        assert_eq!(Capability::parse(&token.to_text()), Ok(token));
    }
    let verdict = verifier().verify(text, 0);
    assert_eq!(verdict.is_some(), text.starts_with("cap_"));
    assert!(verdict.is_none_or(|grant| grant.is_err()), "nobody has signed {text}");
}

/// Trusts a key that has signed nothing.
fn verifier() -> CapabilityVerifier {
    let key = SigningKey::from_bytes(&[0xA5; 32]).verifying_key().to_bytes();
    let anchors = TrustAnchors::from_iter([key]);
    let config = CapabilityConfig { anchors, links_max: 8, ..CapabilityConfig::default() };
    CapabilityVerifier::new(config, Arc::new(Revocations::default()))
}

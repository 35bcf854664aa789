//! The signed bytes of a grant and the text of a token, as published tools make them
//! (spec: relay.md 11.2, 11.3).

use data_encoding::BASE64URL_NOPAD;
use rmp::encode;

use super::{Capability, Link, LinkTerms, PREFIX, Proof, PublicKey};

/// Writing to memory does not fail.
const INFALLIBLE: &str = "a Vec takes every byte";

impl Capability {
    /// The token's text. `chain` is there if all of its proofs have their terms.
    pub fn to_text(&self) -> String {
        let chain: Option<Vec<&LinkTerms>> =
            self.proofs.iter().map(|proof| proof.terms.as_ref()).collect();
        let chain = chain.filter(|terms| !terms.is_empty());
        let Link { issuer, scopes, terms } = &self.grant;
        let optional = [terms.audience.is_some(), !self.proofs.is_empty(), chain.is_some()];
        let members = 6 + optional.into_iter().filter(|there| *there).count();
        let mut out = Vec::new();
        map(&mut out, members);
        number(&mut out, "version", terms.version);
        text(&mut out, "issuer");
        key(&mut out, issuer);
        if let Some(audience) = &terms.audience {
            text(&mut out, "audience");
            key(&mut out, audience);
        }
        text(&mut out, "scopes");
        texts(&mut out, scopes);
        number(&mut out, "expires_at", terms.expires_at);
        text(&mut out, "nonce");
        text(&mut out, &terms.nonce);
        if !self.proofs.is_empty() {
            text(&mut out, "proofs");
            proofs(&mut out, &self.proofs);
        }
        if let Some(chain) = chain {
            text(&mut out, "chain");
            array(&mut out, chain.len());
            for terms in chain {
                link_terms(&mut out, terms);
            }
        }
        text(&mut out, "signature");
        encode::write_bin(&mut out, &self.signature).expect(INFALLIBLE);
        format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&out))
    }
}

/// What the issuer of a grant signs; `before` are the grants that it was delegated from.
pub(super) fn signed_bytes(
    issuer: &PublicKey,
    scopes: &[String],
    terms: &LinkTerms,
    before: &[Proof],
) -> Vec<u8> {
    let mut out = Vec::new();
    map(&mut out, 7);
    number(&mut out, "version", terms.version);
    text(&mut out, "issuer");
    key(&mut out, issuer);
    text(&mut out, "audience");
    optional_key(&mut out, terms.audience.as_ref());
    text(&mut out, "scopes");
    texts(&mut out, scopes);
    number(&mut out, "expires_at", terms.expires_at);
    text(&mut out, "nonce");
    text(&mut out, &terms.nonce);
    text(&mut out, "proofs");
    proofs(&mut out, before);
    out
}

fn proofs(out: &mut Vec<u8>, proofs: &[Proof]) {
    array(out, proofs.len());
    for proof in proofs {
        map(out, 3);
        text(out, "issuer");
        key(out, &proof.issuer);
        text(out, "scopes");
        texts(out, &proof.scopes);
        text(out, "signature");
        encode::write_bin(out, &proof.signature).expect(INFALLIBLE);
    }
}

fn link_terms(out: &mut Vec<u8>, terms: &LinkTerms) {
    map(out, 4);
    number(out, "version", terms.version);
    text(out, "audience");
    optional_key(out, terms.audience.as_ref());
    number(out, "expires_at", terms.expires_at);
    text(out, "nonce");
    text(out, &terms.nonce);
}

fn map(out: &mut Vec<u8>, members: usize) {
    encode::write_map_len(out, length(members)).expect(INFALLIBLE);
}

fn array(out: &mut Vec<u8>, items: usize) {
    encode::write_array_len(out, length(items)).expect(INFALLIBLE);
}

fn text(out: &mut Vec<u8>, text: &str) {
    encode::write_str(out, text).expect(INFALLIBLE);
}

fn texts(out: &mut Vec<u8>, texts: &[String]) {
    array(out, texts.len());
    for item in texts {
        text(out, item);
    }
}

fn number(out: &mut Vec<u8>, name: &str, number: u64) {
    text(out, name);
    encode::write_uint(out, number).expect(INFALLIBLE);
}

/// Published tools write keys as arrays of numbers.
fn key(out: &mut Vec<u8>, key: &PublicKey) {
    array(out, key.len());
    for byte in key {
        encode::write_uint(out, u64::from(*byte)).expect(INFALLIBLE);
    }
}

fn optional_key(out: &mut Vec<u8>, optional: Option<&PublicKey>) {
    match optional {
        Some(bytes) => key(out, bytes),
        None => encode::write_nil(out).expect(INFALLIBLE),
    }
}

fn length(items: usize) -> u32 {
    u32::try_from(items).expect("a token's lists are short")
}

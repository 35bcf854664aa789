//! Which tokens are accepted: the vectors of the specification, chains, and every way to cheat.

mod chains;
mod legacy;
mod text;

use std::sync::Arc;

use ed25519_dalek::SigningKey;

use super::*;
use crate::{Denied, Grant, TrustAnchors, Verifier as _};

const ROOT: &str = include_str!("../../tests/vectors/root.cap");

const CHILD: &str = include_str!("../../tests/vectors/legacy-child.cap");

const NOW_S: u64 = 1_800_000_000;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn public(seed: u8) -> PublicKey {
    key(seed).verifying_key().to_bytes()
}

/// A grant for whoever holds it, or for the key with a seed, that holds for a thousand seconds.
fn terms(scopes: &[&str], audience: Option<u8>) -> Terms {
    Terms {
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        audience: audience.map(public),
        expires_at: NOW_S + 1_000,
        nonce: format!("nonce-{}", scopes.join("+").replace(['/', '*', ':'], "-")),
    }
}

struct Desk {
    verifier: CapabilityVerifier,
    revocations: Arc<Revocations>,
}

/// Trusts the key with seed 1 and lets tokens be delegated three times.
fn desk() -> Desk {
    desk_with(Parents::default())
}

fn desk_with(parents: Parents) -> Desk {
    let anchors = TrustAnchors::from_iter([public(1)]);
    let revocations = Arc::new(Revocations::default());
    let config = CapabilityConfig { anchors, links_max: 3, parents };
    let verifier = CapabilityVerifier::new(config, Arc::clone(&revocations));
    Desk { verifier, revocations }
}

impl Desk {
    fn present(&self, text: &str) -> Result<Grant, Denied> {
        self.present_at(text, NOW_S)
    }

    fn present_at(&self, text: &str, now_s: u64) -> Result<Grant, Denied> {
        self.verifier.verify(text, now_s * 1_000_000).expect("the token is claimed")
    }

    fn check(&self, token: &Capability) -> Result<Verified, Rejection> {
        self.verifier.check(token, NOW_S)
    }
}

fn scopes_of(grant: &Grant) -> Vec<String> {
    grant.scopes.as_ref().unwrap().iter().map(ToString::to_string).collect()
}

//! Parent tokens that the operator vouches for, `--cap-parent`: without them tokens that older
//! tools delegated cannot be verified (spec: relay.md 11.9).

use super::verify::check_own_signature;
use super::{Capability, LinkTerms, Proof};
use crate::anchor::TrustAnchors;
use crate::attenuation::parse_all;

/// Verified root tokens.
#[derive(Debug, Clone, Default)]
pub struct Parents(Vec<Capability>);

/// Why a list of parent tokens is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct ParentsError {
    /// Line of the list, from 1.
    pub line: usize,
    /// What is wrong with the token there.
    pub reason: String,
}

impl Parents {
    /// Reads one token a line; empty lines and those that begin with `#` are skipped. Each has to
    /// be a root token of an anchor.
    ///
    /// # Errors
    /// The first token that is not.
    pub fn parse(list: &str, anchors: &TrustAnchors) -> Result<Parents, ParentsError> {
        let mut parents = Vec::new();
        for (index, line) in list.lines().enumerate() {
            let text = line.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let parent = root_token(text, anchors);
            parents.push(parent.map_err(|reason| ParentsError { line: index + 1, reason })?);
        }
        Ok(Parents(parents))
    }

    /// Adds the tokens of another list.
    pub fn extend(&mut self, others: Parents) {
        self.0.extend(others.0);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What else the issuer of this proof signed, if the proof is one of these tokens.
    pub(super) fn terms_of(&self, proof: &Proof) -> Option<&LinkTerms> {
        let same = |parent: &&Capability| {
            parent.grant.issuer == proof.issuer
                && parent.grant.scopes == proof.scopes
                && parent.signature == proof.signature
        };
        self.0.iter().find(same).map(|parent| &parent.grant.terms)
    }
}

fn root_token(text: &str, anchors: &TrustAnchors) -> Result<Capability, String> {
    let token = Capability::parse(text).map_err(|error| error.to_string())?;
    if !token.proofs.is_empty() {
        return Err("it was delegated; give the root token that it came from".to_owned());
    }
    if !anchors.contains(&token.grant.issuer) {
        return Err("its issuer is none of the trust anchors".to_owned());
    }
    check_own_signature(&token).map_err(|error| error.to_string())?;
    parse_all(&token.grant.scopes).map_err(|error| error.to_string())?;
    Ok(token)
}

//! JWTs at HELLO: signature, issuer, audience and times; then scopes and subject.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use jsonwebtoken::{TokenData, Validation, decode, decode_header};
use serde_json::{Map, Value};

use super::keys::JwtKeys;
use super::provider;
use crate::attenuation::parse_bounded;
use crate::capability::{SCOPES_MAX, TOKEN_BYTES_MAX};
use crate::denial::{self, microseconds};
use crate::{Credential, CredentialKind, Denied, Grant, Scopes, Verifier};

/// Seconds that the issuer's clock may be ahead.
const AHEAD_S_MAX: u64 = 60;

/// Bytes of a subject.
const SUBJECT_BYTES_MAX: usize = 256;

/// What tokens have to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwtRules {
    /// Who issued it, `iss`; `None` means anybody with the key.
    pub issuer: Option<String>,
    /// For whom, `aud`; `None` means that tokens which name one are refused.
    pub audience: Option<String>,
    /// The claim with scopes, separated by spaces or as an array.
    pub scopes_claim: String,
    /// What the session's subject has before `sub`.
    pub subject_prefix: String,
}

impl Default for JwtRules {
    fn default() -> JwtRules {
        JwtRules {
            issuer: None,
            audience: None,
            scopes_claim: "scopes".to_owned(),
            subject_prefix: "jwt:".to_owned(),
        }
    }
}

/// Checks JWTs.
#[derive(Debug)]
pub struct JwtVerifier {
    rules: JwtRules,
    keys: RwLock<Arc<JwtKeys>>,
    missed: AtomicBool,
    /// Counts the key sets that lacked a key of the one before.
    revision: AtomicU64,
}

type Claims = Map<String, Value>;

impl JwtVerifier {
    /// Accepts what is signed with these keys.
    pub fn new(rules: JwtRules, keys: JwtKeys) -> JwtVerifier {
        provider::install();
        let keys = RwLock::new(Arc::new(keys));
        let (missed, revision) = (AtomicBool::new(false), AtomicU64::new(0));
        JwtVerifier { rules, keys, missed, revision }
    }

    /// Takes these keys in place of those before. What was granted to tokens of a key that is not
    /// among them ends.
    pub fn replace_keys(&self, keys: JwtKeys) {
        let keys = Arc::new(keys);
        let before = {
            let mut current = self.keys.write().expect("no holder panics");
            std::mem::replace(&mut *current, Arc::clone(&keys))
        };
        if !before.are_all_in(&keys) {
            self.revision.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Whether there is any key to verify with.
    pub fn has_keys(&self) -> bool {
        !self.keys.read().expect("no holder panics").is_empty()
    }

    /// Whether a token came with the id of an unknown key since this was asked: the keys may have
    /// changed.
    pub fn take_missed(&self) -> bool {
        self.missed.swap(false, Ordering::AcqRel)
    }

    fn check(&self, token: &str, now_s: u64) -> Result<Grant, Denied> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(denial::malformed("JWT", &"it is too long"));
        }
        let (data, fingerprint) = self.verified(token)?;
        if data.header.crit.is_some() {
            return Err(denial::not_accepted("JWT", &"it has critical extensions"));
        }
        let claims = data.claims;
        let end = check_times(&claims, now_s)?;
        let subject = self.subject(&claims)?;
        let scopes = self.scopes(&claims)?;
        let id = format!("{fingerprint} {}", provider::short_sha256(token.as_bytes()));
        let credential = Credential { kind: CredentialKind::Jwt, id: id.into() };
        Ok(Grant {
            subject: Some(subject.into()),
            scopes: Some(scopes),
            expires_unix_us: Some(microseconds(end)),
            credential: Some(Arc::new(credential)),
        })
    }

    /// The token's content, if a key of ours has signed it for us, and that key's fingerprint.
    fn verified(&self, token: &str) -> Result<(TokenData<Claims>, Box<str>), Denied> {
        let header = decode_header(token).map_err(|error| denial::malformed("JWT", &error))?;
        let keys = Arc::clone(&self.keys.read().expect("no holder panics"));
        if let Some(id) = header.kid.as_deref()
            && !keys.knows(id)
        {
            self.missed.store(true, Ordering::Release);
            return Err(denial::not_accepted("JWT", &format!("no key has the id {id:?}")));
        }
        let mut validation = Validation::new(header.alg);
        // The clock is an argument here.
        validation.validate_exp = false;
        validation.set_required_spec_claims(&["exp", "sub"]);
        if let Some(issuer) = &self.rules.issuer {
            validation.set_issuer(&[issuer]);
            validation.required_spec_claims.insert("iss".to_owned());
        }
        if let Some(audience) = &self.rules.audience {
            validation.set_audience(&[audience]);
            validation.required_spec_claims.insert("aud".to_owned());
        }
        let mut why = format!("no key is for {:?}", header.alg);
        for key in keys.matching(header.kid.as_deref(), header.alg) {
            match decode(token, &key.decoding, &validation) {
                Ok(data) => return Ok((data, key.fingerprint.clone())),
                Err(error) => why = error.to_string(),
            }
        }
        Err(denial::not_accepted("JWT", &why))
    }

    fn subject(&self, claims: &Claims) -> Result<String, Denied> {
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
        let is_plain = !subject.is_empty() && !subject.chars().any(char::is_control);
        if !is_plain || subject.len() > SUBJECT_BYTES_MAX {
            return Err(denial::not_accepted("JWT", &"its 'sub' is no name"));
        }
        Ok(format!("{}{subject}", self.rules.subject_prefix))
    }

    /// The scopes of the claim; words that are none, such as `openid`, are passed over.
    fn scopes(&self, claims: &Claims) -> Result<Scopes, Denied> {
        let words: Vec<&str> = match claims.get(&self.rules.scopes_claim) {
            Some(Value::String(list)) => list.split_ascii_whitespace().collect(),
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let scopes: Vec<_> = words.into_iter().filter_map(|it| parse_bounded(it).ok()).collect();
        if scopes.is_empty() || scopes.len() > SCOPES_MAX {
            let (claim, found) = (&self.rules.scopes_claim, scopes.len());
            let detail =
                format!("its claim '{claim}' has {found} scopes, 1 to {SCOPES_MAX} are needed");
            return Err(denial::not_accepted("JWT", &detail));
        }
        Ok(scopes.into_iter().collect())
    }
}

/// Checks `exp`, `nbf` and `iat`; tells when the token ends.
fn check_times(claims: &Claims, now_s: u64) -> Result<u64, Denied> {
    let end = claims.get("exp").and_then(seconds);
    let end = end.ok_or_else(|| denial::malformed("JWT", &"its 'exp' is no time"))?;
    if now_s >= end {
        tracing::debug!("JWT refused: it expired at {end}");
        return Err(Denied::Expired);
    }
    for name in ["nbf", "iat"] {
        let Some(claim) = claims.get(name) else { continue };
        let begin = seconds(claim).ok_or_else(|| denial::malformed("JWT", &"a time is no time"))?;
        if begin > now_s.saturating_add(AHEAD_S_MAX) {
            return Err(denial::not_yet(
                "JWT",
                &format!("its '{name}' is {} s ahead", begin - now_s),
            ));
        }
    }
    Ok(end)
}

/// A NumericDate; fractions of a second do not matter.
fn seconds(claim: &Value) -> Option<u64> {
    claim.as_u64().or_else(|| claim.as_f64().filter(|it| *it >= 0.0).map(|it| it as u64))
}

impl Verifier for JwtVerifier {
    fn verify(&self, token: &str, now_unix_us: u64) -> Option<Result<Grant, Denied>> {
        let is_part = |part: &str| {
            let mut bytes = part.bytes();
            bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        };
        let is_jwt = token.starts_with("ey") && token.split('.').count() == 3;
        (is_jwt && token.split('.').all(is_part))
            .then(|| self.check(token, now_unix_us / 1_000_000))
    }

    fn revision(&self) -> u64 {
        self.revision.load(Ordering::Acquire)
    }

    fn still_holds(&self, grant: &Grant) -> bool {
        let credential = grant.credential.as_deref();
        let Some(ours) = credential.filter(|it| it.kind == CredentialKind::Jwt) else {
            return true;
        };
        let fingerprint = ours.id.split(' ').next().unwrap_or_default();
        self.keys.read().expect("no holder panics").has(fingerprint)
    }
}

//! The keys that JWTs are held against, and where they are read again.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clasp_auth::{JwtKeys, JwtRules, JwtVerifier, Verifier};

use super::jwks::KeySource;
use super::told;
use crate::options::JwtOptions;
use crate::relay::StartError;

/// Keys in force, and where they come from.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    verifier: Arc<JwtVerifier>,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    Address(Box<KeySource>),
    Set(PathBuf),
    Secret(PathBuf),
}

impl Place {
    /// What the options name, if they name anything.
    fn of(options: &JwtOptions) -> Result<Option<Place>, StartError> {
        let place = match (&options.jwt_jwks, &options.jwt_secret) {
            (Some(place), _) if is_url(place) => {
                Place::Address(Box::new(KeySource::new(place).map_err(StartError::Tokens)?))
            }
            (Some(path), _) => Place::Set(path.into()),
            (None, Some(path)) => Place::Secret(path.clone()),
            (None, None) if options.jwt_issuer.is_some() || options.jwt_audience.is_some() => {
                let text = "--jwt-issuer and --jwt-audience need --jwt-jwks or --jwt-secret";
                return Err(StartError::Tokens(text.to_owned()));
            }
            (None, None) => return Ok(None),
        };
        Ok(Some(place))
    }
}

impl Keys {
    /// Reads the keys that the options name; `None` if JWTs are not asked for.
    pub(super) async fn open(options: &JwtOptions) -> Result<Option<Keys>, StartError> {
        let Some(place) = Place::of(options)? else { return Ok(None) };
        let keys = match &place {
            Place::Address(source) => source.first().await,
            Place::Set(path) => read_set(path).map_err(StartError::Tokens)?,
            Place::Secret(path) => read_secret(path).map_err(StartError::Tokens)?,
        };
        tracing::info!("JWTs: {} keys", keys.len());
        if options.jwt_issuer.is_none() {
            tracing::warn!(
                "JWTs of every issuer are accepted that uses these keys; see --jwt-issuer"
            );
        }
        let rules = JwtRules {
            issuer: options.jwt_issuer.clone(),
            audience: options.jwt_audience.clone(),
            scopes_claim: options.jwt_scopes_claim.clone(),
            subject_prefix: options.jwt_subject_prefix.clone(),
        };
        let verifier = Arc::new(JwtVerifier::new(rules, keys));
        Ok(Some(Keys { verifier, place }))
    }

    pub(super) fn verifier(&self) -> Arc<dyn Verifier> {
        Arc::clone(&self.verifier) as _
    }

    /// Reads the file again, or has the address asked soon; blocks.
    pub(super) fn reload(&self) -> Result<String, String> {
        let (path, keys) = match &self.place {
            Place::Address(source) => {
                source.hurry();
                return Ok(format!("JWTs: asking {} for its keys", source.address()));
            }
            Place::Set(path) => (path, read_set(path)),
            Place::Secret(path) => (path, read_secret(path)),
        };
        let keys = keys.map_err(|error| format!("JWTs: {error}; the keys stay as they are"))?;
        let count = keys.len();
        self.verifier.replace_keys(keys);
        Ok(format!("JWTs: {count} keys from {}", path.display()))
    }

    /// Asks the address again and again; never ends.
    pub(super) async fn keep_fresh(&self) {
        match &self.place {
            Place::Address(source) => source.keep_fresh(&self.verifier).await,
            Place::Set(_) | Place::Secret(_) => std::future::pending().await,
        }
    }
}

fn is_url(place: &str) -> bool {
    place.starts_with("http://") || place.starts_with("https://")
}

fn read_set(path: &Path) -> Result<JwtKeys, String> {
    read(path, "--jwt-jwks", JwtKeys::parse_set)
}

fn read_secret(path: &Path) -> Result<JwtKeys, String> {
    read(path, "--jwt-secret", JwtKeys::secret)
}

fn read<E: std::fmt::Display>(
    path: &Path,
    flag: &str,
    parse: impl FnOnce(&[u8]) -> Result<JwtKeys, E>,
) -> Result<JwtKeys, String> {
    let bytes = fs::read(path).map_err(|error| told(path, &error, flag))?;
    parse(&bytes).map_err(|error| told(path, &error, flag))
}

//! From options to verifiers: reads the files and keys that signed tokens are held against.

mod capabilities;
mod jwks;
mod keys;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clasp_auth::{
    CapabilityVerifier, Entities, EntityTokenRules, EntityVerifier, Revocations, Verifier,
};
use clasp_http::entities::Registry;
use clasp_storage::SqliteEntities;

use crate::options::{TokenOptions, below};
use crate::relay::StartError;
use keys::Keys;

/// What checks signed tokens, and what its pages work on.
pub struct Tokens {
    verifiers: Vec<Arc<dyn Verifier>>,
    registry: Registry,
    revoked: Option<PathBuf>,
    keys: Option<Keys>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("registry", &self.registry).finish_non_exhaustive()
    }
}

impl Tokens {
    /// Reads everything that the options name; a relative `--registry-db` starts from `data_dir`.
    ///
    /// # Errors
    /// A file cannot be read or used, or an option lacks the one that it belongs to.
    pub async fn open(
        options: &TokenOptions,
        data_dir: Option<&Path>,
    ) -> Result<Tokens, StartError> {
        let mut verifiers: Vec<Arc<dyn Verifier>> = Vec::new();
        let revocations = Arc::new(Revocations::default());
        if let Some(path) = &options.cap_revoked {
            let read = read_revoked(&revocations, path).map_err(StartError::Tokens)?;
            tracing::info!("{read}");
        }
        let config = capabilities::config(options)?;
        let (anchors, links_max) = (config.anchors.clone(), config.links_max);
        if !options.trust_anchors.is_empty() {
            verifiers.push(Arc::new(CapabilityVerifier::new(config, Arc::clone(&revocations))));
        }
        let path = options.registry_db.as_deref().map(|path| below(data_dir, path));
        let entities = path.map(|path| open_registry(&path)).transpose()?;
        if let Some(entities) = &entities {
            let age_s_max = options.entity_token_max_age.0;
            let rules = EntityTokenRules { age_s_max, ..EntityTokenRules::default() };
            verifiers.push(Arc::new(EntityVerifier::new(Arc::clone(entities), rules)));
        }
        let keys = Keys::open(&options.jwt).await?;
        verifiers.extend(keys.iter().map(Keys::verifier));
        let registry =
            Registry { entities, anchors, links_max, revocations, leases: None, accounts: None };
        Ok(Tokens { verifiers, registry, revoked: options.cap_revoked.clone(), keys })
    }

    /// What to ask about a token, in this order.
    pub fn verifiers(&self) -> Vec<Arc<dyn Verifier>> {
        self.verifiers.clone()
    }

    /// What the pages of the registry work on, see [`clasp_http::entities::section`].
    pub fn registry(&self) -> Registry {
        self.registry.clone()
    }

    /// Reads the list of revoked tokens again; blocks.
    ///
    /// # Errors
    /// It cannot be read; the one before stays.
    pub fn reload(&self) -> Result<String, String> {
        let Some(path) = &self.revoked else { return Ok("capability tokens: no list".into()) };
        read_revoked(&self.registry.revocations, path)
            .map_err(|error| format!("capability tokens: {error}; the list before stays in force"))
    }

    /// Has the keys of JWTs read again; blocks. Those at an address are asked for by
    /// [`Tokens::refresh`].
    ///
    /// # Errors
    /// They cannot be read; those before stay.
    pub fn reload_keys(&self) -> Result<String, String> {
        match &self.keys {
            Some(keys) => keys.reload(),
            None => Ok("JWTs: no keys".into()),
        }
    }

    /// Keeps the keys of JWTs up to date, for as long as it is polled. Does nothing if they do not
    /// come from an address.
    pub fn refresh(&self) -> impl Future<Output = ()> + Send + 'static {
        let keys = self.keys.clone();
        async move {
            match keys {
                Some(keys) => keys.keep_fresh().await,
                None => std::future::pending().await,
            }
        }
    }
}

/// How many keys an address gives now.
pub(crate) async fn count_keys(address: &str) -> Result<usize, String> {
    jwks::KeySource::new(address)?.count().await
}

fn read_revoked(revocations: &Revocations, path: &Path) -> Result<String, String> {
    let list = fs::read_to_string(path).map_err(|error| told(path, &error, "--cap-revoked"))?;
    let count = revocations.replace_listed(&list);
    let count = count.map_err(|error| told(path, &error, "--cap-revoked"))?;
    Ok(format!("capability tokens: {count} are revoked by {}", path.display()))
}

fn open_registry(path: &Path) -> Result<Arc<Entities>, StartError> {
    let store =
        SqliteEntities::open(path).map_err(|error| StartError::Tokens(error.to_string()))?;
    let entities = Entities::open(Box::new(store));
    let entities = entities.map_err(|error| StartError::Tokens(error.to_string()))?;
    tracing::info!("registry: {} with {} entities", path.display(), entities.len());
    for defect in entities.defects() {
        tracing::warn!(
            "registry: entity {:?} in {} cannot be trusted, its tokens are refused: {}; correct \
             the row, or delete the entity",
            defect.id,
            path.display(),
            defect.what
        );
    }
    Ok(Arc::new(entities))
}

/// A file, what is wrong with it, and which option named it.
fn told(path: &Path, error: &dyn std::fmt::Display, flag: &str) -> String {
    format!("{}: {error}; see {flag}", path.display())
}

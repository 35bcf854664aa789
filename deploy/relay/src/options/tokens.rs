//! Tokens that are signed elsewhere: capabilities, entities, JWTs.

use std::path::PathBuf;

use clap::Args;

use super::units::Seconds;

/// Which signed tokens are accepted.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Signed tokens (with --auth-port)")]
pub struct TokenOptions {
    /// Accept cap_ tokens of this issuer: a file with its public key, as did:key:z..., PEM, 64
    /// hexadecimal digits or 32 raw bytes; repeat it for several
    #[arg(long = "trust-anchor", env = "CLASP_TRUST_ANCHOR", value_name = "PATH")]
    #[arg(value_delimiter = ',', hide_env_values = true)]
    pub trust_anchors: Vec<PathBuf>,

    /// Times that a cap_ token may have been delegated
    #[arg(long, env = "CLASP_CAP_MAX_DEPTH", value_name = "N", default_value_t = 5)]
    #[arg(value_parser = clap::value_parser!(u8).range(0..=32), hide_env_values = true)]
    pub cap_max_depth: u8,

    /// A file with root cap_ tokens, one a line: accept what older tools delegated from them,
    /// within their scopes and time; repeat it for several
    #[arg(long = "cap-parent", env = "CLASP_CAP_PARENT", value_name = "PATH")]
    #[arg(value_delimiter = ',', hide_env_values = true)]
    pub cap_parents: Vec<PathBuf>,

    /// A file with the nonces of revoked cap_ tokens, one a line; read again on SIGHUP
    #[arg(long, env = "CLASP_CAP_REVOKED", value_name = "PATH", hide_env_values = true)]
    pub cap_revoked: Option<PathBuf>,

    /// Register entities in this SQLite file, and accept their ent_ tokens
    #[arg(long, env = "CLASP_REGISTRY_DB", value_name = "PATH", hide_env_values = true)]
    pub registry_db: Option<PathBuf>,

    /// Accept an ent_ token so long after it was signed: 24h, 30d or seconds; 0 = for ever
    #[arg(long, env = "CLASP_ENTITY_TOKEN_MAX_AGE", value_name = "DURATION")]
    #[arg(default_value = "0", hide_env_values = true)]
    pub entity_token_max_age: Seconds,

    /// Which JWTs are accepted.
    #[command(flatten)]
    pub jwt: JwtOptions,
}

/// Which JWTs are accepted.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Signed tokens (with --auth-port)")]
pub struct JwtOptions {
    /// Accept JWTs signed with a key of this JSON Web Key Set: a file, or an address with http://
    /// or https://, asked again every ten minutes, when a key is unknown, and on SIGHUP
    #[arg(long, env = "CLASP_JWT_JWKS", value_name = "PATH|URL", hide_env_values = true)]
    pub jwt_jwks: Option<String>,

    /// Accept JWTs signed with the secret in this file, at least 32 bytes; read again on SIGHUP
    #[arg(long, env = "CLASP_JWT_SECRET", value_name = "PATH", hide_env_values = true)]
    #[arg(conflicts_with = "jwt_jwks")]
    pub jwt_secret: Option<PathBuf>,

    /// Who has to have issued a JWT, as it stands in iss
    #[arg(long, env = "CLASP_JWT_ISSUER", value_name = "NAME", hide_env_values = true)]
    pub jwt_issuer: Option<String>,

    /// For whom a JWT has to be, as it stands in aud; without it, those with aud are refused
    #[arg(long, env = "CLASP_JWT_AUDIENCE", value_name = "NAME", hide_env_values = true)]
    pub jwt_audience: Option<String>,

    /// The claim with the scopes, as an array or separated by spaces
    #[arg(long, env = "CLASP_JWT_SCOPES_CLAIM", value_name = "NAME", default_value = "scopes")]
    #[arg(hide_env_values = true)]
    pub jwt_scopes_claim: String,

    /// What a session's user id has before the JWT's sub
    #[arg(long, env = "CLASP_JWT_SUBJECT_PREFIX", value_name = "TEXT", default_value = "jwt:")]
    #[arg(hide_env_values = true)]
    pub jwt_subject_prefix: String,
}

impl JwtOptions {
    /// Whether keys are named.
    pub fn has_keys(&self) -> bool {
        self.jwt_jwks.is_some() || self.jwt_secret.is_some()
    }
}

impl TokenOptions {
    /// The options that ask for something.
    pub fn wishes(&self) -> impl Iterator<Item = &'static str> {
        let wishes = [
            (!self.trust_anchors.is_empty(), "--trust-anchor"),
            (!self.cap_parents.is_empty(), "--cap-parent"),
            (self.cap_revoked.is_some(), "--cap-revoked"),
            (self.registry_db.is_some(), "--registry-db"),
            (self.jwt.jwt_jwks.is_some(), "--jwt-jwks"),
            (self.jwt.jwt_secret.is_some(), "--jwt-secret"),
            (self.jwt.jwt_issuer.is_some(), "--jwt-issuer"),
            (self.jwt.jwt_audience.is_some(), "--jwt-audience"),
        ];
        wishes.into_iter().filter_map(|(wanted, flag)| wanted.then_some(flag))
    }
}

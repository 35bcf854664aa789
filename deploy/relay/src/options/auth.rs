//! Who may do what: the auth port, where accounts and tokens are kept, what they allow.

use std::path::{Path, PathBuf};

use clap::Args;
use clasp_auth::{ScopeError, Scopes};

use super::storage::StorageOptions;
use super::units::Seconds;

/// Name of the auth database where none is given.
const AUTH_DB: &str = "relay-auth.db";

/// Who may do what.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Access")]
pub struct AuthOptions {
    /// Serve accounts and tokens on this port, and demand a token of every client
    #[arg(long, env = "CLASP_AUTH_PORT", value_name = "PORT", hide_env_values = true)]
    pub auth_port: Option<u16>,

    /// File of accounts and tokens; without it relay-auth.db in --data-dir, or else beside
    /// --persist or --journal, or else in the working directory
    #[arg(long, env = "CLASP_AUTH_DB", value_name = "PATH", hide_env_values = true)]
    pub auth_db: Option<PathBuf>,

    /// Web origins whose pages may use the auth port, such as https://app.example.com; * is all
    #[arg(long = "cors-origin", env = "CLASP_CORS_ORIGIN", value_name = "ORIGIN,...")]
    #[arg(value_delimiter = ',', value_parser = parse_origin, hide_env_values = true)]
    pub cors_origins: Vec<String>,

    /// File with the operator's token, which may do everything and never expires; made if it does
    /// not exist
    #[arg(long, env = "CLASP_ADMIN_TOKEN", value_name = "FILE", hide_env_values = true)]
    pub admin_token: Option<PathBuf>,

    /// Lifetime of tokens: 24h, 30d or seconds; 0 = they do not expire
    #[arg(long, env = "CLASP_TOKEN_TTL", value_name = "DURATION", default_value = "86400")]
    #[arg(hide_env_values = true)]
    pub token_ttl: Seconds,

    /// JSON file with further tokens, as `clasp token create` writes it
    #[arg(long, env = "CLASP_TOKENS_FILE", value_name = "FILE", hide_env_values = true)]
    pub tokens_file: Option<PathBuf>,

    /// What registered users may do
    #[arg(long, env = "CLASP_USER_SCOPES", value_name = "SCOPE,...", value_parser = parse_scopes)]
    #[arg(default_value = "read:/**,write:/**", hide_env_values = true)]
    pub user_scopes: Scopes,

    /// What guests may do
    #[arg(long, env = "CLASP_GUEST_SCOPES", value_name = "SCOPE,...", value_parser = parse_scopes)]
    #[arg(default_value = "read:/**", hide_env_values = true)]
    pub guest_scopes: Scopes,

    /// What clients without a token may do; without this option they are refused
    #[arg(long, env = "CLASP_ANONYMOUS_SCOPES", value_name = "SCOPE,...")]
    #[arg(value_parser = parse_scopes, hide_env_values = true)]
    pub anonymous_scopes: Option<Scopes>,
}

/// Where the auth database is, and why there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthPlace {
    /// The file.
    pub path: PathBuf,
    /// For the log.
    pub reason: &'static str,
}

impl AuthOptions {
    /// Where the auth database is (deploy.md 2b: never in the root directory by accident).
    pub fn place(&self, storage: &StorageOptions) -> AuthPlace {
        let place = |path, reason| AuthPlace { path, reason };
        if let Some(path) = &self.auth_db {
            return place(storage.resolve(path), "as --auth-db says");
        }
        if let Some(directory) = &storage.data_dir {
            return place(directory.join(AUTH_DB), "in --data-dir");
        }
        let beside = |path: &PathBuf| {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            parent.map_or_else(|| AUTH_DB.into(), |parent| parent.join(AUTH_DB))
        };
        match (&storage.persist, &storage.journal) {
            (Some(path), _) => place(beside(path), "beside --persist"),
            (None, Some(path)) => place(beside(path), "beside --journal"),
            (None, None) => place(AUTH_DB.into(), "in the working directory"),
        }
    }

    /// A database in the working directory that would have been used in its reason's absence.
    pub fn stray(place: &AuthPlace) -> Option<&'static str> {
        let stray = Path::new(AUTH_DB);
        let elsewhere = place.path != stray && !place.path.exists() && stray.exists();
        elsewhere.then_some(AUTH_DB)
    }

    /// The options that were given and do nothing without `--auth-port`.
    pub fn idle(&self) -> Vec<&'static str> {
        if self.auth_port.is_some() {
            return Vec::new();
        }
        let given = [
            (self.admin_token.is_some(), "--admin-token"),
            (self.auth_db.is_some(), "--auth-db"),
            (!self.cors_origins.is_empty(), "--cors-origin"),
            (self.tokens_file.is_some(), "--tokens-file"),
            (self.token_ttl != Seconds(86_400), "--token-ttl"),
            (self.user_scopes.to_string() != "read:/**,write:/**", "--user-scopes"),
            (self.guest_scopes.to_string() != "read:/**", "--guest-scopes"),
            (self.anonymous_scopes.is_some(), "--anonymous-scopes"),
        ];
        given.into_iter().filter_map(|(given, flag)| given.then_some(flag)).collect()
    }
}

fn parse_scopes(text: &str) -> Result<Scopes, ScopeError> {
    Scopes::parse_list(text)
}

/// `*`, or a scheme and a host, perhaps with a port; in lower case.
fn parse_origin(text: &str) -> Result<String, &'static str> {
    const EXPECTED: &str = "expected * or an origin without a path, such as https://a.example.com";
    let lower = text.trim().to_ascii_lowercase();
    let origin = lower.strip_suffix('/').unwrap_or(&lower);
    if origin == "*" {
        return Ok(origin.to_owned());
    }
    let (scheme, host) = origin.split_once("://").ok_or(EXPECTED)?;
    let odd = |c: char| !c.is_ascii_graphic() || "/?#@*,\"".contains(c);
    let plain = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    if scheme.is_empty() || !scheme.chars().all(plain) || host.is_empty() || host.contains(odd) {
        return Err(EXPECTED);
    }
    Ok(origin.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::Options;

    use super::*;

    fn options(arguments: &[&str]) -> Options {
        Options::parse_from([&["clasp-relay"], arguments].concat())
    }

    fn place(arguments: &[&str]) -> String {
        let options = options(arguments);
        options.auth.place(&options.storage).path.display().to_string()
    }

    #[test]
    fn the_database_is_where_the_other_files_are() {
        let persist = ["--persist", "/var/lib/clasp/state.db"];
        let journal = ["--journal", "/srv/journal.db"];
        assert_eq!(place(&[]), "relay-auth.db");
        assert_eq!(place(&persist), "/var/lib/clasp/relay-auth.db");
        assert_eq!(place(&[persist, journal].concat()), "/var/lib/clasp/relay-auth.db");
        assert_eq!(place(&journal), "/srv/relay-auth.db");
        assert_eq!(place(&["--persist", "state.db"]), "relay-auth.db");
        let data = ["--data-dir", "/data"];
        assert_eq!(place(&[data, persist].concat()), "/data/relay-auth.db");
        assert_eq!(place(&[data, ["--auth-db", "a.db"]].concat()), "/data/a.db");
        assert_eq!(place(&[data, ["--auth-db", "/a.db"]].concat()), "/a.db");
    }

    #[test]
    fn options_that_do_nothing_without_the_port_are_named() {
        let given = ["--admin-token", "a", "--token-ttl", "60", "--guest-scopes", ""];
        assert_eq!(options(&given).auth.idle(), ["--admin-token", "--token-ttl", "--guest-scopes"]);
        assert!(options(&[&given[..], &["--auth-port", "0"]].concat()).auth.idle().is_empty());
        assert!(options(&["--trusted-proxy", "127.0.0.1"]).auth.idle().is_empty());
    }

    #[test]
    fn origins_are_schemes_and_hosts() {
        for good in ["*", "https://app.example.com", "http://localhost:5173", " https://A.b/ "] {
            assert!(parse_origin(good).is_ok(), "{good}");
        }
        for bad in ["", "app.example.com", "https://", "https://a/b", "https://*.a", "null"] {
            assert!(parse_origin(bad).is_err(), "{bad}");
        }
    }
}

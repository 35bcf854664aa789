//! Encryption of every listener.

use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;

/// Encryption of every listener.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "TLS")]
pub struct TlsOptions {
    /// Serve TLS on every port with this certificate and those that it needs (PEM, the server's own
    /// first); plain connections are accepted as before. Read again on SIGHUP and when it changes
    #[arg(long, env = "CLASP_CERT", value_name = "FILE", requires = "key", hide_env_values = true)]
    pub cert: Option<PathBuf>,

    /// Private key of --cert (PEM: PKCS#8, SEC1 or PKCS#1, without passphrase)
    #[arg(long, env = "CLASP_KEY", value_name = "FILE", requires = "cert", hide_env_values = true)]
    pub key: Option<PathBuf>,

    /// Refuse plain connections with HTTP status 400, except on --health-port
    #[arg(long, env = "CLASP_TLS_ONLY", value_parser = BoolishValueParser::new())]
    #[arg(hide_env_values = true)]
    pub tls_only: bool,

    /// Demand of every client a certificate signed by one of these authorities (PEM); includes
    /// --tls-only
    #[arg(long, env = "CLASP_CLIENT_CA", value_name = "FILE", requires = "cert")]
    #[arg(hide_env_values = true)]
    pub client_ca: Option<PathBuf>,

    /// Accept secret files, such as the key and the tokens, that other users of this machine can
    /// read
    #[arg(long, env = "CLASP_INSECURE_PERMISSIONS", value_parser = BoolishValueParser::new())]
    #[arg(help_heading = "Access", hide_env_values = true)]
    pub insecure_permissions: bool,
}

//! What one user or one address may take up, and whose word on an address is believed.

use clap::Args;
use clap::builder::BoolishValueParser;
use clasp_auth::TrustedProxies;

/// What one user or one address may take up.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub struct GateOptions {
    /// Messages that all sessions of one user together may send per second; 0 = unlimited
    #[arg(long, env = "CLASP_MAX_MESSAGES_PER_SECOND_SUBJECT", value_name = "N")]
    #[arg(default_value_t = 0, hide_env_values = true)]
    pub max_messages_per_second_subject: u32,

    /// Messages that all sessions of one address together may send per second; 0 = unlimited. An
    /// address is an IPv4 address or an IPv6 /64; this machine's own are never limited
    #[arg(long, env = "CLASP_MAX_MESSAGES_PER_SECOND_ADDRESS", value_name = "N")]
    #[arg(default_value_t = 0, hide_env_values = true)]
    pub max_messages_per_second_address: u32,

    /// Connections that one address may have at a time; 0 = unlimited
    #[arg(long, env = "CLASP_MAX_CONNECTIONS_PER_ADDRESS", value_name = "N")]
    #[arg(default_value_t = 256, hide_env_values = true)]
    pub max_connections_per_address: u32,

    /// Connections that one address may open per second; 0 = unlimited
    #[arg(long, env = "CLASP_MAX_CONNECTIONS_PER_SECOND", value_name = "N")]
    #[arg(default_value_t = 50, hide_env_values = true)]
    pub max_connections_per_second: u32,

    /// Refused HELLOs of one address within a minute after which its tokens are not looked at;
    /// 0 = unlimited
    #[arg(long, env = "CLASP_MAX_FAILED_HELLOS_PER_MINUTE", value_name = "N")]
    #[arg(default_value_t = 10, hide_env_values = true)]
    pub max_failed_hellos_per_minute: u32,

    /// Proxies that tell a client's address in X-Forwarded-For: addresses or networks, separated
    /// by commas or repeated. Nobody else is believed
    #[arg(long = "trusted-proxy", env = "CLASP_TRUSTED_PROXY", value_name = "NETWORK")]
    #[arg(hide_env_values = true)]
    pub trusted_proxies: Vec<TrustedProxies>,

    /// Trusted proxies begin each connection with a PROXY protocol header, version 1 or 2
    #[arg(long, env = "CLASP_PROXY_PROTOCOL", value_parser = BoolishValueParser::new())]
    #[arg(requires = "trusted_proxies", hide_env_values = true)]
    pub proxy_protocol: bool,
}

impl GateOptions {
    /// All proxies that are believed.
    pub fn proxies(&self) -> TrustedProxies {
        self.trusted_proxies.iter().cloned().collect()
    }
}

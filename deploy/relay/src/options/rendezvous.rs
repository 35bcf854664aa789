//! Directories of relays: the one that this relay keeps, and the one that it is listed in.

use std::path::PathBuf;

use clap::Args;

use super::discovery::PortChoice;

/// Directories of relays.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Rendezvous")]
pub struct RendezvousOptions {
    /// Keep a directory of relays on this port, over HTTP; 0 = do not, auto = the system chooses.
    /// Everybody who reaches the port may read it, and register without --rendezvous-token
    #[arg(long, env = "CLASP_RENDEZVOUS_PORT", value_name = "PORT", default_value = "0")]
    #[arg(hide_env_values = true)]
    pub rendezvous_port: PortChoice,

    /// Forget a relay that was not refreshed for so long
    #[arg(long, env = "CLASP_RENDEZVOUS_TTL", value_name = "SECONDS", default_value_t = 300)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=604_800), hide_env_values = true)]
    pub rendezvous_ttl: u64,

    /// File with a token that whoever registers must have; also sent to --rendezvous-url
    #[arg(long, env = "CLASP_RENDEZVOUS_TOKEN", value_name = "FILE", hide_env_values = true)]
    pub rendezvous_token: Option<PathBuf>,

    /// List this relay in the directory at this address, such as http://directory.example.com:7340
    #[arg(long, env = "CLASP_RENDEZVOUS_URL", value_name = "URL", value_parser = parse_url)]
    #[arg(hide_env_values = true)]
    pub rendezvous_url: Option<String>,

    /// Refresh the entry every so many seconds
    #[arg(long, env = "CLASP_RENDEZVOUS_REFRESH", value_name = "SECONDS", default_value_t = 120)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=86_400), hide_env_values = true)]
    pub rendezvous_refresh: u64,

    /// Word to be found by there; repeat it for several
    #[arg(long = "rendezvous-tag", env = "CLASP_RENDEZVOUS_TAG", value_name = "WORD")]
    #[arg(value_delimiter = ',', hide_env_values = true)]
    pub rendezvous_tags: Vec<String>,

    /// Address to be listed with instead of this machine's own, such as wss://relay.example.com;
    /// repeat it for several protocols
    #[arg(long = "rendezvous-endpoint", env = "CLASP_RENDEZVOUS_ENDPOINT", value_name = "URL")]
    #[arg(value_delimiter = ',', hide_env_values = true)]
    pub rendezvous_endpoints: Vec<String>,
}

fn parse_url(text: &str) -> Result<String, &'static str> {
    const EXPECTED: &str = "expected an address such as http://directory.example.com:7340";
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let odd = |c: char| c.is_whitespace() || c.is_control() || "@?#".contains(c);
    match rest {
        Some(rest) if !rest.is_empty() && !rest.starts_with('/') && !rest.contains(odd) => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err(EXPECTED),
    }
}

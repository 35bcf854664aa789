//! Where OSC clients come in, and what they may do.

use std::path::PathBuf;

use clap::Args;
use clasp_auth::{ScopeError, Scopes, Sources};

/// Where OSC clients come in, and what they may do.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "OSC")]
pub struct OscOptions {
    /// Serve OSC on this port, over UDP and TCP. With --auth-port only to this machine, unless
    /// --osc-allow or --osc-scopes says who else may
    #[arg(long, env = "CLASP_OSC_PORT", value_name = "PORT", hide_env_values = true)]
    pub osc_port: Option<u16>,

    /// Where in the address space OSC clients write and read: /fader/1 is /osc/fader/1; / is
    /// everywhere
    #[arg(long, env = "CLASP_OSC_NAMESPACE", value_name = "ADDRESS", default_value = "/osc")]
    #[arg(value_parser = parse_namespace, hide_env_values = true)]
    pub osc_namespace: String,

    /// Addresses and networks that OSC is accepted from, such as 192.168.1.0/24; without it all
    #[arg(long, env = "CLASP_OSC_ALLOW", value_name = "NETWORK,...", value_delimiter = ',')]
    #[arg(requires = "osc_port", hide_env_values = true)]
    pub osc_allow: Vec<Sources>,

    /// What OSC clients may do that show no token by /clasp/auth; without it everything, or with
    /// --auth-port what --anonymous-scopes says
    #[arg(long, env = "CLASP_OSC_SCOPES", value_name = "SCOPE,...", value_parser = parse_scopes)]
    #[arg(requires = "osc_port", hide_env_values = true)]
    pub osc_scopes: Option<Scopes>,

    /// TOML file with further settings of OSC: destinations that are told unasked, formats, late
    /// bundles
    #[arg(long, env = "CLASP_OSC_CONFIG", value_name = "FILE", requires = "osc_port")]
    #[arg(hide_env_values = true)]
    pub osc_config: Option<PathBuf>,
}

impl OscOptions {
    /// The networks of all `--osc-allow`.
    pub fn sources(&self) -> Sources {
        self.osc_allow.iter().cloned().collect()
    }
}

fn parse_scopes(text: &str) -> Result<Scopes, ScopeError> {
    Scopes::parse_list(text)
}

/// An address without wildcards, or nothing.
fn parse_namespace(text: &str) -> Result<String, &'static str> {
    let bare = text.strip_suffix('/').unwrap_or(text);
    let odd = |c: char| c.is_control() || " #*,?[]{}".contains(c);
    let is_address = bare.starts_with('/') && !bare.contains("//") && !bare.ends_with('/');
    if (bare.is_empty() || is_address) && !bare.contains(odd) {
        return Ok(text.to_owned());
    }
    Err("expected / or an address such as /osc, without wildcards")
}

//! Params and events over plain HTTP, on the WebSocket port.

use clap::Args;
use clap::builder::BoolishValueParser;

/// Params and events over plain HTTP.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "HTTP")]
pub struct HttpOptions {
    /// Do not serve params, events and subscriptions below /api/v1 on the WebSocket port
    #[arg(long, env = "CLASP_NO_HTTP", value_parser = BoolishValueParser::new())]
    #[arg(hide_env_values = true)]
    pub no_http: bool,
}

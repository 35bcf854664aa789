//! CLASP over QUIC.

use clap::Args;

/// CLASP over QUIC.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "QUIC")]
pub struct QuicOptions {
    /// Also serve CLASP over QUIC on this UDP port, with --cert and --key; 7331 by convention
    #[arg(long, env = "CLASP_QUIC_PORT", value_name = "PORT", hide_env_values = true)]
    pub quic_port: Option<u16>,
}

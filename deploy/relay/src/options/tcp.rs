//! CLASP over plain TCP.

use clap::Args;

/// CLASP over plain TCP.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "TCP")]
pub struct TcpOptions {
    /// Also serve CLASP frames over TCP on this port, each behind its length, as the Arduino
    /// library speaks; 7333 by convention. The WebSocket port takes such clients as well
    #[arg(long, env = "CLASP_TCP_PORT", value_name = "PORT", hide_env_values = true)]
    pub tcp_port: Option<u16>,
}

//! Options from a file, and showing where each comes from.

use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;

use crate::config_file::ConfigFile;

/// Options from a file.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Configuration")]
pub struct ConfigOptions {
    /// Take options from this TOML file, under the names of the flags; flags and environment
    /// variables win. Without it /etc/clasp/relay.toml if there is one; none = no file
    #[arg(long, env = "CLASP_CONFIG", value_name = "FILE", hide_env_values = true)]
    pub config: Option<PathBuf>,

    /// Write the options that hold as such a file, with where each comes from, and leave
    #[arg(long, env = "CLASP_PRINT_CONFIG", value_parser = BoolishValueParser::new())]
    #[arg(hide_env_values = true)]
    pub print_config: bool,

    /// The file that was read.
    #[arg(skip)]
    pub file: Option<ConfigFile>,
}

//! Options of the application that the relay serves.

use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;

/// The rules of the application.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Application")]
pub struct AppOptions {
    /// Rules of the application: scopes of its users, who may write and see what. Without it
    /// /etc/clasp and then ./config are looked into
    #[arg(long, env = "CLASP_APP_CONFIG", value_name = "FILE", hide_env_values = true)]
    pub app_config: Option<PathBuf>,

    /// Do not look for an app config
    #[arg(long, env = "CLASP_NO_APP_CONFIG", value_parser = BoolishValueParser::new())]
    #[arg(hide_env_values = true, conflicts_with = "app_config")]
    pub no_app_config: bool,
}

/// Which app config to check.
#[derive(Debug, Clone, Args)]
pub struct CheckOptions {
    /// The app config
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

//! Which of the pages and scripts that come from the options themselves to write.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

/// How completions are put into use.
pub(super) const COMPLETIONS_HELP: &str = "\
Examples:
  clasp-relay completions bash > ~/.local/share/bash-completion/completions/clasp-relay
  clasp-relay completions zsh > /usr/local/share/zsh/site-functions/_clasp-relay
  clasp-relay completions fish > ~/.config/fish/completions/clasp-relay.fish

The Debian package brings those of bash, zsh and fish along.

Exit codes: 0 done, 1 not done and why, 2 a mistake in the options";

/// How the pages are read.
pub(super) const MANUAL_HELP: &str = "\
Examples:
  clasp-relay manual /usr/local/share/man/man1
  clasp-relay manual man1 && man -l man1/clasp-relay.1

The Debian package brings them along.

Exit codes: 0 done, 1 not done and why, 2 a mistake in the options";

/// For which shell.
#[derive(Debug, Clone, Args)]
pub struct CompletionOptions {
    /// The shell that is to complete
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: Shell,
}

/// Where the pages go.
#[derive(Debug, Clone, Args)]
pub struct ManualOptions {
    /// Folder for the pages, made if it does not exist
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
}

//! `cargo xtask deb`: the Debian package, with nothing but dpkg-deb and the binutils.

mod chroot;
mod depends;
mod libraries;
mod package;
mod trial;
mod version;

use std::path::PathBuf;

use clap::Args;

use crate::prerequisites::{Need, system};
use crate::shell::{self, Outcome, cargo, command, root};
use package::Package;
pub(crate) use trial::{run as trial, stage};
use version::Version;

/// Where packages are put.
const OUT: &str = "target/debian";

/// What to build the package from.
#[derive(Debug, Args)]
pub(crate) struct DebOptions {
    /// Build with this profile
    #[arg(long, value_name = "NAME", default_value = "release")]
    profile: String,
    /// Build for this target, such as aarch64-unknown-linux-musl; this machine must be able to run
    /// the executable
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
}

/// Builds the relay and its package, and says where that is.
pub(crate) fn run(options: &DebOptions) -> Outcome {
    let executable = executable(options)?;
    let package = Package { executable, version: Version::of_tree(1)?, out: root().join(OUT) };
    let file = package.build()?;
    println!("{}", file.display());
    lint(&file)
}

/// Builds the executable that goes into the package.
fn executable(options: &DebOptions) -> Outcome<PathBuf> {
    let build =
        format!("build -p clasp-relay --features full --locked --profile {}", options.profile);
    let mut build = cargo(&build);
    if let Some(target) = &options.target {
        build.args(["--target", target]);
    }
    shell::run(&mut build)?;
    let metadata = shell::output(&mut cargo("metadata --no-deps --format-version 1 --locked"))?;
    let metadata: serde_json::Value =
        serde_json::from_str(&metadata).map_err(|error| format!("cargo metadata: {error}"))?;
    let folder = metadata["target_directory"].as_str().unwrap_or("target");
    let mut path = PathBuf::from(folder);
    path.extend(&options.target);
    path.push(if options.profile == "dev" { "debug" } else { &options.profile });
    Ok(path.join("clasp-relay"))
}

const LINTIAN: Need = Need {
    what: "lintian, which checks packages",
    probe: &["lintian", "--version"],
    packages: &["lintian"],
};

/// Warnings count; what lintian may say nevertheless stands in deploy/debian/lintian-overrides.
fn lint(file: &std::path::Path) -> Outcome {
    system(&LINTIAN)?;
    let options = ["--fail-on", "error,warning", "--tag-display-limit", "0", "--allow-root"];
    shell::run(command("lintian", options).arg(file))
}

//! `cargo xtask image-test`: the Dockerfile without a container engine (deploy/tests/image.py).

use crate::prerequisites::{self, Need};
use crate::shell::{self, Outcome, command};

const NEED: Need = Need {
    what: "debootstrap",
    probe: &["/usr/sbin/debootstrap", "--version"],
    packages: &["debootstrap"],
};

/// Whether this user may enter folders of their own.
pub(crate) fn possible() -> bool {
    shell::output(&mut command("id", ["-u"])).is_ok_and(|id| id.trim() == "0")
}

/// Builds the image's files and starts what its ENTRYPOINT says.
pub(crate) fn run() -> Outcome {
    prerequisites::system(&NEED)?;
    shell::run(&mut command("python3", ["deploy/tests/image.py"]))
}

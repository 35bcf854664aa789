//! The package's version, from Cargo's and from git, so that a later commit is an upgrade.

use crate::shell::{self, Outcome, command};

/// Which version this is, and when and from what it was made.
pub(super) struct Version {
    /// As dpkg compares it.
    pub(super) text: String,
    /// Of the commit.
    pub(super) seconds: String,
    /// The same time as changelogs write it.
    pub(super) date: String,
    pub(super) commit: String,
}

/// Where the commit stands: before, at, or after the release that Cargo's version names.
#[derive(Debug, Clone, Copy)]
enum Place {
    Before,
    At,
    After,
}

impl Version {
    /// The version of the checked-out commit; `revision` counts packages of the same sources.
    ///
    /// # Errors
    /// This is no checkout of git.
    pub(super) fn of_tree(revision: u32) -> Outcome<Self> {
        let release = env!("CARGO_PKG_VERSION");
        let format = "--format=%h%n%ct%n%cD%n%cd";
        let show = ["show", "-s", "--abbrev=8", "--date=format-local:%Y%m%d.%H%M%S", format];
        let shown = git(&show).map_err(|reason| {
            format!("the package's version comes from the commit, but {reason}")
        })?;
        let mut lines = shown.lines().map(str::to_string);
        let mut next = || lines.next().ok_or("`git show` says too little about the commit");
        let (commit, seconds, date, stamp) = (next()?, next()?, next()?, next()?);
        let tagged = |option: &str| {
            let tag = format!("v{release}");
            Ok::<_, String>(git(&["tag", option, "HEAD"])?.lines().any(|line| line == tag))
        };
        let place = match (tagged("--points-at")?, tagged("--merged")?) {
            (true, _) => Place::At,
            (false, true) => Place::After,
            (false, false) => Place::Before,
        };
        let dirty = !git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
        let mut text = upstream(release, place, &format!("{stamp}.{commit}"));
        if dirty {
            text.push_str("+dirty");
        }
        text.push_str(&format!("-{revision}"));
        Ok(Self { text, seconds, date, commit })
    }
}

fn git(arguments: &[&str]) -> Outcome<String> {
    shell::output(command("git", arguments).env("TZ", "UTC0"))
}

/// dpkg sorts `~` before the end of a version and `+` after it.
fn upstream(release: &str, place: Place, commit: &str) -> String {
    let release = release.replace('-', "~");
    match place {
        Place::Before => format!("{release}~git{commit}"),
        Place::At => release,
        Place::After => format!("{release}+git{commit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_commit_on_the_way_to_the_next_release_is_an_upgrade() {
        let way = [
            upstream("0.2.0", Place::Before, "20260101.080000.ffffffff"),
            upstream("0.2.0", Place::Before, "20260101.080001.00000000"),
            upstream("0.2.0", Place::At, "20260102.000000.00000000"),
            upstream("0.2.0", Place::After, "20260103.000000.00000000"),
            upstream("0.3.0-rc.1", Place::At, "20260104.000000.00000000"),
            upstream("0.3.0", Place::At, "20260105.000000.00000000"),
        ];
        for pair in way.windows(2) {
            let compare = ["--compare-versions", &pair[0], "lt", &pair[1]];
            assert!(shell::succeeds(&mut command("dpkg", compare)), "{pair:?}");
        }
    }
}

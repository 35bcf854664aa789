//! `cargo xtask deb-test`: the package's life on a Debian system, from installation to purge.

use std::fs;
use std::path::{Path, PathBuf};

use super::chroot::{Chroot, is_permitted};
use super::{DebOptions, Package, Version, executable, lint};
use crate::prerequisites::{self, Need, system};
use crate::shell::{self, Outcome, command, root};

const DEBOOTSTRAP: Need = Need {
    what: "debootstrap, which makes Debian systems",
    probe: &["sh", "-c", "command -v debootstrap"],
    packages: &["debootstrap"],
};

/// What the package makes: place, mode and owner.
const PLACES: &[(&str, &str)] = &[
    ("/usr/bin/clasp-relay", "755 root:root"),
    ("/etc/clasp", "755 root:root"),
    ("/etc/clasp/relay.toml", "644 root:root"),
    ("/etc/clasp/admin.token", "600 root:root"),
    ("/var/lib/clasp", "700 clasp:clasp"),
    ("/lib/systemd/system/clasp-relay.service", "644 root:root"),
];

/// What makes systemd start the relay.
const ENABLED: &str = "/etc/systemd/system/multi-user.target.wants/clasp-relay.service";
const TOKEN: &str = "/etc/clasp/admin.token";
const SETTINGS: &str = "/etc/clasp/relay.toml";
const DATA: &str = "/var/lib/clasp";

const AS_ROOT: &str = "run: sudo env PATH=\"$PATH\" HOME=\"$HOME\" cargo xtask deb-test";

/// Builds two versions of the package and tries them out.
///
/// # Errors
/// The package does not do what its page promises; or this is not root, who alone can make systems.
pub(crate) fn run() -> Outcome {
    let options = DebOptions { profile: "dist-check".into(), target: None };
    let executable = executable(&options)?;
    let first = build(&executable, 1)?;
    let again = fs::read(&first).map_err(|error| error.to_string())?;
    let same = build(&executable, 1)?;
    let identical = fs::read(&same).is_ok_and(|bytes| bytes == again);
    expect(identical, "the same sources give the same package")?;
    let second = build(&executable, 2)?;
    lint(&first)?;
    if !is_permitted() {
        return Err(format!("only root can make a system to install the package in; {AS_ROOT}"));
    }
    system(&DEBOOTSTRAP)?;
    prerequisites::python_packages()?;
    let trial = Trial { chroot: Chroot::unpack()?, first, second };
    trial.install()?;
    trial.upgrade()?;
    trial.remove_and_return()?;
    trial.purge_and_return()
}

/// The trial as a part of all tests, which do not ask for root.
///
/// # Errors
/// As [`run`].
pub(crate) fn stage() -> Outcome {
    if is_permitted() {
        return run();
    }
    println!("left out: only root can make a system to install the package in; {AS_ROOT}");
    Ok(())
}

fn build(executable: &Path, revision: u32) -> Outcome<PathBuf> {
    let out = root().join("target/deb-trial/packages");
    let version = Version::of_tree(revision)?;
    Package { executable: executable.into(), version, out }.build()
}

fn expect(holds: bool, promise: &str) -> Outcome {
    println!("{} {promise}", if holds { "ok:" } else { "NOT SO:" });
    if holds { Ok(()) } else { Err(format!("not so: {promise}")) }
}

struct Trial {
    chroot: Chroot,
    first: PathBuf,
    second: PathBuf,
}

impl Trial {
    fn install(&self) -> Outcome {
        self.dpkg_install(&self.first)?;
        self.places()?;
        let user = self.chroot.output(&["getent", "passwd", "clasp"])?;
        let sealed = user.ends_with(":/var/lib/clasp:/usr/sbin/nologin");
        expect(sealed, "the user clasp has its home in the data directory and no shell")?;
        expect(self.has(ENABLED), "the relay is enabled")?;
        self.pages()?;
        self.choose_ports()?;
        self.run_relay(&["set", "1"], "1")?;
        self.run_relay(&["get"], "1")?;
        let kept = ["journal.db", "relay-auth.db"];
        let kept = kept.iter().all(|name| self.has(&format!("{DATA}/{name}")));
        expect(kept, "journal and accounts are in the data directory")?;
        let open =
            self.chroot.output(&["find", DATA, "-perm", "/077", "-o", "!", "-user", "clasp"])?;
        expect(open.is_empty(), "nobody but the relay's user can read what is there")?;
        self.backup()
    }

    /// Edits the settings as an operator does: other relays may run on this machine.
    fn choose_ports(&self) -> Outcome {
        let file = self.chroot.path(SETTINGS);
        let text = fs::read_to_string(&file).map_err(|error| error.to_string())?;
        let text = text.replace("-port = 73", "-port = 0 #");
        let text = format!("ws-port = 0\n{text}");
        fs::write(&file, text).map_err(|error| error.to_string())?;
        let told = self.chroot.output(&["clasp-relay", "--print-config"])?;
        let chosen =
            told.lines().filter(|line| line.contains("-port = 0  # /etc/clasp/relay.toml"));
        expect(chosen.count() == 3, "the settings that were edited are those that hold")
    }

    /// As docs/deployment/debian.md says.
    fn backup(&self) -> Outcome {
        let backup = "runuser -u clasp -- clasp-relay backup /var/lib/clasp/nightly.clasp";
        let words: Vec<&str> = backup.split_whitespace().collect();
        self.chroot.run(&words)?;
        expect(self.has("/var/lib/clasp/nightly.clasp"), "a backup is made as the page says")
    }

    fn upgrade(&self) -> Outcome {
        let (token, before) = (self.token()?, self.version()?);
        self.dpkg_install(&self.second)?;
        let compare = ["dpkg", "--compare-versions", &before, "lt", &self.version()?];
        self.chroot.run(&compare)?;
        self.places()?;
        expect(self.token()? == token, "an upgrade keeps the token")?;
        let settings = fs::read_to_string(self.chroot.path(SETTINGS));
        let kept = settings.is_ok_and(|text| text.starts_with("ws-port = 0\n"));
        expect(kept, "an upgrade keeps the settings")?;
        self.run_relay(&["get"], "1")?;
        self.run_relay(&["set", "2"], "2")
    }

    fn remove_and_return(&self) -> Outcome {
        let token = self.token()?;
        self.chroot.run(&["dpkg", "--remove", "clasp-relay"])?;
        expect(!self.has("/usr/bin/clasp-relay"), "removal takes the executable away")?;
        expect(self.has(DATA), "removal leaves the data")?;
        expect(self.token()? == token, "removal leaves the token")?;
        self.dpkg_install(&self.second)?;
        expect(self.has(ENABLED), "the relay is enabled again")?;
        self.run_relay(&["get"], "2")
    }

    fn purge_and_return(&self) -> Outcome {
        let token = self.token()?;
        self.chroot.run(&["dpkg", "--purge", "clasp-relay"])?;
        for place in [DATA, "/etc/clasp", ENABLED, "/usr/share/doc/clasp-relay"] {
            expect(!self.has(place), &format!("a purge leaves no {place}"))?;
        }
        self.chroot.run(&["getent", "passwd", "clasp"])?;
        self.dpkg_install(&self.second)?;
        self.places()?;
        expect(self.token()? != token, "after a purge the token is another")?;
        self.choose_ports()?;
        self.run_relay(&["set", "3"], "3")
    }

    fn dpkg_install(&self, package: &Path) -> Outcome {
        let place = self.chroot.path("/tmp/clasp-relay.deb");
        fs::copy(package, &place).map_err(|error| format!("{}: {error}", package.display()))?;
        self.chroot.run(&["dpkg", "--install", "/tmp/clasp-relay.deb"])
    }

    fn places(&self) -> Outcome {
        for (place, expected) in PLACES {
            let found = self.chroot.output(&["stat", "-c", "%a %U:%G", place])?;
            expect(found == *expected, &format!("{place} is {expected}, found {found}"))?;
        }
        Ok(())
    }

    /// Manual pages are found, completions are loaded, the executable runs.
    fn pages(&self) -> Outcome {
        for page in ["clasp-relay", "clasp-relay-journal-export"] {
            self.chroot.run(&["man", "--where", page])?;
        }
        let load =
            ". /usr/share/bash-completion/completions/clasp-relay && complete -p clasp-relay";
        self.chroot.run(&["bash", "-c", load])?;
        self.chroot.run(&["clasp-relay", "--version"])
    }

    /// Starts the relay, lets a client with the operator's token do something, and stops it.
    fn run_relay(&self, verb: &[&str], expected: &str) -> Outcome {
        let service = self.chroot.start()?;
        let url = format!("ws://{}", service.address);
        let token = self.token()?;
        let client = root().join("deploy/debian/trial.py");
        let mut client = command(prerequisites::python(), [client]);
        client.args([verb[0], &url, &token]).args(&verb[1..]);
        let said = shell::output(&mut client).map_err(|reason| reason.replace(&token, "TOKEN"))?;
        expect(said.trim() == expected, &format!("{verb:?} answers {expected}, found {said:?}"))?;
        service.stop()
    }

    fn token(&self) -> Outcome<String> {
        fs::read_to_string(self.chroot.path(TOKEN)).map_err(|error| format!("{TOKEN}: {error}"))
    }

    fn version(&self) -> Outcome<String> {
        self.chroot.output(&["dpkg-query", "-W", "-f", "${Version}", "clasp-relay"])
    }

    fn has(&self, place: &str) -> bool {
        self.chroot.path(place).symlink_metadata().is_ok()
    }
}

//! A Debian system in a folder: made by debootstrap once, then unpacked for each trial.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::shell::{self, Outcome, command, root};

/// The release that the package has to work on.
const RELEASE: &str = "bookworm";

/// What the package may not bring along itself, and what its manual pages are tested with.
const INCLUDE: &str = "--include=adduser,man-db";

/// The unit, within the system.
const UNIT: &str = "lib/systemd/system/clasp-relay.service";

/// A freshly unpacked system; dropping it removes it.
pub(super) struct Chroot {
    pub(super) root: PathBuf,
}

impl Chroot {
    /// # Errors
    /// debootstrap or tar fails.
    pub(super) fn unpack() -> Outcome<Self> {
        let folder = root().join("target/deb-trial");
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let base = folder.join(format!("{RELEASE}.tar"));
        let chroot = Self { root: folder.join("root") };
        chroot.remove()?;
        if base.exists() {
            fs::create_dir(&chroot.root).map_err(|error| error.to_string())?;
            shell::run(command("tar", ["-xpf"]).arg(&base).arg("-C").arg(&chroot.root))?;
            return Ok(chroot);
        }
        let options = ["--variant=minbase", INCLUDE, RELEASE];
        shell::run(command("debootstrap", options).arg(&chroot.root))?;
        let part = base.with_extension("part");
        shell::run(command("tar", ["-cpf"]).arg(&part).arg("-C").arg(&chroot.root).arg("."))?;
        fs::rename(&part, &base).map_err(|error| format!("{}: {error}", base.display()))?;
        Ok(chroot)
    }

    /// A command within the system, without any of this one's environment.
    pub(super) fn command(&self, words: &[&str]) -> Command {
        let mut command = command("chroot", [&self.root]);
        command.args(words).env_clear();
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C.UTF-8");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    }

    /// # Errors
    /// The command fails within the system.
    pub(super) fn run(&self, words: &[&str]) -> Outcome {
        shell::run(&mut self.command(words))
    }

    /// What a command within the system prints.
    ///
    /// # Errors
    /// It fails.
    pub(super) fn output(&self, words: &[&str]) -> Outcome<String> {
        shell::output(&mut self.command(words)).map(|text| text.trim().to_string())
    }

    pub(super) fn path(&self, place: &str) -> PathBuf {
        self.root.join(place.trim_start_matches('/'))
    }

    fn remove(&self) -> Outcome {
        match fs::remove_dir_all(&self.root) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(format!("cannot remove {}: {error}", self.root.display()))
            }
            _ => Ok(()),
        }
    }

    /// Starts the relay as the unit says: its command, user, umask, folder and environment, the
    /// operator's token as a credential. Returns once the relay is ready.
    ///
    /// # Errors
    /// The unit cannot be followed, or the relay does not become ready.
    pub(super) fn start(&self) -> Outcome<Service> {
        let unit =
            fs::read_to_string(self.path(UNIT)).map_err(|error| format!("{UNIT}: {error}"))?;
        let credentials = "/run/credentials/clasp-relay.service";
        self.run(&["install", "-d", "-m", "0500", "-o", "clasp", "-g", "clasp", credentials])?;
        for line in values(&unit, "LoadCredential") {
            let (name, source) = line.split_once(':').ok_or(format!("LoadCredential={line}"))?;
            let place = format!("{credentials}/{name}");
            let copy = ["install", "-m", "0400", "-o", "clasp", "-g", "clasp", source, &place];
            self.run(&copy)?;
        }
        let mut environment = BTreeMap::new();
        for line in values(&unit, "Environment") {
            environment.extend(assignment(&line.replace("%d", credentials)));
        }
        for file in values(&unit, "EnvironmentFile") {
            let path = self.path(file.trim_start_matches('-'));
            if file.starts_with('-') && !path.exists() {
                continue;
            }
            let text = fs::read_to_string(path).map_err(|error| format!("{file}: {error}"))?;
            environment.extend(text.lines().filter_map(assignment));
        }
        let one =
            |key: &'static str| values(&unit, key).next().ok_or(format!("the unit has no {key}"));
        let (user, group) = (one("User")?, one("Group")?);
        let script = format!(
            "umask {} && cd {} && exec {}",
            one("UMask")?,
            one("WorkingDirectory")?,
            one("ExecStart")?
        );
        let mut command = self.command(&[
            "setpriv",
            "--reuid",
            user,
            "--regid",
            group,
            "--clear-groups",
            "--no-new-privs",
            "--bounding-set=-all",
            "sh",
            "-c",
            &script,
        ]);
        Service::start(command.envs(environment))
    }
}

impl Drop for Chroot {
    fn drop(&mut self) {
        if let Err(reason) = self.remove() {
            println!("{reason}");
        }
    }
}

/// A running relay; dropping it kills it.
pub(super) struct Service {
    child: Child,
    /// Where it listens for WebSocket clients.
    pub(super) address: String,
}

impl Service {
    fn start(command: &mut Command) -> Outcome<Self> {
        let command = command.stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("the relay: {error}"))?;
        let output = child.stdout.take().expect("it is piped");
        let mut service = Self { child, address: String::new() };
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        for line in lines.by_ref() {
            println!("  {line}");
            if let Some((_, rest)) = line.split_once("listening on ") {
                let end = rest.find(|c: char| !c.is_ascii_graphic() || c == '"');
                service.address = rest[..end.unwrap_or(rest.len())].to_string();
            }
            if line.contains("ready, accepting connections") {
                // The pipe must not fill up.
                std::thread::spawn(move || lines.for_each(|line| println!("  {line}")));
                return Ok(service);
            }
        }
        Err("the relay ended before it was ready; its last lines are above".into())
    }

    /// Ends the relay as systemd does.
    ///
    /// # Errors
    /// It does not exit with 0.
    pub(super) fn stop(mut self) -> Outcome {
        let id = self.child.id().to_string();
        shell::run(&mut command("kill", ["-TERM", &id]))?;
        let status = self.child.wait().map_err(|error| error.to_string())?;
        if status.success() { Ok(()) } else { Err(format!("the relay ended with {status}")) }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// What the unit says under a key, line by line.
fn values<'a>(unit: &'a str, key: &'static str) -> impl Iterator<Item = &'a str> {
    unit.lines().filter_map(move |line| line.strip_prefix(key)?.strip_prefix('='))
}

fn assignment(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once('=')?;
    (!name.starts_with('#')).then(|| (name.to_string(), value.to_string()))
}

/// Whether this process may make such systems.
pub(super) fn is_permitted() -> bool {
    shell::output(&mut command("id", ["-u"])).is_ok_and(|id| id.trim() == "0")
}

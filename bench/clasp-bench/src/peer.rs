//! The servers that are measured: where they are found, how they are started, what they can do.

use std::fmt;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::server::{Announcement, Server};
use crate::wire::{Clasp, Hub, Kind, Mqtt, Nats, Wire};

/// One of the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PeerId {
    /// The relay of this repository.
    Relay,
    /// Its MQTT door.
    RelayMqtt,
    /// A bare uWebSockets broadcast: the floor.
    Uws,
    /// nats-server.
    Nats,
    /// The MQTT broker mosquitto.
    Mosquitto,
    /// The published crate clasp-router.
    Reference,
}

impl PeerId {
    /// All of them, in the order of the tables.
    pub(crate) const ALL: [PeerId; 6] = [
        PeerId::Relay,
        PeerId::RelayMqtt,
        PeerId::Uws,
        PeerId::Nats,
        PeerId::Mosquitto,
        PeerId::Reference,
    ];

    /// Name for people.
    pub(crate) fn title(self) -> &'static str {
        match self {
            PeerId::Relay => "clasp-relay",
            PeerId::RelayMqtt => "clasp-relay, MQTT",
            PeerId::Uws => "uWebSockets",
            PeerId::Nats => "NATS",
            PeerId::Mosquitto => "mosquitto",
            PeerId::Reference => "clasp-router 4.5",
        }
    }

    /// Whether it is a relay of this repository.
    pub(crate) fn is_ours(self) -> bool {
        matches!(self, PeerId::Relay | PeerId::RelayMqtt)
    }

    /// Whether it tells this kind of message from an event.
    pub(crate) fn supports(self, kind: Kind) -> bool {
        match kind {
            Kind::Event => true,
            Kind::Stream => matches!(self, PeerId::Relay | PeerId::Reference),
            Kind::Set => !matches!(self, PeerId::Uws | PeerId::Nats),
        }
    }

    /// What its clients speak.
    pub(crate) fn wire(self) -> &'static dyn Wire {
        match self {
            PeerId::Relay | PeerId::Reference => &Clasp,
            PeerId::Uws => &Hub,
            PeerId::Nats => &Nats,
            PeerId::RelayMqtt | PeerId::Mosquitto => &Mqtt,
        }
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}

/// Where to look for programs.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// The repository.
    pub(crate) root: PathBuf,
    /// The relay under test.
    pub(crate) relay: PathBuf,
    /// Options for it besides host, port and sessions.
    pub(crate) relay_options: Vec<String>,
    /// The server around the published crate.
    pub(crate) reference: PathBuf,
    /// Bun, if not the one of `bench/uws-broadcast`.
    pub(crate) bun: Option<PathBuf>,
}

/// A server that was found.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Peer {
    /// Which one.
    pub(crate) id: PeerId,
    /// Program and version, for the report.
    pub(crate) version: String,
    #[serde(skip)]
    program: PathBuf,
    #[serde(skip)]
    arguments: Vec<String>,
}

impl Peer {
    /// Looks for the program.
    ///
    /// # Errors
    /// It is not there; the text says how to get it.
    pub(crate) fn find(id: PeerId, places: &Places) -> Result<Peer> {
        let host = ["--host", "127.0.0.1", "--port", "0", "--max-sessions"].map(String::from);
        match id {
            PeerId::Relay | PeerId::RelayMqtt => {
                let advice = "cargo build --release, or name another with --relay";
                let program = existing(&places.relay, advice)?;
                let version = first_line(&program, "--version")? + &commit(&places.root);
                // Over MQTT the others' topic is a param, too, while retained ones fill the store.
                let own = match id {
                    PeerId::RelayMqtt => "0 --mqtt-port 0 --max-params 101000",
                    _ => "0",
                };
                let own = own.split(' ').map(str::to_owned);
                let arguments = host.into_iter().chain(own).chain(places.relay_options.clone());
                Ok(Peer { id, version, program, arguments: arguments.collect() })
            }
            PeerId::Reference => {
                let advice = "cargo build --release --manifest-path interop/Cargo.toml \
                              -p reference-relay, or name another with --reference";
                let program = existing(&places.reference, advice)?;
                let arguments = host.into_iter().chain(["1000000".to_owned()]).collect();
                let version = "crate clasp-router 4.5.0 (interop/reference-relay)".into();
                Ok(Peer { id, version, program, arguments })
            }
            PeerId::Uws => {
                let folder = places.root.join("bench/uws-broadcast");
                let program = match &places.bun {
                    Some(program) => program.clone(),
                    None => installed_bun(&folder)
                        .context("npm install --prefix bench/uws-broadcast")?,
                };
                let version = first_line(&program, "--version")?;
                let version = format!("Bun {version}, bench/uws-broadcast/server.js");
                let script = folder.join("server.js").to_string_lossy().into_owned();
                Ok(Peer { id, version, program, arguments: vec![script] })
            }
            PeerId::Nats => {
                let program = PathBuf::from("nats-server");
                let version =
                    first_line(&program, "--version").context("apt install nats-server")?;
                let arguments = ["-a", "127.0.0.1", "-p", "-1"].map(String::from).into();
                Ok(Peer { id, version, program, arguments })
            }
            PeerId::Mosquitto => {
                let program = mosquitto();
                let version = first_line(&program, "-h").context("apt install mosquitto")?;
                Ok(Peer { id, version, program, arguments: Vec::new() })
            }
        }
    }

    /// Starts the server on a free port of the loopback.
    pub(crate) fn start(&self) -> Result<Server> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        match self.id {
            PeerId::Relay | PeerId::Reference | PeerId::Uws => {
                Server::start(command, Announcement::Line("listening on "), None)
            }
            PeerId::RelayMqtt => Server::start(command, Announcement::Line("mqtt://"), None),
            PeerId::Nats => {
                let words = "Listening for client connections on ";
                Server::start(command, Announcement::Line(words), None)
            }
            PeerId::Mosquitto => {
                let address = free_address()?;
                let folder = temporary_folder(address.port())?;
                let file = folder.join("mosquitto.conf");
                fs::write(&file, mosquitto_configuration(address))?;
                command.arg("-c").arg(file);
                Server::start(command, Announcement::Known(address), Some(folder))
            }
        }
    }
}

impl Peer {
    /// Starts the relay with a journal and a state file, in a folder that goes with it.
    pub(crate) fn start_storing(&self) -> Result<Server> {
        let folder = temporary_folder(free_address()?.port())?;
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).arg("--data-dir").arg(&folder);
        command.args(["--journal", "journal.db", "--persist", "state.db"]);
        Server::start(command, Announcement::Line("listening on "), Some(folder))
    }
}

/// The executable that came with the npm package: in the folder of the build for this machine, or
/// where the package's install script moves it if npm runs that.
fn installed_bun(folder: &Path) -> Result<PathBuf> {
    let modules = folder.join("node_modules");
    let builds = fs::read_dir(modules.join("@oven")).context("Bun is not there")?;
    let shipped = builds.flatten().map(|build| build.path().join("bin/bun"));
    let moved = ["bun/bin/bun.exe", "bun/bin/bun"].map(|path| modules.join(path));
    let mut runnable =
        shipped.chain(moved).filter(|program| first_line(program, "--version").is_ok());
    runnable.next().context("Bun is there for other machines only")
}

/// Debian puts it where only root's search path looks.
fn mosquitto() -> PathBuf {
    let usual = PathBuf::from("/usr/sbin/mosquitto");
    if usual.exists() { usual } else { "mosquitto".into() }
}

/// No log, no files, and no limit that would throw messages away.
fn mosquitto_configuration(address: SocketAddr) -> String {
    format!(
        "listener {} {}\nallow_anonymous true\npersistence false\nlog_type error\n\
         sys_interval 0\nset_tcp_nodelay true\nmax_queued_messages 0\nuser root\n",
        address.port(),
        address.ip()
    )
}

fn existing(program: &Path, advice: &str) -> Result<PathBuf> {
    if program.is_file() {
        return Ok(program.to_owned());
    }
    bail!("{} is not there: {advice}", program.display())
}

/// The first line a program prints when asked with `flag`.
fn first_line(program: &Path, flag: &str) -> Result<String> {
    let output = Command::new(program)
        .arg(flag)
        .output()
        .with_context(|| format!("run {}", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().next().unwrap_or("unknown version").trim().to_owned())
}

/// At which commit the repository is, as the end of a sentence; nothing without git.
fn commit(root: &Path) -> String {
    let mut git = Command::new("git");
    git.arg("-C").arg(root).args(["rev-parse", "--short", "HEAD"]);
    match git.output() {
        Ok(output) if output.status.success() => {
            format!(", repository at {}", String::from_utf8_lossy(&output.stdout).trim())
        }
        _ => String::new(),
    }
}

/// An address that was free a moment ago, for a server that cannot choose one itself.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn temporary_folder(port: u16) -> Result<PathBuf> {
    let name = format!("clasp-bench-{}-{port}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    fs::create_dir(&folder).with_context(|| format!("create {}", folder.display()))?;
    Ok(folder)
}

#[cfg(test)]
impl Peer {
    /// A server for reports that is never started.
    pub(crate) fn named(id: PeerId, version: &str) -> Peer {
        Peer { id, version: version.into(), program: PathBuf::new(), arguments: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_reported_with_advice() {
        let places = Places {
            root: "/nowhere".into(),
            relay: "/nowhere/clasp-relay".into(),
            relay_options: Vec::new(),
            reference: "/nowhere/reference-relay".into(),
            bun: None,
        };
        for (id, advice) in [
            (PeerId::Relay, "--relay"),
            (PeerId::Reference, "--reference"),
            (PeerId::Uws, "npm install"),
        ] {
            let text = format!("{:#}", Peer::find(id, &places).unwrap_err());
            assert!(text.contains(advice), "{text}");
        }
    }

    #[test]
    fn mosquitto_listens_where_it_is_told() {
        let text = mosquitto_configuration("127.0.0.1:1883".parse().unwrap());
        assert!(text.starts_with("listener 1883 127.0.0.1\n"), "{text}");
    }
}

//! What the suites need beyond Rust: checked, and installed into folders of the repository from
//! the ordinary package registries. System packages are installed only by root.

use std::fs;
use std::path::{Path, PathBuf};

use crate::shell::{self, Outcome, command, root};

/// A program that must exist: how to see that it does, and the system packages that bring it.
pub(crate) struct Need {
    pub(crate) what: &'static str,
    pub(crate) probe: &'static [&'static str],
    pub(crate) packages: &'static [&'static str],
}

const NEEDS: &[Need] = &[
    Need { what: "a C++ compiler", probe: &["c++", "--version"], packages: &["g++"] },
    Need { what: "Python 3", probe: &["python3", "--version"], packages: &["python3"] },
    Need {
        what: "mosquitto's clients",
        probe: &["sh", "-c", "command -v mosquitto_pub mosquitto_sub"],
        packages: &["mosquitto-clients"],
    },
    Need {
        what: "Python's venv module",
        probe: &["python3", "-c", "import ensurepip, venv"],
        packages: &["python3-venv"],
    },
    Need {
        what: "Node.js 20 or later",
        probe: &["node", "-e", "process.exit(process.versions.node.split('.')[0] < 20 ? 1 : 0)"],
        packages: &["nodejs"],
    },
    Need { what: "npm", probe: &["npm", "--version"], packages: &["npm"] },
    Need {
        what: "liblo's tools",
        probe: &["sh", "-c", "command -v oscsend && command -v oscdump"],
        packages: &["liblo-tools"],
    },
];

/// The virtual environment of the Python suite.
pub(crate) fn python() -> PathBuf {
    root().join("target/interop-venv/bin/python")
}

/// Checks and installs everything.
pub(crate) fn run() -> Outcome {
    for need in NEEDS {
        system(need)?;
    }
    python_packages()?;
    node_packages()
}

/// Makes sure of one program.
pub(crate) fn system(need: &Need) -> Outcome {
    let present = || shell::succeeds(&mut command(need.probe[0], &need.probe[1..]));
    if present() {
        return Ok(());
    }
    let packages = need.packages.join(" ");
    let is_root = shell::output(&mut command("id", ["-u"])).is_ok_and(|id| id.trim() == "0");
    if !is_root || !shell::succeeds(&mut command("apt-get", ["--version"])) {
        return Err(format!(
            "{} is missing; install it, on Debian with: apt-get install {packages}",
            need.what
        ));
    }
    println!("{} is missing: installing the Debian packages {packages}", need.what);
    shell::run(&mut command("apt-get", ["update", "-q"]))?;
    let install = ["install", "-q", "-y", "--no-install-recommends"];
    shell::run(
        command("apt-get", install.iter().chain(need.packages))
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )?;
    if present() { Ok(()) } else { Err(format!("{} is still missing", need.what)) }
}

/// Installs the published Python client and its tests' packages.
pub(crate) fn python_packages() -> Outcome {
    environment("target/interop-venv", "interop/python").map(drop)
}

/// A virtual environment with what the `requirements.txt` in `suite` lists; returns its Python.
pub(crate) fn environment(folder: &str, suite: &str) -> Outcome<PathBuf> {
    let folder = root().join(folder);
    let list = root().join(suite).join("requirements.txt");
    let python = folder.join("bin/python");
    installed_once(&folder.join("installed-from"), &list, || {
        println!("installing the Python packages of {} into {}", short(&list), short(&folder));
        shell::run(command("python3", ["-m", "venv"]).arg(&folder))?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
        shell::run(command(&python, pip).arg(&list))
    })?;
    Ok(python)
}

/// The packages of the JavaScript suite.
pub(crate) fn node_packages() -> Outcome {
    let folder = root().join("interop/js");
    let list = folder.join("package-lock.json");
    installed_once(&folder.join("node_modules/.installed-from"), &list, || {
        println!("installing the npm packages of {} into {}", short(&list), short(&folder));
        let ci = ["ci", "--no-audit", "--no-fund"];
        shell::run(command("npm", ci).current_dir(&folder))
    })
}

/// Calls `install` unless `stamp` says that it was done from the very `list`.
fn installed_once(stamp: &Path, list: &Path, install: impl Fn() -> Outcome) -> Outcome {
    let wanted = fs::read(list).map_err(|error| format!("cannot read {}: {error}", short(list)))?;
    if fs::read(stamp).is_ok_and(|done| done == wanted) {
        return Ok(());
    }
    install()?;
    fs::write(stamp, wanted).map_err(|error| format!("cannot write {}: {error}", short(stamp)))
}

fn short(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn packages_are_installed_when_their_list_changes() {
        let folder = std::env::temp_dir().join(format!("xtask-stamp-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (stamp, list) = (folder.join("stamp"), folder.join("list"));
        let runs = Cell::new(0);
        let install = || {
            runs.set(runs.get() + 1);
            Ok(())
        };
        for (content, expected) in [("a", 1), ("a", 1), ("b", 2)] {
            fs::write(&list, content).unwrap();
            installed_once(&stamp, &list, install).unwrap();
            assert_eq!(runs.get(), expected);
        }
        fs::write(&list, "c").unwrap();
        assert!(installed_once(&stamp, &list, || Err("no".into())).is_err());
        installed_once(&stamp, &list, install).unwrap();
        assert_eq!(runs.get(), 3, "a failed installation is tried again");
        fs::remove_dir_all(&folder).unwrap();
    }
}

//! The stage `deploy`: the deployment files and the guide, on machines of their own (deploy/tests).

use std::fs;
use std::path::{Path, PathBuf};

use crate::interop;
use crate::prerequisites::{self, Need};
use crate::shell::{self, Outcome, command, root};

const NEEDS: &[Need] = &[
    Need { what: "Caddy", probe: &["caddy", "version"], packages: &["caddy"] },
    Need { what: "nginx", probe: &["/usr/sbin/nginx", "-v"], packages: &["nginx-light"] },
    Need { what: "ufw", probe: &["/usr/sbin/ufw", "--version"], packages: &["ufw", "iptables"] },
    Need { what: "shellcheck", probe: &["shellcheck", "--version"], packages: &["shellcheck"] },
    Need { what: "OpenSSL", probe: &["openssl", "version"], packages: &["openssl"] },
    Need { what: "curl", probe: &["curl", "--version"], packages: &["curl"] },
    Need { what: "iproute2", probe: &["ip", "-V"], packages: &["iproute2"] },
    Need {
        what: "systemd-analyze",
        probe: &["systemd-analyze", "--version"],
        packages: &["systemd"],
    },
];

/// Where cloud-init's package keeps the schema of its files.
const SCHEMA: &str = "usr/lib/python3/dist-packages/cloudinit/config/schemas";

/// Where Prometheus' package keeps the checker of its rules.
const PROMTOOL: &str = "usr/bin/promtool";

/// Runs the suite.
pub(crate) fn run() -> Outcome {
    for need in NEEDS {
        prerequisites::system(need)?;
    }
    let python = prerequisites::environment("target/deploy-venv", "deploy/tests")?;
    prerequisites::node_packages()?;
    let mut suite = command(python, ["-m", "pytest", "-q", "-rs", "deploy/tests"]);
    suite.env("CLASP_RELAY_BIN", interop::relay()?);
    if let Some(schema) = cloud_init_schema() {
        suite.env("CLASP_CLOUD_INIT_SCHEMA", schema);
    }
    if let Some(promtool) = unpacked("prometheus", |folder| {
        Some(folder.join(PROMTOOL)).filter(|program| program.exists())
    }) {
        suite.env("CLASP_PROMTOOL", promtool);
    }
    shell::run(&mut suite)
}

fn cloud_init_schema() -> Option<PathBuf> {
    unpacked("cloud-init", |folder| {
        let files = fs::read_dir(folder.join(SCHEMA)).ok()?.filter_map(Result::ok);
        let mut paths = files.map(|file| file.path());
        paths.find(|path| path.to_string_lossy().contains("schema-cloud-config"))
    })
}

/// What `find` finds in one of Debian's packages, which is unpacked below target but not installed;
/// none without apt.
fn unpacked(package: &str, find: impl Fn(&Path) -> Option<PathBuf>) -> Option<PathBuf> {
    let folder = root().join("target").join(package);
    if let Some(found) = find(&folder) {
        return Some(found);
    }
    fs::create_dir_all(&folder).ok()?;
    let unpack = format!("apt-get download -q {package} && dpkg -x {package}_*.deb .");
    let mut unpack = command("sh", ["-c", &unpack]);
    shell::succeeds(unpack.current_dir(&folder)).then(|| find(&folder))?
}

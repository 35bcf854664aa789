//! The stage `deploy`: the deployment files and the guide, on machines of their own (deploy/tests).

use std::fs;
use std::path::PathBuf;

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
    shell::run(&mut suite)
}

/// The schema out of Debian's package, which is unpacked but not installed; none without apt.
fn cloud_init_schema() -> Option<PathBuf> {
    let folder = root().join("target/cloud-init");
    let found = || {
        let files = fs::read_dir(folder.join(SCHEMA)).ok()?.filter_map(Result::ok);
        let mut paths = files.map(|file| file.path());
        paths.find(|path| path.to_string_lossy().contains("schema-cloud-config"))
    };
    if let Some(schema) = found() {
        return Some(schema);
    }
    fs::create_dir_all(&folder).ok()?;
    let unpack = "apt-get download -q cloud-init && dpkg -x cloud-init_*.deb .";
    let mut unpack = command("sh", ["-c", unpack]);
    shell::succeeds(unpack.current_dir(&folder)).then(found)?
}

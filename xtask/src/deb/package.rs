//! What lies where in the package, and the files that describe it to dpkg.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Version, depends, libraries};
use crate::shell::{self, Outcome, command, root};

/// A package to be built.
pub(super) struct Package {
    pub(super) executable: PathBuf,
    pub(super) version: Version,
    /// The folder that it is put into.
    pub(super) out: PathBuf,
}

const DOC: &str = "usr/share/doc/clasp-relay";
const UNITS: &str = "lib/systemd/system";
const SOURCES: &str = "deploy/debian";

/// Files that go in as they are: mode, source, place.
const FILES: &[(u32, &str, &str)] = &[
    (0o644, "deploy/relay/systemd/relay.toml", "etc/clasp/relay.toml"),
    (0o644, "deploy/debian/copyright", "usr/share/doc/clasp-relay/copyright"),
    (0o644, "deploy/debian/lintian-overrides", "usr/share/lintian/overrides/clasp-relay"),
    (0o644, "deploy/relay/examples/chat.json", "usr/share/doc/clasp-relay/examples/chat.json"),
    (0o644, "deploy/relay/systemd/clasp-relay.socket", "lib/systemd/system/clasp-relay.socket"),
];

/// Shell, and where its completions are looked for.
const COMPLETIONS: &[(&str, &str)] = &[
    ("bash", "usr/share/bash-completion/completions/clasp-relay"),
    ("zsh", "usr/share/zsh/vendor-completions/_clasp-relay"),
    ("fish", "usr/share/fish/vendor_completions.d/clasp-relay.fish"),
];

const DESCRIPTION: &str = "\
relay for the CLASP protocol of creative tools and devices
 The relay accepts CLASP clients over WebSocket, keeps the params that they
 set and passes on what they publish to everyone who subscribed: lighting
 desks, VJ and audio software, installations, sensors, web pages.
 .
 It runs as a service under a user of its own, keeps params, journal and
 accounts in /var/lib/clasp, and demands tokens of its clients.
";

impl Package {
    /// Builds the package; the same commit and executable give the same bytes.
    ///
    /// # Errors
    /// A source is missing, or a tool fails.
    pub(super) fn build(&self) -> Outcome<PathBuf> {
        let tree = self.out.join("tree");
        if tree.exists() {
            fs::remove_dir_all(&tree).map_err(|error| said(&tree, &error))?;
        }
        self.executable(&tree)?;
        for (mode, source, place) in FILES {
            let text = read(&root().join(source))?;
            write(&tree.join(place), text.as_bytes(), *mode)?;
        }
        unit(&tree)?;
        self.pages_and_completions(&tree)?;
        self.documents(&tree)?;
        self.control(&tree)?;
        let architecture = architecture(&self.executable)?;
        let name = format!("clasp-relay_{}_{architecture}.deb", self.version.text);
        let file = self.out.join(name);
        let build = ["--root-owner-group", "-Zxz", "--build"];
        let mut build = command("dpkg-deb", build);
        build.env("SOURCE_DATE_EPOCH", &self.version.seconds);
        shell::run(build.arg(&tree).arg(&file))?;
        Ok(file)
    }

    fn executable(&self, tree: &Path) -> Outcome {
        let place = tree.join("usr/bin/clasp-relay");
        make_parent(&place)?;
        fs::copy(&self.executable, &place).map_err(|error| said(&self.executable, &error))?;
        let strip = ["--strip-unneeded", "--remove-section=.comment"];
        shell::run(command("strip", strip).arg(&place))?;
        set_mode(&place, 0o755)
    }

    /// Manual pages and completions, as the executable writes them.
    fn pages_and_completions(&self, tree: &Path) -> Outcome {
        let pages = tree.join("usr/share/man/man1");
        shell::run(command(&self.executable, ["manual"]).arg(&pages))?;
        for page in fs::read_dir(&pages).map_err(|error| said(&pages, &error))? {
            let page = page.map_err(|error| said(&pages, &error))?.path();
            compress(&page)?;
        }
        for (shell, place) in COMPLETIONS {
            let script = shell::output(&mut command(&self.executable, ["completions", shell]))?;
            write(&tree.join(place), script.as_bytes(), 0o644)?;
        }
        set_mode(&pages, 0o755)
    }

    fn documents(&self, tree: &Path) -> Outcome {
        let doc = tree.join(DOC);
        let Version { text, date, commit, .. } = &self.version;
        let maintainer = maintainer();
        let debian = format!(
            "clasp-relay ({text}) stable; urgency=medium\n\n  * Built from commit {commit}; \
             changelog.gz says what has changed.\n\n -- {maintainer}  {date}\n"
        );
        let compressed = [
            ("changelog.Debian", debian),
            ("changelog", read(&root().join("CHANGELOG.md"))?),
            ("libraries", libraries::notices()?),
        ];
        for (name, text) in compressed {
            let file = doc.join(name);
            write(&file, text.as_bytes(), 0o644)?;
            compress(&file)?;
        }
        Ok(())
    }

    fn control(&self, tree: &Path) -> Outcome {
        let control = tree.join("DEBIAN");
        for script in ["postinst", "prerm", "postrm"] {
            let text = read(&root().join(SOURCES).join(script))?;
            write(&control.join(script), text.as_bytes(), 0o755)?;
        }
        write(&control.join("conffiles"), b"/etc/clasp/relay.toml\n", 0o644)?;
        let sums = shell::output(
            command("sh", ["-c", "find usr lib -type f -print0 | sort -z | xargs -0 md5sum"])
                .current_dir(tree),
        )?;
        write(&control.join("md5sums"), sums.as_bytes(), 0o644)?;
        let used = shell::output(command("du", ["-sk", "--apparent-size"]).arg(tree))?;
        let kibibytes = used.split_whitespace().next().unwrap_or("0");
        let mut depends = depends::of(&self.executable)?;
        depends.push("adduser".into());
        let fields = [
            ("Package", "clasp-relay"),
            ("Version", &self.version.text),
            ("Architecture", &architecture(&self.executable)?),
            ("Maintainer", &maintainer()),
            ("Installed-Size", kibibytes),
            ("Depends", &depends.join(", ")),
            ("Section", "net"),
            ("Priority", "optional"),
            ("Description", DESCRIPTION.trim_end()),
        ];
        let lines: String =
            fields.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        write(&control.join("control"), lines.as_bytes(), 0o644)
    }
}

/// The unit, which starts what an installation by hand puts into /usr/local.
fn unit(tree: &Path) -> Outcome {
    let source = root().join("deploy/relay/systemd/clasp-relay.service");
    let text = read(&source)?.replace("/usr/local/bin/clasp-relay", "/usr/bin/clasp-relay");
    if !text.contains("ExecStart=/usr/bin/clasp-relay") {
        return Err(format!("{} does not start /usr/local/bin/clasp-relay", source.display()));
    }
    write(&tree.join(UNITS).join("clasp-relay.service"), text.as_bytes(), 0o644)
}

/// Who made the package, as Debian's tools are told it.
fn maintainer() -> String {
    let told = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let name = told("DEBFULLNAME").unwrap_or_else(|| "The clasp-relay authors".into());
    let address = told("DEBEMAIL").unwrap_or_else(|| "clasp-relay@users.noreply.github.com".into());
    format!("{name} <{address}>")
}

/// Debian's name of the processor that the executable is for.
fn architecture(executable: &Path) -> Outcome<String> {
    let mut head = [0; 20];
    let mut file = fs::File::open(executable).map_err(|error| said(executable, &error))?;
    std::io::Read::read_exact(&mut file, &mut head).map_err(|error| said(executable, &error))?;
    match (&head[..4], u16::from_le_bytes([head[18], head[19]])) {
        (b"\x7fELF", 62) => Ok("amd64".into()),
        (b"\x7fELF", 183) => Ok("arm64".into()),
        _ => Err(format!("{} is neither for amd64 nor for arm64", executable.display())),
    }
}

fn read(path: &Path) -> Outcome<String> {
    fs::read_to_string(path).map_err(|error| said(path, &error))
}

fn write(path: &Path, content: &[u8], mode: u32) -> Outcome {
    make_parent(path)?;
    fs::write(path, content).map_err(|error| said(path, &error))?;
    set_mode(path, mode)
}

/// Makes the folders above a file, with the mode that they have in the package.
fn make_parent(path: &Path) -> Outcome {
    let Some(parent) = path.parent() else {
        return Ok(());
    };
    shell::output(command("install", ["-d", "-m", "755"]).arg(parent)).map(drop)
}

fn compress(path: &Path) -> Outcome {
    set_mode(path, 0o644)?;
    shell::output(command("gzip", ["-9", "-n", "-f"]).arg(path)).map(drop)
}

fn set_mode(path: &Path, mode: u32) -> Outcome {
    use std::os::unix::fs::PermissionsExt as _;
    let permissions = fs::Permissions::from_mode(mode);
    fs::set_permissions(path, permissions).map_err(|error| said(path, &error))
}

fn said(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

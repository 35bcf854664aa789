//! Files: there, readable, private if they have to be; room on their disks; the certificate.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clasp_tls::{Files, Tls};
use rustix::fs::{Access, access, statvfs};

use super::Finding;
use crate::options::{Options, below};

/// What the relay does with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// Reads it; it has to be there.
    Read,
    /// Reads it, and others must not.
    Secret,
    /// Reads it, others must not, and it is made if it is not there.
    MadeSecret,
    /// Writes it and others beside it.
    Write,
}

/// Days before a certificate's end in which it should have been renewed.
const RENEWAL_DAYS: u64 = 14;
const DAY_S: u64 = 86_400;

/// Free room below which the relay soon stops to store, and below which that is worth a thought.
const ROOM_BYTES_MIN: u64 = 64 << 20;
const ROOM_BYTES_LOW: u64 = 1 << 30;
const INODES_MIN: u64 = 100;

/// File systems on other machines, by the number that Linux gives them.
#[cfg(target_os = "linux")]
const ELSEWHERE: [(i64, &str); 7] = [
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xfe53_4d42, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0x0102_1997, "9p"),
    (0x00c3_6400, "Ceph"),
    (0x6573_5546, "FUSE"),
];

/// Looks at every file that the options name, and at the disks of those that are written.
pub(super) fn look(options: &Options) -> Vec<Finding> {
    let files = named(options);
    let insecure = options.tls.insecure_permissions;
    let mut findings: Vec<Finding> =
        files.iter().map(|(flag, path, purpose)| one(flag, path, (*purpose, insecure))).collect();
    let mut seen: Vec<PathBuf> = Vec::new();
    for (_, path, _) in files.iter().filter(|(_, _, purpose)| *purpose == Use::Write) {
        let directory = existing_parent(path);
        if !seen.contains(&directory) {
            findings.extend(disk(&directory));
            seen.push(directory);
        }
    }
    findings
}

fn named(options: &Options) -> Vec<(&'static str, PathBuf, Use)> {
    let (auth, storage, tokens, tls) =
        (&options.auth, &options.storage, &options.tokens, &options.tls);
    let mut files = Vec::new();
    let mut add = |flag, path: Option<&PathBuf>, purpose| {
        files.extend(path.map(|path| (flag, path.clone(), purpose)));
    };
    let data =
        |path: &Option<PathBuf>| path.as_ref().map(|path| below(storage.data_dir.as_deref(), path));
    add("--config", options.config.file.as_ref().map(|file| &file.path), Use::Read);
    add("--app-config", options.app.app_config.as_ref(), Use::Read);
    add("--cert", tls.cert.as_ref(), Use::Read);
    add("--key", tls.key.as_ref(), Use::Secret);
    add("--client-ca", tls.client_ca.as_ref(), Use::Read);
    add("--journal", data(&storage.journal).as_ref(), Use::Write);
    add("--persist", data(&storage.persist).as_ref(), Use::Write);
    if auth.auth_port.is_some() {
        add("--auth-db", Some(&auth.place(storage).path), Use::Write);
        add("--admin-token", data(&auth.admin_token).as_ref(), Use::MadeSecret);
        add("--tokens-file", data(&auth.tokens_file).as_ref(), Use::Secret);
        add("--registry-db", data(&tokens.registry_db).as_ref(), Use::Write);
        add("--jwt-secret", tokens.jwt.jwt_secret.as_ref(), Use::Secret);
        add("--cap-revoked", tokens.cap_revoked.as_ref(), Use::Read);
        for path in &tokens.trust_anchors {
            add("--trust-anchor", Some(path), Use::Read);
        }
        for path in &tokens.cap_parents {
            add("--cap-parent", Some(path), Use::Read);
        }
    }
    files
}

fn one(flag: &str, path: &Path, (purpose, insecure): (Use, bool)) -> Finding {
    let subject = format!("{flag} {}", path.display());
    let Ok(found) = fs::metadata(path) else { return absent(subject, path, purpose) };
    let mode = found.permissions().mode() & 0o777;
    let facts = format!("mode {mode:04o}, owner {}", found.uid());
    if found.is_dir() {
        return Finding::fail(subject, "is a directory; name a file");
    }
    if let Err(error) = File::open(path) {
        return Finding::fail(subject, format!("cannot be read: {error} ({facts})"));
    }
    let writes = purpose == Use::Write;
    if writes && access(path, Access::WRITE_OK).is_err() {
        let text = format!("cannot be written by this user ({facts}); chown it");
        return Finding::fail(subject, text);
    }
    if writes && access(existing_parent(path), Access::WRITE_OK).is_err() {
        let text = "this user cannot make files beside it, which SQLite and saving need";
        return Finding::fail(subject, text);
    }
    let open = mode & 0o077 != 0;
    match purpose {
        Use::Secret | Use::MadeSecret if open && !insecure => {
            Finding::fail(subject, format!("others may read it ({facts}); chmod 600 it"))
        }
        Use::Secret | Use::MadeSecret if open => {
            let text = format!("others may read it ({facts}); --insecure-permissions allows that");
            Finding::warn(subject, text)
        }
        Use::Write if open => {
            let text = format!("others may read what is kept ({facts}); chmod 600 it");
            Finding::warn(subject, text)
        }
        _ if found.modified().is_ok_and(|time| time > SystemTime::now() + LATER) => {
            Finding::warn(subject, "was written in the future: has the clock gone back?")
        }
        _ => Finding::ok(subject, facts),
    }
}

/// What clocks of file systems may be ahead.
const LATER: std::time::Duration = std::time::Duration::from_secs(60);

fn absent(subject: String, path: &Path, purpose: Use) -> Finding {
    if matches!(purpose, Use::Read | Use::Secret) {
        return Finding::fail(
            subject,
            "is not there, or this user may not look into its directory",
        );
    }
    let parent = existing_parent(path);
    match access(&parent, Access::WRITE_OK) {
        Ok(()) => Finding::ok(subject, "is not there yet and will be made"),
        Err(_) => {
            let parent = parent.display();
            Finding::fail(subject, format!("cannot be made: this user may not write in {parent}"))
        }
    }
}

/// The nearest directory above that exists.
fn existing_parent(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let parents = absolute.ancestors().skip(1);
    parents.into_iter().find(|parent| parent.is_dir()).unwrap_or(Path::new("/")).to_owned()
}

fn disk(directory: &Path) -> Vec<Finding> {
    let subject = format!("disk of {}", directory.display());
    let Ok(found) = statvfs(directory) else {
        return vec![Finding::warn(subject, "its room cannot be told")];
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let text = format!("{} MiB free", free >> 20);
    let mut findings = vec![match free {
        free if free < ROOM_BYTES_MIN => {
            Finding::fail(subject.clone(), format!("{text}; make room"))
        }
        free if free < ROOM_BYTES_LOW => {
            Finding::warn(subject.clone(), format!("{text}, which is little"))
        }
        _ => Finding::ok(subject.clone(), text),
    }];
    // Some file systems have no fixed number of files.
    if found.f_files > 0 && found.f_favail < INODES_MIN {
        let text = format!("room for {} more files only; delete some", found.f_favail);
        findings.push(Finding::fail(subject.clone(), text));
    }
    #[cfg(target_os = "linux")]
    if let Some(kind) = elsewhere(directory) {
        let text = format!(
            "{kind}: the journal works without a write-ahead log there, and slower; never let two \
             relays use the same files"
        );
        findings.push(Finding::warn(subject, text));
    }
    findings
}

#[cfg(target_os = "linux")]
fn elsewhere(directory: &Path) -> Option<&'static str> {
    let kind = rustix::fs::statfs(directory).ok()?.f_type & 0xffff_ffff;
    ELSEWHERE.iter().find(|(number, _)| *number == kind).map(|(_, name)| *name)
}

/// The certificate: there if it is needed, whole, in force, and with its key.
pub(super) fn certificate(options: &Options) -> Option<Finding> {
    let tls = &options.tls;
    let (Some(cert), Some(key)) = (tls.cert.clone(), tls.key.clone()) else {
        let needy =
            [("--quic-port", options.quic.quic_port.is_some()), ("--tls-only", tls.tls_only)];
        let (flag, _) = needy.into_iter().find(|(_, wanted)| *wanted)?;
        let text = format!("{flag} needs one: give --cert and --key");
        return Some(Finding::fail("certificate", text));
    };
    let (client_ca, insecure_permissions) = (tls.client_ca.clone(), tls.insecure_permissions);
    let files = Files { cert, key, client_ca, insecure_permissions };
    let (tls, found) = match Tls::open(files) {
        Ok(opened) => opened,
        Err(error) => return Some(Finding::fail("certificate", error.to_string())),
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now_s = now.map_or(0, |since| since.as_secs());
    let days = tls.not_after_s().saturating_sub(now_s) / DAY_S;
    Some(match days {
        0 => Finding::fail("certificate", format!("{found}; it has ended or ends today: renew it")),
        days if days < RENEWAL_DAYS => {
            Finding::warn("certificate", format!("{found}; {days} days are left: renew it"))
        }
        _ => Finding::ok("certificate", found),
    })
}

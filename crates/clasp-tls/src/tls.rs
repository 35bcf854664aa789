//! The configuration that new connections get, exchanged while old ones go on.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::SystemTime;

use parking_lot::{Mutex, RwLock};
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};

use crate::files::{Files, LoadError, Loaded, Stamp};

/// TLS of all listeners of a process.
pub struct Tls {
    files: Files,
    provider: Arc<CryptoProvider>,
    current: RwLock<Arc<ServerConfig>>,
    not_after_s: AtomicU64,
    fingerprint: RwLock<[u8; 32]>,
    sound: AtomicBool,
    /// The files as they were when they were last read; also keeps reloads apart.
    seen: Mutex<Stamp>,
}

impl Tls {
    /// Reads the files; blocks. The text tells what was found, for the log.
    ///
    /// # Errors
    /// A file cannot be used, or they do not fit each other.
    pub fn open(files: Files) -> Result<(Tls, String), LoadError> {
        let seen = files.stamp();
        let provider = Arc::new(ring::default_provider());
        let loaded = files.load(&provider)?;
        let text = describe(&files, &loaded);
        let tls = Tls {
            files,
            provider,
            current: RwLock::new(loaded.config),
            not_after_s: AtomicU64::new(loaded.validity.not_after_s()),
            fingerprint: RwLock::new(loaded.fingerprint),
            sound: AtomicBool::new(true),
            seen: Mutex::new(seen),
        };
        Ok((tls, text))
    }

    /// What the next connection is to be served with.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.read())
    }

    /// Reads the files again; blocks. Connections that are open keep what they have. The text tells
    /// what is in force now.
    ///
    /// # Errors
    /// The new files cannot be used, which the text explains; the old ones stay in force.
    pub fn reload(&self) -> Result<String, String> {
        let mut seen = self.seen.lock();
        self.reload_as(&mut seen, self.files.stamp())
    }

    /// Like [`Self::reload`], but only if a file is not the one that was last read.
    pub fn reload_if_changed(&self) -> Option<Result<String, String>> {
        let mut seen = self.seen.lock();
        let stamp = self.files.stamp();
        (*seen != stamp).then(|| self.reload_as(&mut seen, stamp))
    }

    /// `stamp` was taken before the files are read: what changes meanwhile counts as new.
    fn reload_as(&self, seen: &mut Stamp, stamp: Stamp) -> Result<String, String> {
        *seen = stamp;
        let loaded = self.files.load(&self.provider);
        self.sound.store(loaded.is_ok(), Ordering::Relaxed);
        let loaded = loaded.map_err(|error| {
            format!("{error}; the certificate that was read before stays in force")
        })?;
        let text = describe(&self.files, &loaded);
        self.not_after_s.store(loaded.validity.not_after_s(), Ordering::Relaxed);
        *self.fingerprint.write() = loaded.fingerprint;
        *self.current.write() = loaded.config;
        Ok(text)
    }

    /// When the certificate in force expires, in seconds since 1970 UTC.
    pub fn not_after_s(&self) -> u64 {
        self.not_after_s.load(Ordering::Relaxed)
    }

    /// SHA-256 of the certificate in force, by which clients may know it again.
    pub fn fingerprint(&self) -> [u8; 32] {
        *self.fingerprint.read()
    }

    /// Whether the files could be used when they were last read.
    pub fn is_sound(&self) -> bool {
        self.sound.load(Ordering::Relaxed)
    }
}

/// One line about files that are in force now; warns of a certificate that clients will refuse.
fn describe(files: &Files, loaded: &Loaded) -> String {
    let cert = files.cert.display();
    if let Some(warning) = loaded.validity.warning(SystemTime::now()) {
        tracing::warn!("TLS: clients will not accept the certificate {cert}: {warning}");
    }
    let more = match loaded.chain - 1 {
        0 => "no intermediate".to_owned(),
        1 => "1 intermediate".to_owned(),
        count => format!("{count} intermediates"),
    };
    let clients = match &files.client_ca {
        Some(path) => format!(", clients known to {}", path.display()),
        None => String::new(),
    };
    let until = loaded.validity.not_after();
    format!("certificate {cert} with {more}, valid until {until}{clients}")
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::testing;

    fn tls(folder: &tempfile::TempDir) -> (Tls, Files) {
        let (files, _) = testing::self_signed(folder.path());
        (Tls::open(files.clone()).unwrap().0, files)
    }

    #[test]
    fn files_that_did_not_change_are_not_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let (tls, _) = tls(&folder);
        assert!(tls.reload_if_changed().is_none());
        let before = tls.config();
        testing::self_signed(folder.path());
        assert!(tls.reload_if_changed().unwrap().is_ok());
        assert!(!Arc::ptr_eq(&before, &tls.config()));
        assert!(tls.reload_if_changed().is_none());
    }

    #[test]
    fn the_fingerprint_is_that_of_the_certificate_in_force() {
        use sha2::{Digest as _, Sha256};
        let folder = tempfile::tempdir().unwrap();
        let (files, first) = testing::self_signed(folder.path());
        let tls = Tls::open(files).unwrap().0;
        assert_eq!(tls.fingerprint()[..], Sha256::digest(&first)[..]);
        let (_, second) = testing::self_signed(folder.path());
        tls.reload().unwrap();
        assert_eq!(tls.fingerprint()[..], Sha256::digest(&second)[..]);
        assert_ne!(first, second);
    }

    #[test]
    fn a_certificate_whose_key_comes_later_is_taken_when_both_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let (tls, files) = tls(&folder);
        let before = tls.config();
        let other = tempfile::tempdir().unwrap();
        let (new, _) = testing::self_signed(other.path());
        fs::rename(&new.cert, &files.cert).unwrap();
        let error = tls.reload_if_changed().unwrap().unwrap_err();
        assert!(error.contains("is not the key of"), "{error}");
        assert!(Arc::ptr_eq(&before, &tls.config()) && !tls.is_sound());
        assert!(tls.reload_if_changed().is_none(), "a fault is told once");
        fs::rename(&new.key, &files.key).unwrap();
        assert!(tls.reload_if_changed().unwrap().is_ok());
        assert!(!Arc::ptr_eq(&before, &tls.config()) && tls.is_sound());
    }

    #[test]
    fn files_that_vanish_leave_the_old_in_force() {
        let folder = tempfile::tempdir().unwrap();
        let (tls, files) = tls(&folder);
        fs::remove_file(&files.cert).unwrap();
        let error = tls.reload().unwrap_err();
        assert!(error.contains("cert.pem") && error.contains("--cert"), "{error}");
        assert!(tls.reload_if_changed().is_none());
    }

    #[test]
    fn every_kind_of_key_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let (_, files) = tls(&folder);
        for (make, kind) in [
            ("openssl ecparam -name prime256v1 -genkey -noout", "BEGIN EC PRIVATE KEY"),
            ("openssl genrsa -traditional 2048", "BEGIN RSA PRIVATE KEY"),
            ("openssl genpkey -algorithm ed25519", "BEGIN PRIVATE KEY"),
        ] {
            let (cert, key) = (files.cert.display(), files.key.display());
            let script = format!(
                "{make} > {key} && openssl req -x509 -new -key {key} -subj /CN=x -out {cert}"
            );
            let shell = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            assert!(shell.status.success(), "{shell:?}");
            assert!(fs::read_to_string(&files.key).unwrap().contains(kind));
            Tls::open(files.clone()).unwrap();
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_group_may_read_what_is_roots_and_nobody_may_change_it() {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
        let folder = tempfile::tempdir().unwrap();
        let (_, files) = tls(&folder);
        let is_root = fs::metadata(&files.key).unwrap().uid() == 0;
        for (mode, accepted) in
            [(0o400, true), (0o600, true), (0o640, is_root), (0o660, false), (0o604, false)]
        {
            fs::set_permissions(&files.key, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(Tls::open(files.clone()).is_ok(), accepted, "{mode:o}");
        }
    }
}

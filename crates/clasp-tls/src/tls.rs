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
        *self.current.write() = loaded.config;
        Ok(text)
    }

    /// When the certificate in force expires, in seconds since 1970 UTC.
    pub fn not_after_s(&self) -> u64 {
        self.not_after_s.load(Ordering::Relaxed)
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

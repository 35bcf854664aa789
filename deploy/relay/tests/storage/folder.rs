//! Folders for files of relays, and the options that point there.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of its own, removed at the end.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("clasp-relay-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The path of a file in it, as an argument.
    pub(crate) fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// `--journal` in this folder.
    pub(crate) fn journal(&self) -> Vec<String> {
        vec!["--journal".into(), self.file("journal.db")]
    }

    /// `--persist` in this folder.
    pub(crate) fn persist(&self) -> Vec<String> {
        vec!["--persist".into(), self.file("state.db")]
    }

    /// The pair of options that the published guide starts its service with.
    pub(crate) fn guide(&self) -> Vec<String> {
        let interval = ["--persist-interval", "30"].map(String::from);
        [self.journal(), self.persist(), interval.to_vec()].concat()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _left_behind = std::fs::remove_dir_all(&self.0);
    }
}

/// Arguments as the process takes them.
pub(crate) fn strs(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

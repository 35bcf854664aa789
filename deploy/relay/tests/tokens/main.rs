//! What the relay makes of the files and addresses that its options for signed tokens name.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod files;
mod keys;

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use clap::Parser as _;
use clasp_auth::{Authenticator as _, Chain, Denied, Grant};
use clasp_relay::{Options, StartError, Tokens};

/// A root token of the key with seed 01…01, its public key, and a vector of RSA keys.
const ROOT: &str = include_str!("../../../../crates/clasp-auth/tests/vectors/root.cap");
const CHILD: &str = include_str!("../../../../crates/clasp-auth/tests/vectors/legacy-child.cap");
const RSA: &str = include_str!("../../../../crates/clasp-auth/tests/vectors/jwt-rsa.json");
const ANCHOR: &str = "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c";

/// A folder of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("clasp-tokens-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    /// `FLAG=PATH` of a new file with this content.
    fn flag(&self, flag: &str, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        format!("{flag}={}", path.display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _left_behind = fs::remove_dir_all(&self.0);
    }
}

async fn open(flags: &[&str]) -> Result<Tokens, StartError> {
    let options = Options::try_parse_from([&["clasp-relay"], flags].concat()).unwrap();
    Tokens::open(&options.tokens, None).await
}

async fn refusal(flags: &[&str]) -> String {
    open(flags).await.expect_err("this cannot be opened").to_string()
}

fn present(tokens: &Tokens, token: &str) -> Result<Grant, Denied> {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_micros();
    Chain::new(tokens.verifiers(), None).authenticate(Some(token), u64::try_from(now).unwrap())
}

//! Files with secrets: read if nobody else may read them, made for their owner only.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use clasp_auth::cpsk;

use crate::relay::StartError;

/// Bytes of a file with one token.
const TOKEN_FILE_BYTES_MAX: u64 = 4 << 10;

/// The token in a file; a new file with a new token if there is none.
pub(super) fn read_or_make(path: &Path, insecure: bool) -> Result<String, StartError> {
    match File::open(path) {
        Ok(file) => {
            let text = read(path, file, (TOKEN_FILE_BYTES_MAX, insecure))?;
            tracing::info!("admin token: from {}", path.display());
            Ok(text)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(path),
        Err(error) => Err(failed(path, "read it", &error)),
    }
}

/// The token in a file that there must be.
pub(super) fn token(path: &Path, insecure: bool) -> Result<String, StartError> {
    let file = File::open(path).map_err(|error| failed(path, "read it", &error))?;
    read(path, file, (TOKEN_FILE_BYTES_MAX, insecure))
}

/// A file's text, if only its owner may read it.
pub(super) fn read(
    path: &Path,
    file: File,
    (bytes_max, insecure): (u64, bool),
) -> Result<String, StartError> {
    let mode = file.metadata().map_err(|error| failed(path, "look at it", &error))?.permissions();
    if mode.mode() & 0o077 != 0 {
        let name = path.display();
        let text = format!("{name}: others than its owner may read or write this file of secrets");
        if !insecure {
            let remedy = "chmod 600 it, or give --insecure-permissions";
            return Err(StartError::Access(format!("{text}; {remedy}")));
        }
        tracing::warn!("{text}; taken because of --insecure-permissions");
    }
    let mut text = String::new();
    let read = file.take(bytes_max + 1).read_to_string(&mut text);
    read.map_err(|error| failed(path, "read it", &error))?;
    if text.len() as u64 > bytes_max {
        let text = format!("{}: is larger than {bytes_max} bytes", path.display());
        return Err(StartError::Access(text));
    }
    Ok(text)
}

fn make(path: &Path) -> Result<String, StartError> {
    make_parents(path)?;
    let token = cpsk::mint();
    let text = token.reveal();
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    made.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .map_err(|error| failed(path, "make it", &error))?;
    tracing::info!("admin token: made, in {}", path.display());
    Ok(text.to_owned())
}

/// Makes the directory of a file, for its owner only, if it is not there.
pub(super) fn make_parents(path: &Path) -> Result<(), StartError> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() && fs::metadata(parent).is_err() => {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(parent);
            made.map_err(|error| failed(parent, "make this directory", &error))
        }
        _ => Ok(()),
    }
}

pub(super) fn failed(path: &Path, doing: &str, error: &io::Error) -> StartError {
    StartError::Access(format!("{}: cannot {doing}: {error}", path.display()))
}

//! The relay's id, which stays the same where files may be kept.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clasp_discovery::mdns::Identity;

use crate::doors::secrets;
use crate::options::Options;
use crate::relay::StartError;

/// Name of the file with the id.
const FILE: &str = "relay-id";

/// Who this relay is: the id kept beside its other files, or a new one.
pub(super) fn of(options: &Options) -> Result<Identity, StartError> {
    let id = match place(options) {
        Some(path) => kept(&path)
            .map_err(|error| StartError::Discovery(format!("{}: {error}", path.display())))?,
        None => fresh(),
    };
    Ok(Identity { name: options.listen.name.clone(), id })
}

/// In --data-dir, or else beside the state or the journal; nowhere if the relay keeps nothing.
fn place(options: &Options) -> Option<PathBuf> {
    let storage = &options.storage;
    let file = storage.persist.as_ref().or(storage.journal.as_ref());
    let beside = || file.map(|file| file.with_file_name(FILE));
    storage.data_dir.as_ref().map(|directory| directory.join(FILE)).or_else(beside)
}

fn kept(path: &Path) -> Result<String, String> {
    match fs::read_to_string(path) {
        Ok(text) => match clasp_discovery::is_id(text.trim()) {
            true => Ok(text.trim().to_owned()),
            false => Err("this is no id of a relay; remove the file for a new one".into()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let id = fresh();
            secrets::make_parents(path).map_err(|error| error.to_string())?;
            let mut private = fs::OpenOptions::new();
            let made = private.write(true).create_new(true).mode(0o600).open(path);
            let written = made.and_then(|mut file| file.write_all(format!("{id}\n").as_bytes()));
            written.map_err(|error| format!("cannot keep the relay's id: {error}"))?;
            Ok(id)
        }
        Err(error) => Err(format!("cannot read the relay's id: {error}")),
    }
}

fn fresh() -> String {
    clasp_discovery::new_id()
}

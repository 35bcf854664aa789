//! Files as the relay makes them: private to its user, replaced in one step, synced with their
//! directory, locked by name.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{ErrorKind, StorageError};

/// The path with something appended to its name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// Where the state is kept when only a journal was asked for.
pub fn state_beside(journal: &Path) -> PathBuf {
    beside(journal, ".state")
}

/// The first of `NAME.suffix`, `NAME.suffix.1`, … that is free.
pub(crate) fn free_name(path: &Path, suffix: &str) -> PathBuf {
    let plain = beside(path, suffix);
    if !plain.exists() {
        return plain;
    }
    (1_u32..)
        .map(|number| beside(path, &format!("{suffix}.{number}")))
        .find(|path| !path.exists())
        .expect("a directory holds fewer files than there are numbers")
}

/// A new, empty file that only its owner may read; replaces what was there.
pub(crate) fn create_private(path: &Path) -> Result<File, StorageError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(true);
    open_private(path, &mut options)
}

/// The file, made if it does not exist, that from now on only its owner may read.
pub(crate) fn open_or_create_private(path: &Path) -> Result<File, StorageError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    open_private(path, &mut options)
}

#[cfg(unix)]
fn open_private(path: &Path, options: &mut OpenOptions) -> Result<File, StorageError> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let failed = |error: io::Error| StorageError::io(path, "open it for writing", &error);
    let file = options.mode(0o600).open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        let private = fs::Permissions::from_mode(0o600);
        file.set_permissions(private)
            .map_err(|error| StorageError::io(path, "chmod it", &error))?;
    }
    Ok(file)
}

#[cfg(not(unix))]
fn open_private(path: &Path, options: &mut OpenOptions) -> Result<File, StorageError> {
    options.open(path).map_err(|error| StorageError::io(path, "open it for writing", &error))
}

/// Waits until the file's content is on disk.
pub(crate) fn sync(file: &File, path: &Path) -> Result<(), StorageError> {
    file.sync_all().map_err(|error| StorageError::io(path, "sync it to disk", &error))
}

/// Waits until the names in the directory of this file are on disk.
pub(crate) fn sync_directory(path: &Path) -> Result<(), StorageError> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if cfg!(not(unix)) {
        return Ok(());
    }
    let failed = |error: io::Error| StorageError::io(parent, "sync the directory", &error);
    File::open(parent).and_then(|directory| directory.sync_all()).map_err(failed)
}

/// Gives `from` the name `to`, in place of what had it.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), StorageError> {
    let doing = format!("rename it to {}", to.display());
    fs::rename(from, to).map_err(|error| StorageError::io(from, &doing, &error))
}

/// Lets `keep` name what `path` names now, so that `path` itself never vanishes.
pub(crate) fn keep_as(path: &Path, keep: &Path) -> Result<(), StorageError> {
    let link = beside(keep, ".tmp");
    remove_if_there(&link)?;
    if fs::hard_link(path, &link).is_ok() {
        return rename(&link, keep);
    }
    // Not every file system has hard links.
    rename(path, keep)
}

/// Removes a file that may be there.
pub(crate) fn remove_if_there(path: &Path) -> Result<(), StorageError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StorageError::io(path, "remove it", &error))
        }
        _ => Ok(()),
    }
}

/// Whether the file lies on a network's file system, where programs on other machines may have it
/// open, too; as far as the system tells.
#[cfg(target_os = "linux")]
pub(crate) fn is_remote(path: &Path) -> bool {
    /// NFS, SMB, CIFS, SMB 2, Ceph, 9P, AFS, Lustre, FUSE: f_type of statfs(2).
    const REMOTE: [u32; 9] = [
        0x6969,
        0x517B,
        0xFF53_4D42,
        0xFE53_4D42,
        0x00C3_6400,
        0x0102_1997,
        0x5346_414F,
        0x0BD0_0BD0,
        0x6573_5546,
    ];
    let kind = rustix::fs::statfs(path).map(|system| system.f_type);
    // The system gives 32 bits, with or without a sign.
    kind.is_ok_and(|kind| REMOTE.contains(&(kind as u32)))
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn is_remote(_: &Path) -> bool {
    false
}

/// Bytes of a file; 0 if there is none.
pub(crate) fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// Keeps other relays away from a file until it is dropped, by a lock on `NAME.lock`.
#[derive(Debug)]
pub(crate) struct NameLock {
    _file: File,
}

impl NameLock {
    /// The lock file stays when the lock is gone: removing it could take another's lock away.
    pub(crate) fn take(path: &Path) -> Result<NameLock, StorageError> {
        let lock = beside(path, ".lock");
        let file = open_or_create_private(&lock)?;
        match file.try_lock() {
            Ok(()) => Ok(NameLock { _file: file }),
            Err(TryLockError::WouldBlock) => {
                let text = "is in use by another relay; stop that one or choose another file";
                Err(StorageError::new(ErrorKind::InUse, path, text))
            }
            Err(TryLockError::Error(error)) => Err(StorageError::io(&lock, "lock it", &error)),
        }
    }
}

//! The text of a config file, within bounds.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// Largest app config in bytes.
const BYTES_MAX: u64 = 1 << 20;

/// Reads a file whole.
///
/// # Errors
/// It cannot be read, is too large or not UTF-8; the text names it.
pub(super) fn text(path: &Path) -> Result<String, String> {
    let name = path.display();
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("cannot read {name}: {error}"))?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(format!("{name} is larger than {BYTES_MAX} bytes: that is no app config"));
    }
    String::from_utf8(bytes).map_err(|_| format!("{name} is not text in UTF-8"))
}

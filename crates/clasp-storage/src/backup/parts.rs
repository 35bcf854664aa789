//! The bytes of a backup: parts one after the other, each with its length before and a checksum
//! behind it, and a last part that says that this is all.

use std::io::{self, Read, Write};
use std::path::Path;

use crc32fast::Hasher;

use crate::error::{ErrorKind, StorageError};

const MAGIC: &[u8; 8] = b"CLASPbk\n";
const VERSION: u8 = 1;

/// Bytes before the content of a part: its name and its length.
const HEADER_BYTES: usize = 9;

const STATE: u8 = b's';
const JOURNAL: u8 = b'j';
const END: u8 = b'e';

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    State,
    Journal,
}

/// Takes a part: what it is, how long, and its bytes, of which any may be left unread.
pub(super) type Visit<'v> = dyn FnMut(Part, u64, &mut dyn Read) -> Result<(), StorageError> + 'v;

pub(super) struct PartWriter<'w> {
    out: &'w mut dyn Write,
}

impl<'w> PartWriter<'w> {
    pub(super) fn begin(out: &'w mut dyn Write) -> io::Result<PartWriter<'w>> {
        out.write_all(MAGIC)?;
        out.write_all(&[VERSION])?;
        Ok(PartWriter { out })
    }

    /// Adds a part that `fill` writes; it has to have this length.
    pub(super) fn part(
        &mut self,
        part: Part,
        bytes: u64,
        fill: impl FnOnce(&mut dyn Write) -> io::Result<u64>,
    ) -> io::Result<()> {
        let name = match part {
            Part::State => STATE,
            Part::Journal => JOURNAL,
        };
        let mut summed = Summed { inner: &mut *self.out, hasher: Hasher::new() };
        summed.write_all(&header(name, bytes))?;
        if fill(&mut summed)? != bytes {
            return Err(io::Error::other("a file changed its length while it was copied"));
        }
        let crc = summed.hasher.finalize();
        self.out.write_all(&crc.to_le_bytes())
    }

    pub(super) fn end(self) -> io::Result<()> {
        let header = header(END, 0);
        self.out.write_all(&header)?;
        self.out.write_all(&crc32fast::hash(&header).to_le_bytes())
    }
}

fn header(name: u8, bytes: u64) -> [u8; HEADER_BYTES] {
    let mut header = [name; HEADER_BYTES];
    header[1..].copy_from_slice(&bytes.to_le_bytes());
    header
}

/// Shows the parts of a backup; what was shown counts only if all of it was right in the end.
pub(super) fn read(
    file: &mut dyn Read,
    path: &Path,
    visit: &mut Visit<'_>,
) -> Result<(), StorageError> {
    let broken = |error: io::Error| broken(path, &error.to_string());
    let mut start = [0; MAGIC.len() + 1];
    file.read_exact(&mut start).map_err(broken)?;
    if start[..MAGIC.len()] != *MAGIC || start[MAGIC.len()] != VERSION {
        let text = "is not a backup that this relay can read";
        return Err(StorageError::new(ErrorKind::Foreign, path, text));
    }
    loop {
        let mut summed = Summed { inner: &mut *file, hasher: Hasher::new() };
        let mut header = [0; HEADER_BYTES];
        summed.read_exact(&mut header).map_err(broken)?;
        let [name, length @ ..] = header;
        let length = u64::from_le_bytes(length);
        let mut data = Read::take(&mut summed, length);
        match name {
            STATE => visit(Part::State, length, &mut data)?,
            JOURNAL => visit(Part::Journal, length, &mut data)?,
            _ => {}
        }
        io::copy(&mut data, &mut io::sink()).map_err(broken)?;
        let is_complete = data.limit() == 0;
        let expected = summed.hasher.finalize().to_le_bytes();
        let mut crc = [0; 4];
        file.read_exact(&mut crc).map_err(broken)?;
        if !is_complete || crc != expected {
            return Err(self::broken(path, "its checksum is wrong"));
        }
        if name == END {
            return Ok(());
        }
    }
}

fn broken(path: &Path, what: &str) -> StorageError {
    let text = format!("is damaged: {what}; use another backup");
    StorageError::new(ErrorKind::Damaged, path, text)
}

/// Computes a checksum over everything that passes.
struct Summed<T> {
    inner: T,
    hasher: Hasher,
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(bytes)?;
        self.hasher.update(&bytes[..read]);
        Ok(read)
    }
}

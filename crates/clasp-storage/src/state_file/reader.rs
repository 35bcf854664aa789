//! Reads state files: first everything is checked, then params are shown.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};

use clasp_router::ParamRecord;

use super::format::{
    self, HEADER_BYTES, NoHeader, SECTION_HEADER_BYTES, SectionHeader, StateHeader,
};
use super::reference;
use crate::error::{ErrorKind, StorageError};

/// A state file that is complete and as it was written.
#[derive(Debug)]
pub(crate) struct StateReader {
    path: PathBuf,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Ours(StateHeader, BufReader<File>),
    Reference(Vec<u8>),
}

/// What one walk through a file showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Shown {
    pub(crate) params: u64,
    /// Params that are there but cannot be used.
    pub(crate) skipped: u64,
}

impl StateReader {
    /// `None` if there is no such file.
    pub(crate) fn open(path: &Path) -> Result<Option<StateReader>, StorageError> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StorageError::io(path, "open it for reading", &error)),
        };
        let content = Content::read(path, BufReader::with_capacity(1 << 18, file))?;
        let mut reader = StateReader { path: path.to_owned(), content };
        reader.visit(0, &mut |_| ())?;
        Ok(Some(reader))
    }

    /// What the file says about itself; a file of the reference implementation says nothing.
    pub(crate) fn header(&self) -> Option<&StateHeader> {
        match &self.content {
            Content::Ours(header, _) => Some(header),
            Content::Reference(_) => None,
        }
    }

    /// Its length.
    pub(crate) fn bytes(&self) -> u64 {
        match &self.content {
            Content::Ours(header, _) => header.bytes,
            Content::Reference(document) => document.len() as u64,
        }
    }

    /// Copies the file as it is; tells its length.
    pub(crate) fn copy_to(&mut self, out: &mut dyn Write) -> io::Result<u64> {
        match &mut self.content {
            Content::Ours(_, file) => {
                file.rewind()?;
                io::copy(file, out)
            }
            Content::Reference(document) => {
                out.write_all(document)?;
                Ok(document.len() as u64)
            }
        }
    }

    /// Shows all params; `now_us` is for those that do not tell when they were written.
    pub(crate) fn visit(
        &mut self,
        now_us: u64,
        visit: &mut dyn FnMut(&ParamRecord<'_>),
    ) -> Result<Shown, StorageError> {
        let mut params = 0;
        let mut counted = |param: &ParamRecord<'_>| {
            params += 1;
            visit(param);
        };
        let skipped = match &mut self.content {
            Content::Ours(header, file) => {
                sections(&self.path, file, header, &mut counted).map(|()| 0)
            }
            Content::Reference(document) => reference::visit(document, now_us, &mut counted)
                .map_err(|error| {
                    let what = format!("it is neither a state file nor the JSON of one: {error}");
                    StorageError::damaged(&self.path, what)
                }),
        };
        skipped.map(|skipped| Shown { params, skipped })
    }
}

/// Shows the params of every section that is as it was written; tells the header if there is one.
pub(crate) fn salvage(
    path: &Path,
    visit: &mut dyn FnMut(&ParamRecord<'_>),
) -> Result<(Option<StateHeader>, Shown), StorageError> {
    let bytes = fs::read(path).map_err(|error| StorageError::io(path, "read it", &error))?;
    let mut rest = bytes.get(HEADER_BYTES..).unwrap_or_default();
    let mut shown = Shown::default();
    while let Some((section, behind)) = rest.split_at_checked(SECTION_HEADER_BYTES)
        && let Some(section) = SectionHeader::decode(section)
        && let Ok(length) = usize::try_from(section.bytes)
        && let Some((mut body, behind)) = behind.split_at_checked(length)
    {
        rest = behind;
        if SectionHeader::of(section.params, body) != section {
            shown.skipped += u64::from(section.params);
            continue;
        }
        while let Some(param) = format::decode(&mut body) {
            shown.params += 1;
            visit(&param);
        }
    }
    Ok((StateHeader::decode(&bytes).ok(), shown))
}

impl Content {
    fn read(path: &Path, mut file: BufReader<File>) -> Result<Content, StorageError> {
        let failed = |error: io::Error| StorageError::io(path, "read it", &error);
        let mut start = Vec::with_capacity(HEADER_BYTES);
        file.by_ref().take(HEADER_BYTES as u64).read_to_end(&mut start).map_err(failed)?;
        match StateHeader::decode(&start) {
            Ok(header) => Ok(Content::Ours(header, file)),
            Err(NoHeader::Damaged) => Err(StorageError::damaged(path, "its header is unreadable")),
            Err(NoHeader::Newer(version)) => {
                let text = format!(
                    "was written by a newer relay (version {version}); use that relay or choose \
                     another file"
                );
                Err(StorageError::new(ErrorKind::Foreign, path, text))
            }
            Err(NoHeader::Foreign) => {
                file.read_to_end(&mut start).map_err(failed)?;
                Ok(Content::Reference(start))
            }
        }
    }
}

/// Shows the params of all sections of a file.
fn sections(
    path: &Path,
    file: &mut BufReader<File>,
    header: &StateHeader,
    visit: &mut dyn FnMut(&ParamRecord<'_>),
) -> Result<(), StorageError> {
    let failed = |error: io::Error| StorageError::io(path, "read it", &error);
    let bytes = file.get_ref().metadata().map_err(failed)?.len();
    if bytes != header.bytes {
        let what = format!("it has {bytes} bytes instead of {}", header.bytes);
        return Err(StorageError::damaged(path, what));
    }
    let mut place = HEADER_BYTES as u64;
    file.seek(io::SeekFrom::Start(place)).map_err(failed)?;
    let mut params = 0;
    let mut body = Vec::new();
    while place < bytes {
        let at = format!("the section at byte {place} is not as it was written");
        let mut start = [0; SECTION_HEADER_BYTES];
        file.read_exact(&mut start).map_err(|_| StorageError::damaged(path, &at))?;
        place += SECTION_HEADER_BYTES as u64;
        let section = SectionHeader::decode(&start).filter(|it| it.bytes <= bytes - place);
        let section = section.ok_or_else(|| StorageError::damaged(path, &at))?;
        body.clear();
        file.by_ref().take(section.bytes).read_to_end(&mut body).map_err(failed)?;
        place += section.bytes;
        if SectionHeader::of(section.params, &body) != section {
            return Err(StorageError::damaged(path, at));
        }
        let mut rest = &body[..];
        let before = params;
        while let Some(param) = format::decode(&mut rest) {
            params += 1;
            visit(&param);
        }
        if !rest.is_empty() || params - before != u64::from(section.params) {
            return Err(StorageError::damaged(path, at));
        }
    }
    if params != header.params {
        let what = format!("it has {params} params instead of {}", header.params);
        return Err(StorageError::damaged(path, what));
    }
    Ok(())
}

//! The bytes of a state file: a header, then sections of params, each with a checksum of its own.
//! All numbers are little-endian.

use clasp_protocol::RawValue;
use clasp_protocol::message::Ttl;
use clasp_router::ParamRecord;
use uuid::Uuid;

const MAGIC: &[u8; 8] = b"CLASPst\n";
const VERSION: u32 = 1;

/// Bytes before the first section.
pub(super) const HEADER_BYTES: usize = CRC_AT + 4;

/// Where the checksum of the header stands.
const CRC_AT: usize = 80;

/// Bytes before the params of a section.
pub(super) const SECTION_HEADER_BYTES: usize = 16;

/// Bytes of a param besides its texts and its value.
const FIXED_BYTES: usize = 42;

/// What a state file says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateHeader {
    /// When it was made, microseconds since 1970-01-01 UTC.
    pub created_us: u64,
    /// The journal it goes with and the sequence number up to which it holds what entries did.
    pub journal: Option<JournalPoint>,
    /// Highest revision of any param that is gone.
    pub revision_floor: u64,
    /// Params in it.
    pub params: u64,
    /// Its length in bytes.
    pub bytes: u64,
}

/// A place in a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalPoint {
    /// Which journal.
    pub identity: Uuid,
    /// The state holds what every entry up to here did.
    pub sequence: u64,
    /// And what some entries up to here did, because parts of it were copied later.
    pub through: u64,
}

/// Why bytes are not a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoHeader {
    /// They are something else.
    Foreign,
    /// A newer relay wrote them.
    Newer(u32),
    /// They were one.
    Damaged,
}

/// What stands before the params of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SectionHeader {
    pub(super) params: u32,
    pub(super) bytes: u64,
    pub(super) crc: u32,
}

impl StateHeader {
    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let (identity, sequence, through) = match &self.journal {
            Some(point) => (point.identity.into_bytes(), point.sequence, point.through),
            None => ([0; 16], 0, 0),
        };
        let mut header = [0; HEADER_BYTES];
        header[..8].copy_from_slice(MAGIC);
        header[8..12].copy_from_slice(&VERSION.to_le_bytes());
        header[16..24].copy_from_slice(&self.created_us.to_le_bytes());
        header[24..40].copy_from_slice(&identity);
        header[40..48].copy_from_slice(&sequence.to_le_bytes());
        header[48..56].copy_from_slice(&self.revision_floor.to_le_bytes());
        header[56..64].copy_from_slice(&self.params.to_le_bytes());
        header[64..72].copy_from_slice(&self.bytes.to_le_bytes());
        header[72..80].copy_from_slice(&through.to_le_bytes());
        let crc = crc32fast::hash(&header[..CRC_AT]);
        header[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        header
    }

    pub(super) fn decode(header: &[u8]) -> Result<StateHeader, NoHeader> {
        let mut input = Input(header);
        if input.take(8) != Some(MAGIC) {
            return Err(NoHeader::Foreign);
        }
        Self::fields(&mut input, header).unwrap_or(Err(NoHeader::Damaged))
    }

    fn fields(input: &mut Input<'_>, header: &[u8]) -> Option<Result<StateHeader, NoHeader>> {
        let (version, _reserved) = (input.u32()?, input.u32()?);
        let created_us = input.u64()?;
        let identity = Uuid::from_slice(input.take(16)?).ok()?;
        let sequence = input.u64()?;
        let (revision_floor, params, bytes) = (input.u64()?, input.u64()?, input.u64()?);
        let through = input.u64()?;
        if input.u32()? != crc32fast::hash(&header[..CRC_AT]) {
            return None;
        }
        if version != VERSION {
            return Some(Err(NoHeader::Newer(version)));
        }
        let journal = (!identity.is_nil()).then_some(JournalPoint { identity, sequence, through });
        Some(Ok(StateHeader { created_us, journal, revision_floor, params, bytes }))
    }
}

impl SectionHeader {
    pub(super) fn of(params: u32, body: &[u8]) -> SectionHeader {
        SectionHeader { params, bytes: body.len() as u64, crc: crc32fast::hash(body) }
    }

    pub(super) fn encode(self) -> [u8; SECTION_HEADER_BYTES] {
        let mut header = [0; SECTION_HEADER_BYTES];
        header[..4].copy_from_slice(&self.params.to_le_bytes());
        header[4..12].copy_from_slice(&self.bytes.to_le_bytes());
        header[12..].copy_from_slice(&self.crc.to_le_bytes());
        header
    }

    pub(super) fn decode(header: &[u8]) -> Option<SectionHeader> {
        let mut input = Input(header);
        Some(SectionHeader { params: input.u32()?, bytes: input.u64()?, crc: input.u32()? })
    }
}

/// Appends a param.
pub(super) fn encode(param: &ParamRecord<'_>, out: &mut Vec<u8>) {
    let value = param.value.data();
    out.reserve(FIXED_BYTES + param.address.len() + param.writer.len() + value.len());
    out.extend_from_slice(&param.revision.to_le_bytes());
    out.extend_from_slice(&param.timestamp_us.to_le_bytes());
    out.extend_from_slice(&param.expires_us.unwrap_or(u64::MAX).to_le_bytes());
    out.push(u8::from(param.ttl.is_some()));
    out.extend_from_slice(&param.ttl.map_or(0, Ttl::to_word).to_le_bytes());
    out.push(param.value.kind() as u8);
    for bytes in [param.address.as_bytes(), param.writer.as_bytes(), value] {
        // A frame carries less than 64 KiB.
        out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    }
    for bytes in [param.address.as_bytes(), param.writer.as_bytes(), value] {
        out.extend_from_slice(bytes);
    }
}

/// Reads the next param of a section; `None` at its end, and if there is none at all.
pub(super) fn decode<'a>(section: &mut &'a [u8]) -> Option<ParamRecord<'a>> {
    let mut input = Input(section);
    let (revision, timestamp_us) = (input.u64()?, input.u64()?);
    let expires_us = input.u64()?;
    let (has_ttl, ttl, kind) = (input.u8()?, input.u32()?, input.u8()?);
    let lengths = [input.u32()?, input.u32()?, input.u32()?];
    let [address, writer, data] = lengths.map(|length| input.take(length as usize));
    let (value, used) = RawValue::parse(kind, data?).ok()?;
    if used != data?.len() {
        return None;
    }
    let param = ParamRecord {
        address: std::str::from_utf8(address?).ok()?.into(),
        value,
        revision,
        writer: std::str::from_utf8(writer?).ok()?.into(),
        timestamp_us,
        ttl: (has_ttl != 0).then(|| Ttl::from_word(ttl)),
        expires_us: (expires_us != u64::MAX).then_some(expires_us),
    };
    *section = input.0;
    Some(param)
}

/// What is left to read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }
}

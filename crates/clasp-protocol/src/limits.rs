//! Sizes that the format fixes and sizes that this implementation chooses (spec: wire.md 6).

/// Largest payload: its length is a 16-bit number.
pub const PAYLOAD_BYTES_MAX: usize = 65_535;

/// Largest frame: header with timestamp and the largest payload.
pub const FRAME_BYTES_MAX: usize = HEADER_TIMESTAMP_BYTES + PAYLOAD_BYTES_MAX;

/// Frame header without timestamp.
pub const HEADER_BYTES: usize = 4;

/// Frame header with timestamp.
pub const HEADER_TIMESTAMP_BYTES: usize = 12;

/// Longest string or byte string: its length is a 16-bit number.
pub const TEXT_BYTES_MAX: usize = 65_535;

/// Most entries of an array, map, list or bundle: the count is a 16-bit number.
pub const ENTRIES_MAX: usize = 65_535;

/// Longest address or pattern by default (spec: routing.md 4.7).
pub const ADDRESS_BYTES_MAX: usize = 1_024;

/// Most segments of an address or pattern by default (spec: routing.md 4.7).
pub const ADDRESS_SEGMENTS_MAX: usize = 64;

/// Most `**` segments of a pattern by default (spec: routing.md 3.4).
pub const PATTERN_GLOBSTARS_MAX: usize = 4;

/// Deepest nesting that is decoded: arrays, maps and bundles counted together.
pub const DECODE_DEPTH_MAX: usize = 128;

/// Deepest nesting of bundles that is decoded from MessagePack, where each level is read twice.
pub const LEGACY_BUNDLE_DEPTH_MAX: usize = 4;

/// What a SNAPSHOT of one param takes beyond its address and value data: message type, count,
/// address length, value type, revision, flags, writer id and timestamp (spec: routing.md 3.6).
pub const SNAPSHOT_ENTRY_OVERHEAD_BYTES: usize = 61;

/// Longest address and value data together that still fit a SNAPSHOT of one param.
pub const PARAM_BYTES_MAX: usize = PAYLOAD_BYTES_MAX - SNAPSHOT_ENTRY_OVERHEAD_BYTES;

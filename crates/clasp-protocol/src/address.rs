//! Which strings are addresses (spec: routing.md 4.7).

use crate::limits::{ADDRESS_BYTES_MAX, ADDRESS_SEGMENTS_MAX, PATTERN_GLOBSTARS_MAX};

/// How large addresses and patterns may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressLimits {
    /// Bytes of an address or pattern.
    pub bytes_max: usize,
    /// Segments of an address or pattern.
    pub segments_max: usize,
    /// `**` segments of a pattern.
    pub globstars_max: usize,
}

impl Default for AddressLimits {
    fn default() -> AddressLimits {
        AddressLimits {
            bytes_max: ADDRESS_BYTES_MAX,
            segments_max: ADDRESS_SEGMENTS_MAX,
            globstars_max: PATTERN_GLOBSTARS_MAX,
        }
    }
}

/// Why a string is not an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is empty or starts with something else.
    #[error("an address starts with '/'")]
    NoSlash,
    /// Two slashes in a row, or one at the end.
    #[error("an address has no empty segment")]
    EmptySegment,
    /// It contains U+0000.
    #[error("an address has no NUL")]
    Nul,
    /// It has too many bytes.
    #[error("the address has {bytes} bytes, {bytes_max} are allowed")]
    TooLong {
        /// Its bytes.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// It has too many segments.
    #[error("the address has more than {segments_max} segments")]
    TooManySegments {
        /// The limit.
        segments_max: usize,
    },
}

/// Whether a param, event or any other signal may have this address.
///
/// # Errors
/// The first rule of routing.md 4.7 that the address breaks.
#[inline]
pub fn check(address: &str, limits: &AddressLimits) -> Result<(), AddressError> {
    let bytes = address.as_bytes();
    if bytes.first() != Some(&b'/') {
        return Err(AddressError::NoSlash);
    }
    if bytes.len() > limits.bytes_max {
        return Err(AddressError::TooLong { bytes: bytes.len(), bytes_max: limits.bytes_max });
    }
    let mut segments = 0;
    let mut previous = 0xFF;
    for &byte in bytes {
        if byte == b'/' {
            if previous == b'/' {
                return Err(AddressError::EmptySegment);
            }
            segments += 1;
        } else if byte == 0 {
            return Err(AddressError::Nul);
        }
        previous = byte;
    }
    if previous == b'/' {
        return Err(AddressError::EmptySegment);
    }
    if segments > limits.segments_max {
        return Err(AddressError::TooManySegments { segments_max: limits.segments_max });
    }
    Ok(())
}

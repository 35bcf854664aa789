//! Patterns over addresses: one rule for every use (spec: wire.md 10.2, routing.md 3.4).

mod cover;
mod segment;

pub use segment::Segment;

use std::fmt;
use std::str::FromStr;

use crate::address::AddressLimits;

/// A pattern that has been checked to be well formed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pattern {
    text: Box<str>,
    /// Bytes before the slash of the first segment with a wildcard; all of them if there is none.
    literal_bytes: usize,
}

/// Why a string is not a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It is empty or starts with something else.
    #[error("a pattern starts with '/'")]
    NoSlash,
    /// Two slashes in a row.
    #[error("a pattern has no empty segment except the last one")]
    EmptySegment,
    /// It has too many bytes.
    #[error("the pattern has {bytes} bytes, {bytes_max} are allowed")]
    TooLong {
        /// Its bytes.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// It has too many segments.
    #[error("the pattern has {segments} segments, {segments_max} are allowed")]
    TooManySegments {
        /// Its segments.
        segments: usize,
        /// The limit.
        segments_max: usize,
    },
    /// It has too many `**` segments.
    #[error("the pattern has {globstars} times '**', {globstars_max} are allowed")]
    TooManyGlobstars {
        /// Its `**` segments.
        globstars: usize,
        /// The limit.
        globstars_max: usize,
    },
}

impl Pattern {
    /// A pattern of any size.
    ///
    /// # Errors
    /// No leading slash, or an empty segment that is not the last one.
    pub fn parse(text: &str) -> Result<Pattern, PatternError> {
        if !text.starts_with('/') {
            return Err(PatternError::NoSlash);
        }
        if text.contains("//") {
            return Err(PatternError::EmptySegment);
        }
        let literal_bytes =
            text.find('*').and_then(|star| text[..star].rfind('/')).unwrap_or(text.len());
        Ok(Pattern { text: text.into(), literal_bytes })
    }

    /// A pattern from somebody else, with bounds on its size.
    ///
    /// # Errors
    /// As [`Pattern::parse`], or beyond a limit.
    pub fn parse_within(text: &str, limits: &AddressLimits) -> Result<Pattern, PatternError> {
        if text.len() > limits.bytes_max {
            return Err(PatternError::TooLong { bytes: text.len(), bytes_max: limits.bytes_max });
        }
        let pattern = Self::parse(text)?;
        let (mut segments, mut globstars) = (0, 0);
        for segment in pattern.segments() {
            segments += 1;
            globstars += usize::from(segment == Segment::Globstar);
        }
        let (segments_max, globstars_max) = (limits.segments_max, limits.globstars_max);
        if segments > segments_max {
            return Err(PatternError::TooManySegments { segments, segments_max });
        }
        if globstars > globstars_max {
            return Err(PatternError::TooManyGlobstars { globstars, globstars_max });
        }
        Ok(pattern)
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it matches exactly one address.
    #[inline]
    pub fn is_literal(&self) -> bool {
        self.literal_bytes == self.text.len()
    }

    /// The segments, from left to right.
    pub fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        self.text.split('/').skip(1).map(Segment::new)
    }

    /// Whether the address matches. It is never read as a pattern itself.
    #[inline]
    pub fn matches(&self, address: &str) -> bool {
        let (literal, pattern) = self.text.split_at(self.literal_bytes);
        match address.strip_prefix(literal) {
            Some(rest) if pattern.is_empty() => rest.is_empty(),
            Some("") => !address.is_empty() && segment::sequence_matches(pattern, ""),
            Some(rest) => rest.starts_with('/') && segment::sequence_matches(pattern, rest),
            None => false,
        }
    }

    /// Whether every address that `request` matches is matched by this pattern as well.
    ///
    /// A `true` is always right. A `false` is right as well unless this pattern has more than 127
    /// segments or the two together need more than a fixed number of steps
    /// (spec: routing.md 12.4).
    pub fn covers(&self, request: &Pattern) -> bool {
        self == request || cover::covers(self, request)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Pattern, PatternError> {
        Pattern::parse(text)
    }
}

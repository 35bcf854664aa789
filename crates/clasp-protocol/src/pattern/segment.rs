//! Segments of a pattern, and how sequences of them match.

/// One segment of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Segment<'a> {
    /// Matches itself only.
    Literal(&'a str),
    /// `*`: one segment, whatever it is.
    Star,
    /// `**`: any number of segments, none included.
    Globstar,
    /// A `*` among other characters: any number of characters of one segment.
    Partial(&'a str),
}

impl<'a> Segment<'a> {
    /// Reads one segment, without its slashes.
    #[inline]
    pub fn new(text: &'a str) -> Segment<'a> {
        match text {
            "*" => Segment::Star,
            "**" => Segment::Globstar,
            _ if text.contains('*') => Segment::Partial(text),
            _ => Segment::Literal(text),
        }
    }

    /// Whether one segment of an address matches; a globstar takes any single one.
    #[inline]
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Segment::Literal(literal) => *literal == text,
            Segment::Star | Segment::Globstar => true,
            Segment::Partial(partial) => partial_matches(partial.as_bytes(), text.as_bytes()),
        }
    }
}

/// Matches `*` against any run of bytes, everything else against itself. Bytes serve as characters:
/// in UTF-8 a star between whole characters cannot stop inside one.
fn partial_matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut retry = None;
    while from < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                at += 1;
                retry = Some((at, from));
            }
            Some(byte) if *byte == text[from] => {
                at += 1;
                from += 1;
            }
            _ => match retry {
                Some((star, taken)) => {
                    retry = Some((star, taken + 1));
                    (at, from) = (star, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// Matches segments against segments. Both texts are empty, for no segment at all, or have a slash
/// before every segment.
pub(super) fn sequence_matches(pattern: &str, address: &str) -> bool {
    let (mut pattern, mut address) = (pattern.as_bytes(), address.as_bytes());
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        let matched = match split_first(pattern) {
            None if address.is_empty() => return true,
            None => None,
            Some((b"**", b"")) => return true,
            Some((b"**", rest)) => {
                retry = Some((rest, address));
                pattern = rest;
                continue;
            }
            Some((segment, rest)) => match split_first(address) {
                None => return false,
                Some((text, left)) => {
                    let same = segment == b"*" || partial_matches(segment, text);
                    same.then_some((rest, left))
                }
            },
        };
        (pattern, address) = match (matched, retry) {
            (Some(next), _) => next,
            (None, Some((after, taken))) => match split_first(taken) {
                None => return false,
                Some((_, left)) => {
                    retry = Some((after, left));
                    (after, left)
                }
            },
            (None, None) => return false,
        };
    }
}

/// First segment and the rest; the slash before the segment is taken off.
#[inline]
fn split_first(sequence: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_, inner) = sequence.split_first()?;
    let end = inner.iter().position(|byte| *byte == b'/');
    Some(inner.split_at(end.unwrap_or(inner.len())))
}

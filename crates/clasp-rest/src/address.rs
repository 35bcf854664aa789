//! From the path of a request to an address, segment by segment.

use percent_encoding::percent_decode_str;

/// Why a path names no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadPath {
    /// A `%` without two hexadecimal digits behind it.
    Percent,
    /// What the escapes stand for is no UTF-8.
    Utf8,
    /// A segment contains an escaped slash, which no address can.
    Slash,
}

impl BadPath {
    /// For the one who asked.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            BadPath::Percent => "a % in the path needs two hexadecimal digits behind it",
            BadPath::Utf8 => "the path is not UTF-8 once its escapes are read",
            BadPath::Slash => "a segment of an address cannot contain a slash, escaped or not",
        }
    }
}

/// The address that a path stands for: each segment with its escapes read. Whether it may be an
/// address of CLASP is the router's to say.
///
/// # Errors
/// The path can stand for no text.
pub(crate) fn decode(path: &str) -> Result<String, BadPath> {
    let mut address = String::with_capacity(path.len());
    for (number, segment) in path.split('/').enumerate() {
        if number > 0 {
            address.push('/');
        }
        check_escapes(segment)?;
        let text = percent_decode_str(segment).decode_utf8().map_err(|_| BadPath::Utf8)?;
        if text.contains('/') {
            return Err(BadPath::Slash);
        }
        address.push_str(&text);
    }
    Ok(address)
}

fn check_escapes(segment: &str) -> Result<(), BadPath> {
    let is_escape = |after: &str| {
        let digits = after.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    match segment.split('%').skip(1).all(is_escape) {
        true => Ok(()),
        false => Err(BadPath::Percent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_read_segment_by_segment() {
        assert_eq!(decode("/lights/1/level").unwrap(), "/lights/1/level");
        assert_eq!(decode("/b%C3%BChne/a%20b").unwrap(), "/bühne/a b");
        assert_eq!(decode("/a%25b").unwrap(), "/a%b");
        assert_eq!(decode("/a+b").unwrap(), "/a+b");
        assert_eq!(decode("/").unwrap(), "/");
    }

    #[test]
    fn what_stands_for_no_text_is_refused() {
        for path in ["/a%", "/a%2", "/a%zz", "/%"] {
            assert_eq!(decode(path), Err(BadPath::Percent), "{path}");
        }
        assert_eq!(decode("/a%FF"), Err(BadPath::Utf8));
        assert_eq!(decode("/a%2Fb"), Err(BadPath::Slash));
    }
}

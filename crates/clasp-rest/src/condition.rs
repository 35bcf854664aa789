//! Entity tags: the revision of a param, and what a request expects of it (RFC 9110 13.1).

use axum::http::header::{IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::problem::Problem;

/// The tag of a revision.
pub(crate) fn tag(revision: u64) -> HeaderValue {
    HeaderValue::try_from(format!("\"{revision}\"")).expect("digits in quotes are a header's value")
}

/// The revision that a write expects to overwrite: that of `If-Match`, or 0, which stands for a
/// param that does not exist, for `If-None-Match: *`.
///
/// # Errors
/// 400, or 501 for what the protocol has no words for.
pub(crate) fn expected(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let (exactly, none) = (text(headers, &IF_MATCH)?, text(headers, &IF_NONE_MATCH)?);
    match (exactly, none) {
        (None, None) => Ok(None),
        (None, Some("*")) => Ok(Some(0)),
        (None, Some(_)) => {
            let text = "a write can only ask for If-None-Match: *, that is for a new param";
            Err(Problem::bad(text).with_status(StatusCode::NOT_IMPLEMENTED))
        }
        (Some("*"), None) => {
            let text = "If-Match: * is not supported; name the revision that is expected";
            Err(Problem::bad(text).with_status(StatusCode::NOT_IMPLEMENTED))
        }
        (Some(tag), None) => revision(tag).map(Some).ok_or_else(|| {
            Problem::bad("If-Match must be one ETag as the relay gave it, such as \"7\"")
        }),
        (Some(_), Some(_)) => Err(Problem::bad("If-Match and If-None-Match exclude each other")),
    }
}

/// Whether `If-None-Match` says that the client has this revision already.
pub(crate) fn is_known(headers: &HeaderMap, known: u64) -> bool {
    let values = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = values.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || revision(tag.strip_prefix("W/").unwrap_or(tag)) == Some(known))
}

fn revision(tag: &str) -> Option<u64> {
    let digits = tag.strip_prefix('"')?.strip_suffix('"')?;
    // No sign, no spaces: one spelling per revision.
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(first) = values.next() else { return Ok(None) };
    match (first.to_str(), values.next()) {
        (Ok(text), None) => Ok(Some(text.trim())),
        _ => Err(Problem::bad(format!("the header {name} must be there once, as text"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn a_tag_is_a_revision_in_quotes() {
        assert_eq!(tag(7), "\"7\"");
        assert_eq!(expected(&headers(IF_MATCH, "\"7\"")), Ok(Some(7)));
        assert_eq!(expected(&headers(IF_NONE_MATCH, "*")), Ok(Some(0)));
        assert_eq!(expected(&HeaderMap::new()), Ok(None));
        for bad in ["7", "\"+7\"", "\"\"", "W/\"7\"", "\"7\", \"8\"", "*"] {
            assert!(expected(&headers(IF_MATCH, bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_reader_may_know_one_of_several() {
        assert!(is_known(&headers(IF_NONE_MATCH, "\"6\", W/\"7\""), 7));
        assert!(is_known(&headers(IF_NONE_MATCH, "*"), 7));
        assert!(!is_known(&headers(IF_NONE_MATCH, "\"6\""), 7));
        assert!(!is_known(&HeaderMap::new(), 7));
    }
}

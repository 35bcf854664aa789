//! Patterns: matching by the definition, and covering that never says too much.

use clasp_protocol::Pattern;

/// Segments beyond which the definition takes too long to try.
const SEGMENTS_MAX: usize = 14;

const SEGMENT_BYTES_MAX: usize = 24;

/// Reads the input as lines: two patterns, then addresses.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.split('\n');
    let scope = lines.next().and_then(parse);
    let request = lines.next().and_then(parse);
    let (Some(scope), Some(request)) = (scope, request) else { return };
    let covers = scope.covers(&request);
    assert!(scope.covers(&scope) && request.covers(&request), "every pattern covers itself");
    let made = [made_address(&request, ""), made_address(&request, "x"), made_address(&scope, "*")];
    let told = lines.take(8).map(str::to_owned);
    for address in made.into_iter().chain(told).filter(|address| is_small(address)) {
        for pattern in [&scope, &request] {
            let expected = by_definition(pattern.as_str(), &address);
            assert_eq!(pattern.matches(&address), expected, "{pattern} {address}");
        }
        if covers && request.matches(&address) {
            assert!(scope.matches(&address), "{scope} covers {request}, which matches {address}");
        }
    }
}

fn parse(text: &str) -> Option<Pattern> {
    let parsed = Pattern::parse(text).ok();
    if let Some(pattern) = &parsed {
        assert_eq!(pattern.as_str(), text);
        assert_eq!(pattern.is_literal(), !text.contains('*'));
    }
    parsed.filter(|_| is_small(text))
}

fn is_small(text: &str) -> bool {
    text.split('/').count() <= SEGMENTS_MAX
        && text.split('/').all(|segment| segment.len() <= SEGMENT_BYTES_MAX)
        && text.matches('*').count() <= 10
}

/// An address that the pattern matches if `filling` may stand for its wildcards.
fn made_address(pattern: &Pattern, filling: &str) -> String {
    let segments = pattern.as_str().split('/').skip(1);
    let filled = segments.filter(|segment| *segment != "**" || !filling.is_empty());
    filled.map(|segment| format!("/{}", segment.replace('*', filling))).collect()
}

fn by_definition(pattern: &str, address: &str) -> bool {
    let Some(address) = address.strip_prefix('/') else { return false };
    let pattern: Vec<&str> = pattern[1..].split('/').collect();
    let address: Vec<&str> = address.split('/').collect();
    // What no segment is left of: `/**` matches every address, and `/a/**` matches `/a`.
    segments_match(&pattern, &address)
}

fn segments_match(pattern: &[&str], address: &[&str]) -> bool {
    match (pattern.split_first(), address.split_first()) {
        (None, None) => true,
        (Some((&"**", rest)), _) => {
            (0..=address.len()).any(|taken| segments_match(rest, &address[taken..]))
        }
        (Some((segment, rest)), Some((text, others))) => {
            segment_matches(segment.as_bytes(), text.as_bytes()) && segments_match(rest, others)
        }
        _ => false,
    }
}

fn segment_matches(segment: &[u8], text: &[u8]) -> bool {
    match (segment.split_first(), text.split_first()) {
        (None, None) => true,
        // A whole segment that is one star matches one segment, empty ones apart.
        (Some((b'*', rest)), _) => {
            (0..=text.len()).any(|taken| segment_matches(rest, &text[taken..]))
        }
        (Some((byte, rest)), Some((other, others))) => {
            byte == other && segment_matches(rest, others)
        }
        _ => false,
    }
}

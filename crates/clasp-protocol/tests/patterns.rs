//! Patterns match as wire.md suggests, and cover exactly what they match.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/vectors.rs"]
mod vectors;

use clasp_protocol::Pattern;
use clasp_protocol::address::{self, AddressLimits};
use clasp_protocol::pattern::{PatternError, Segment};
use proptest::prelude::*;
use vectors::{load, section};

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn every_pattern_and_address_of_the_vectors_matches_as_suggested() {
    let file = load("address-matching.json");
    let vectors = section(&file, "vectors");
    assert_eq!(vectors.len(), 2775);
    let mut wrong = Vec::new();
    for vector in vectors {
        let text = vector["pattern"].as_str().unwrap();
        let address = vector["address"].as_str().unwrap();
        let matched = Pattern::parse(text).is_ok_and(|pattern| pattern.matches(address));
        if Some(matched) != vector["suggested"].as_bool() {
            wrong.push(format!("{text:?} on {address:?}: {matched}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn patterns_parse_as_addresses_do_and_regular_expressions_play_no_part() {
    let file = load("address-matching.json");
    let vectors = section(&file, "pattern_compile");
    assert_eq!(vectors.len(), 75);
    for vector in vectors {
        let text = vector["pattern"].as_str().unwrap();
        let theirs = vector["Pattern::compile"].as_str().unwrap();
        // The reference also compiles a regular expression that it never uses.
        let wanted = theirs == "ok" || theirs.starts_with("error: invalid pattern");
        assert_eq!(Pattern::parse(text).is_ok(), wanted, "{text}: the reference says {theirs}");
    }
    for vector in section(&file, "address_parse") {
        let text = vector["address"].as_str().unwrap();
        assert_eq!(Pattern::parse(text).is_ok(), vector["ok"].as_bool().unwrap(), "{text}");
    }
}

#[test]
fn matching_is_quick_where_backtracking_would_not_be() {
    let limits = AddressLimits { globstars_max: 64, ..AddressLimits::default() };
    let many = Pattern::parse_within(&"/**/a".repeat(30), &limits).unwrap();
    assert!(!many.matches(&format!("{}/b", "/a".repeat(500))));
    let stars = pattern(&format!("/{}b", "a*".repeat(400)));
    assert!(!stars.matches(&format!("/{}", "a".repeat(1_000))));
}

#[test]
fn covering_is_quick_where_subsets_would_explode() {
    let limits = AddressLimits { segments_max: 127, globstars_max: 64, bytes_max: 4096 };
    let scope = Pattern::parse_within(&format!("/**/a{}", "/*".repeat(60)), &limits).unwrap();
    let request =
        Pattern::parse_within(&format!("{}{}", "/**/a".repeat(30), "/**".repeat(30)), &limits)
            .unwrap();
    assert!(!scope.covers(&request));
    assert!(pattern("/**").covers(&request));
}

#[test]
fn limits_hold_for_bytes_segments_and_globstars() {
    let limits = AddressLimits { bytes_max: 12, segments_max: 3, globstars_max: 1 };
    let parse = |text| Pattern::parse_within(text, &limits).map(drop);
    assert_eq!(parse("/a/**/c"), Ok(()));
    assert_eq!(parse("/abcdefghijkl"), Err(PatternError::TooLong { bytes: 13, bytes_max: 12 }));
    assert_eq!(
        parse("/a/b/c/d"),
        Err(PatternError::TooManySegments { segments: 4, segments_max: 3 })
    );
    assert_eq!(
        parse("/**/**"),
        Err(PatternError::TooManyGlobstars { globstars: 2, globstars_max: 1 })
    );
    assert_eq!(parse("a"), Err(PatternError::NoSlash));
    assert_eq!(parse("//"), Err(PatternError::EmptySegment));
}

#[test]
fn segments_are_told_apart() {
    let pattern = pattern("/a/*/**/b*/***/");
    let segments: Vec<_> = pattern.segments().collect();
    assert_eq!(
        segments,
        [
            Segment::Literal("a"),
            Segment::Star,
            Segment::Globstar,
            Segment::Partial("b*"),
            Segment::Partial("***"),
            Segment::Literal(""),
        ]
    );
    assert!(!pattern.is_literal());
    assert!(self::pattern("/a/b/").is_literal());
}

#[test]
fn covering_follows_the_examples_of_the_specification() {
    let covers = |scope: &str, request: &str| pattern(scope).covers(&pattern(request));
    assert!(covers("/**", "/a/**"));
    assert!(covers("/a/**", "/a"));
    assert!(covers("/a/**", "/a/*/c"));
    assert!(covers("/a/*", "/a/b*"));
    assert!(covers("/a/b*", "/a/bc"));
    assert!(covers("/a/b*", "/a/b*"));
    assert!(covers("/a/b*", "/a/bc*"));
    assert!(covers("/a/**/c", "/a/x/**/c"));
    assert!(covers("/**/*", "/*/**"));
    assert!(covers("/*/**", "/**/a"));
    assert!(!covers("/a/*", "/a/**"));
    assert!(!covers("/a/**/c", "/a/x/d"));
    assert!(!covers("/a/b", "/a/*"));
    assert!(!covers("/a/b*", "/a/*"));
    assert!(!covers("/a/bc*", "/a/b*"));
    assert!(!covers("/a/*", "/a"));
}

/// All sequences of up to `length_max` of these segments, each with a slash before it.
fn sequences(segments: &[&str], length_max: usize) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut longest = all.clone();
    for _ in 0..length_max {
        longest = longest
            .iter()
            .flat_map(|head| segments.iter().map(move |segment| format!("{head}/{segment}")))
            .collect();
        all.extend(longest.clone());
    }
    all.retain(|text| !text.is_empty());
    all
}

#[test]
fn covering_is_exactly_inclusion_on_a_small_alphabet() {
    let patterns: Vec<_> =
        sequences(&["a", "ab", "*", "**", "a*"], 3).iter().map(|text| pattern(text)).collect();
    let addresses = sequences(&["a", "ab", "abc", "z"], 6);
    let words = addresses.len().div_ceil(64);
    let matched: Vec<Vec<u64>> = patterns
        .iter()
        .map(|pattern| {
            let mut bits = vec![0_u64; words];
            for (at, address) in addresses.iter().enumerate() {
                bits[at / 64] |= u64::from(pattern.matches(address)) << (at % 64);
            }
            bits
        })
        .collect();
    for (scope, wide) in patterns.iter().zip(&matched) {
        for (request, narrow) in patterns.iter().zip(&matched) {
            let included = narrow.iter().zip(wide).all(|(narrow, wide)| narrow & !wide == 0);
            assert_eq!(scope.covers(request), included, "{scope} covers {request}");
        }
    }
}

#[test]
fn addresses_are_checked_as_the_specification_says() {
    use clasp_protocol::address::AddressError::*;
    let limits = AddressLimits { bytes_max: 8, segments_max: 3, globstars_max: 1 };
    let check = |text| address::check(text, &limits);
    for good in ["/a", "/a/b/c", "/*", "/a b", "/ü/x", "/a/**"] {
        assert_eq!(check(good), Ok(()), "{good}");
    }
    for (bad, error) in [
        ("", NoSlash),
        ("a/b", NoSlash),
        ("/", EmptySegment),
        ("/a/", EmptySegment),
        ("//a", EmptySegment),
        ("/a//b", EmptySegment),
        ("/a\0", Nul),
        ("/abcdefgh", TooLong { bytes: 9, bytes_max: 8 }),
        ("/a/b/c/d", TooManySegments { segments_max: 3 }),
    ] {
        assert_eq!(check(bad), Err(error), "{bad:?}");
    }
}

/// The rule of wire.md 10.2 written down as plainly as possible.
fn naive(pattern: &[&str], address: &[&str]) -> bool {
    match (pattern, address) {
        ([], []) => true,
        (["**", rest @ ..], _) => {
            naive(rest, address) || !address.is_empty() && naive(pattern, &address[1..])
        }
        ([first, rest @ ..], [text, left @ ..]) => {
            naive_segment(first.as_bytes(), text.as_bytes()) && naive(rest, left)
        }
        _ => false,
    }
}

fn naive_segment(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => {
            naive_segment(rest, text) || !text.is_empty() && naive_segment(pattern, &text[1..])
        }
        ([first, rest @ ..], [byte, left @ ..]) => first == byte && naive_segment(rest, left),
        _ => false,
    }
}

fn split(text: &str) -> Vec<&str> {
    text.split('/').skip(1).collect()
}

proptest! {
    #[test]
    fn matching_follows_the_plain_rule(
        text in "(/(\\*|\\*\\*|[ab*]{0,4})){1,6}",
        address in "(/[ab*]{0,3}){1,7}",
    ) {
        if let Ok(pattern) = Pattern::parse(&text) {
            prop_assert_eq!(pattern.matches(&address), naive(&split(&text), &split(&address)));
        }
    }

    #[test]
    fn covering_is_never_claimed_wrongly(
        scope in "(/(\\*|\\*\\*|[ab*]{1,3})){1,5}",
        request in "(/(\\*|\\*\\*|[ab*]{1,3})){1,5}",
        addresses in prop::collection::vec("(/[abc]{1,3}){1,6}", 30),
    ) {
        let (scope, request) = (pattern(&scope), pattern(&request));
        if scope.covers(&request) {
            for address in addresses.iter().filter(|address| request.matches(address)) {
                prop_assert!(scope.matches(address), "{scope} covers {request}, not {address}");
            }
        }
    }

    #[test]
    fn a_literal_pattern_matches_itself_and_is_covered_where_it_is_matched(
        address in "(/[ab]{1,2}){1,4}",
        text in "(/(\\*|\\*\\*|[ab*]{1,3})){1,4}",
    ) {
        let (literal, wide) = (pattern(&address), pattern(&text));
        prop_assert!(literal.matches(&address));
        prop_assert_eq!(wide.covers(&literal), wide.matches(&address));
    }

    #[test]
    fn no_text_makes_parsing_or_matching_fail(text in ".{0,40}", address in ".{0,40}") {
        if let Ok(pattern) = Pattern::parse(&text) {
            pattern.matches(&address);
            pattern.covers(&pattern);
        }
        let _ = address::check(&address, &AddressLimits::default());
    }
}

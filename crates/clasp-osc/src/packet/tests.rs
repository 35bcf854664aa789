//! Packets byte by byte.

use rosc::{OscArray, OscType};

use super::*;

/// A text as OSC pads it.
fn text(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize((bytes.len() / 4 + 1) * 4, 0);
    bytes
}

fn message(address: &str, tags: &str, arguments: &[u8]) -> Vec<u8> {
    [text(address), text(tags), arguments.to_vec()].concat()
}

fn bundle(at: u64, elements: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = [&b"#bundle\0"[..], &at.to_be_bytes()].concat();
    for element in elements {
        bytes.extend((element.len() as u32).to_be_bytes());
        bytes.extend(element);
    }
    bytes
}

fn arguments(bytes: &[u8]) -> Result<Vec<OscType>, Malformed> {
    let packet = decode(bytes)?;
    assert!(!packet.bundle);
    let mut messages = packet.messages();
    let only = messages.next().unwrap();
    assert_eq!((only.addr.as_str(), messages.next()), ("/a", None));
    Ok(only.args.clone())
}

#[test]
fn a_message_without_type_tags_has_no_arguments_and_none_may_follow() {
    assert_eq!(arguments(&text("/a")), Ok(vec![]));
    assert_eq!(arguments(&message("/a", ",", &[])), Ok(vec![]));
    assert_eq!(arguments(&[text("/a"), vec![0, 0, 0, 7]].concat()), Err(Malformed::NoTypeTags));
}

#[test]
fn every_type_is_read_and_symbols_are_strings() {
    let data = [&[0, 0, 0, 7][..], &text("hi"), &text("sym"), &[0, 0, 0, 2, 1, 2, 0, 0]].concat();
    let array = OscType::Array(OscArray { content: vec![OscType::Nil, OscType::Inf] });
    let expected =
        vec![7.into(), "hi".into(), "sym".into(), OscType::Blob(vec![1, 2]), true.into(), array];
    assert_eq!(arguments(&message("/a", ",isSbT[NI]", &data)), Ok(expected));
}

#[test]
fn a_text_may_hold_the_letter_that_stands_for_symbols() {
    let data = [text("S"), text("SS,S")].concat();
    assert_eq!(arguments(&message("/a", ",Ss", &data)), Ok(vec!["S".into(), "SS,S".into()]));
}

#[test]
fn brackets_have_to_match_and_not_be_too_deep() {
    let nested = |depth: usize| format!(",{}{}", "[".repeat(depth), "]".repeat(depth));
    for tags in [",[", ",]", ",[i", ",]["] {
        assert_eq!(arguments(&message("/a", tags, &[0; 4])), Err(Malformed::Brackets), "{tags}");
    }
    assert!(arguments(&message("/a", &nested(ARRAY_DEPTH_MAX), &[])).is_ok());
    for depth in [ARRAY_DEPTH_MAX + 1, 4_000, 32_000] {
        let outcome = arguments(&message("/a", &nested(depth), &[]));
        assert!(matches!(outcome, Err(Malformed::TooDeep | Malformed::TooMany)), "{depth}");
    }
}

#[test]
fn bundles_group_their_messages_by_time_and_never_before_their_parents() {
    let a = |address: &str| message(address, ",N", &[]);
    let early = bundle(5, &[a("/early")]);
    let at_once = bundle(1, &[a("/once")]);
    let late = bundle(900, &[a("/late")]);
    let bytes = bundle(50, &[a("/1"), early, late, at_once, a("/2")]);
    let packet = decode(&bytes).unwrap();
    let groups: Vec<(Option<u64>, Vec<&str>)> = packet
        .groups
        .iter()
        .map(|(at, group)| (at.map(|tag| tag.0), group.iter().map(|it| it.addr.as_str()).collect()))
        .collect();
    assert!(packet.bundle);
    let expected = [(Some(50), vec!["/1", "/early", "/once", "/2"]), (Some(900), vec!["/late"])];
    assert_eq!(groups, expected);
}

#[test]
fn the_time_tags_of_zero_and_one_mean_at_once() {
    for at in [0, 1] {
        let packet = decode(&bundle(at, &[text("/a")])).unwrap();
        assert_eq!(packet.groups.keys().collect::<Vec<_>>(), [&None]);
    }
}

#[test]
fn an_empty_bundle_is_a_packet() {
    let empty = decode(&bundle(1, &[])).unwrap();
    assert!(empty.groups.is_empty() && empty.bundle);
}

#[test]
fn bundles_nested_thousands_deep_are_refused() {
    let nested = |depth: usize| (1..depth).fold(bundle(1, &[]), |inner, _| bundle(1, &[inner]));
    assert!(decode(&nested(BUNDLE_DEPTH_MAX)).is_ok());
    assert_eq!(decode(&nested(BUNDLE_DEPTH_MAX + 1)), Err(Malformed::TooDeep));
    let bomb = nested(3_000);
    assert!(bomb.len() > 59_000 && bomb.len() <= PACKET_BYTES_MAX);
    assert_eq!(decode(&bomb), Err(Malformed::TooDeep));
}

#[test]
fn elements_are_counted_wherever_they_are() {
    let tags = |count: usize| format!(",{}", "N".repeat(count));
    assert!(decode(&message("/a", &tags(ELEMENTS_MAX - 1), &[])).is_ok());
    assert_eq!(decode(&message("/a", &tags(ELEMENTS_MAX), &[])), Err(Malformed::TooMany));
    let each = message("/a", &tags(9), &[]);
    assert!(decode(&bundle(1, &vec![each.clone(); 999])).is_ok());
    assert_eq!(decode(&bundle(1, &vec![each; 1_000])), Err(Malformed::TooMany));
}

#[test]
fn what_ends_early_or_is_out_of_step_is_refused() {
    let good = bundle(1, &[message("/a", ",is", &[&[0, 0, 0, 1][..], &text("x")].concat())]);
    assert!(decode(&good).is_ok());
    for end in 0..good.len() {
        let cut = decode(&good[..end]);
        assert!(cut.is_err() || end == HEADER_BYTES, "{end}: {cut:?}");
    }
    for (bytes, fault) in [
        (&b"hello\0\0\0"[..], Malformed::Unknown),
        (b"#bundlf\0\0\0\0\0\0\0\0\x01", Malformed::Unknown),
        (b"/a\0", Malformed::Unaligned),
        (b"/abc", Malformed::Truncated),
        (b"/a\0\0,q\0\0", Malformed::TypeTag(b'q')),
        (b"/a\0\0,b\0\0\xff\xff\xff\xff", Malformed::Argument),
        (b"/a\0\0,N\0\0\0\0\0\0", Malformed::Argument),
        (b"/a\0\0,s\0\0\xff\xfe\0\0", Malformed::Argument),
        (b"/\xff\0\0", Malformed::Argument),
    ] {
        assert_eq!(decode(bytes), Err(fault), "{}", bytes.escape_ascii());
    }
}

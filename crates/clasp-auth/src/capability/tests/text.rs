//! Text and bytes: what is read, and what is made of it again.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use proptest::prelude::*;

use super::super::encode::signed_bytes;
use super::*;

fn bytes_of(text: &str) -> Vec<u8> {
    BASE64URL_NOPAD.decode(&text.as_bytes()[4..]).unwrap()
}

fn with_bytes(bytes: &[u8]) -> String {
    format!("cap_{}", BASE64URL_NOPAD.encode(bytes))
}

#[test]
fn the_vectors_are_read_and_written_as_they_are() {
    for vector in [ROOT, CHILD] {
        assert_eq!(Capability::parse(vector).unwrap().to_text(), vector);
    }
}

#[test]
fn the_signed_bytes_are_those_of_published_tools() {
    let root = Capability::parse(ROOT).unwrap();
    let Link { issuer, scopes, terms } = &root.grant;
    let expected = include_str!("../../../tests/vectors/root.signed.hex");
    assert_eq!(HEXLOWER.encode(&signed_bytes(issuer, scopes, terms, &[])), expected);
}

#[test]
fn minting_makes_the_vector() {
    let terms = Terms {
        scopes: vec!["admin:/**".to_owned()],
        audience: None,
        expires_at: 4_102_444_800,
        nonce: "00000000-0000-4000-8000-000000000001".to_owned(),
    };
    assert_eq!(Capability::mint(&key(1), terms).unwrap().to_text(), ROOT);
}

#[test]
fn a_delegated_token_comes_back_with_its_chain() {
    let root = Capability::mint(&key(1), terms(&["write:/a/**"], Some(2))).unwrap();
    let child = root.delegate(&key(2), terms(&["write:/a/b"], None)).unwrap();
    assert_eq!(Capability::parse(&child.to_text()).unwrap(), child);
}

#[test]
fn unknown_members_are_passed_over() {
    let mut bytes = bytes_of(ROOT);
    bytes[0] += 1;
    bytes.extend_from_slice(b"\xa5extra\x92\x01\x81\xa1k\xc0");
    assert_eq!(Capability::parse(&with_bytes(&bytes)), Capability::parse(ROOT));
}

#[test]
fn a_member_may_not_come_twice_and_nothing_may_follow() {
    let mut twice = bytes_of(ROOT);
    twice[0] += 1;
    twice.extend_from_slice(b"\xa5nonce\xa1x");
    assert_eq!(Capability::parse(&with_bytes(&twice)), Err(CapabilityError::Twice("nonce")));
    let mut more = bytes_of(ROOT);
    more.push(0xC0);
    let error = Capability::parse(&with_bytes(&more)).unwrap_err();
    assert!(error.to_string().contains("follows its end"), "{error}");
}

#[test]
fn sizes_are_bounded() {
    let long = format!("cap_{}", "A".repeat(TOKEN_BYTES_MAX));
    assert_eq!(Capability::parse(&long), Err(CapabilityError::TooLong(long.len())));
    let many: Vec<String> = (0..=SCOPES_MAX).map(|number| format!("read:/{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut wide = terms(&many, None);
    wide.nonce = "n".to_owned();
    let wide = Capability::mint(&key(1), wide).unwrap().to_text();
    assert_eq!(Capability::parse(&wide), Err(CapabilityError::TooMany("scopes")));
    let announced = [b"\x81\xa6proofs".as_slice(), &[0xdd, 255, 255, 255, 255]].concat();
    assert_eq!(Capability::parse(&with_bytes(&announced)), Err(CapabilityError::TooMany("proofs")));
}

#[test]
fn nonces_fit_into_a_list() {
    for nonce in ["", "two words", "line\nbreak", &"n".repeat(NONCE_BYTES_MAX + 1)] {
        let terms = Terms { nonce: nonce.to_owned(), ..terms(&["read:/a"], None) };
        let text = Capability::mint(&key(1), terms).unwrap().to_text();
        assert_eq!(Capability::parse(&text), Err(CapabilityError::BadNonce), "{nonce:?}");
    }
}

#[test]
fn whatever_is_no_token_is_called_malformed() {
    let desk = desk();
    for junk in ["cap_", "cap_!", "cap_gA", &ROOT[..200], &format!("{ROOT}A")] {
        let denied = desk.present(junk).unwrap_err();
        assert_eq!(denied, Denied::Invalid("malformed token".into()), "{junk}");
    }
    assert!(desk.verifier.verify("cpsk_x", 0).is_none());
}

proptest! {
    #[test]
    fn random_bytes_are_refused_quietly(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(desk().present(&with_bytes(&bytes)).is_err());
    }

    #[test]
    fn no_changed_byte_is_accepted(place in 0_usize..320, bits in 1_u8..=255) {
        let mut bytes = bytes_of(ROOT);
        let place = place % bytes.len();
        bytes[place] ^= bits;
        let text = with_bytes(&bytes);
        // Integers may be written longer than needed; what they say is then the same.
        let same = Capability::parse(&text) == Capability::parse(ROOT);
        prop_assert!(same || desk().present(&text).is_err());
    }
}

//! Chains of older tools, which do not tell what the parents signed.

use super::*;

fn parents(text: &str) -> Parents {
    Parents::parse(text, &TrustAnchors::from_iter([public(1)])).unwrap()
}

/// As published tools delegate: a new key, no audience, no chain.
fn old_child(parent: &Capability, signer: u8, terms: Terms) -> Capability {
    let Link { issuer, scopes, .. } = parent.grant.clone();
    let mut proofs = parent.proofs.clone();
    proofs.push(Proof { issuer, scopes, signature: parent.signature, terms: None });
    Capability::sign(&key(signer), terms, proofs)
}

#[test]
fn a_legacy_chain_is_refused_and_told_why() {
    let denied = desk().present(CHILD).unwrap_err();
    let text = "Invalid token: delegated token without 'chain' cannot be verified";
    assert_eq!(denied.to_string(), text);
}

#[test]
fn the_operators_parent_makes_it_acceptable() {
    let grant = desk_with(parents(&format!("# stage\n{ROOT}\n"))).present(CHILD).unwrap();
    assert_eq!(scopes_of(&grant), ["write:/lights/**", "read:/lights/**"]);
}

#[test]
fn it_is_capped_to_the_parents_scopes_and_time() {
    let root = Capability::mint(&key(1), terms(&["write:/a/**"], None)).unwrap();
    let desk = desk_with(parents(&root.to_text()));
    let beyond = old_child(&root, 7, terms(&["write:/b"], None));
    assert!(matches!(desk.check(&beyond), Err(Rejection::Beyond { .. })));
    let late = Terms { expires_at: NOW_S + 5_000, ..terms(&["read:/a/b"], None) };
    let late = old_child(&root, 7, late);
    assert_eq!(desk.check(&late).unwrap().expires_at, NOW_S + 1_000);
    let grandchild = old_child(&late, 8, terms(&["read:/a/b"], None));
    assert!(desk.check(&grandchild).is_ok());
    let wider = old_child(&late, 8, terms(&["write:/a/b"], None));
    assert!(matches!(desk.check(&wider), Err(Rejection::Beyond { link: 2, .. })));
}

#[test]
fn another_parent_does_not_help() {
    let other = Capability::mint(&key(1), terms(&["admin:/**"], None)).unwrap();
    let desk = desk_with(parents(&other.to_text()));
    assert_eq!(desk.check(&Capability::parse(CHILD).unwrap()), Err(Rejection::Unverifiable));
}

#[test]
fn a_parent_for_a_key_is_delegated_by_that_key_only() {
    let root = Capability::mint(&key(1), terms(&["read:/a"], Some(2))).unwrap();
    let desk = desk_with(parents(&root.to_text()));
    assert!(desk.check(&old_child(&root, 2, terms(&["read:/a"], None))).is_ok());
    let stolen = old_child(&root, 7, terms(&["read:/a"], None));
    assert_eq!(desk.check(&stolen), Err(Rejection::WrongDelegate(0)));
}

#[test]
fn revoking_the_parent_ends_its_children() {
    let desk = desk_with(parents(ROOT));
    let grant = desk.present(CHILD).unwrap();
    desk.revocations.revoke("00000000-0000-4000-8000-000000000001").unwrap();
    assert!(!desk.verifier.still_holds(&grant));
    assert_eq!(desk.present(CHILD), Err(Denied::Revoked));
}

#[test]
fn only_sound_root_tokens_of_an_anchor_are_parents() {
    let anchors = TrustAnchors::from_iter([public(1)]);
    let stranger = Capability::mint(&key(9), terms(&["read:/a"], None)).unwrap().to_text();
    let mut broken = Capability::parse(ROOT).unwrap();
    broken.grant.scopes = vec!["admin:/a".to_owned()];
    for (list, word) in [
        (CHILD, "delegated"),
        (&*stranger, "issuer"),
        (&*broken.to_text(), "signature"),
        ("nonsense", "cap_"),
    ] {
        let error = Parents::parse(&format!("\n{list}"), &anchors).unwrap_err();
        assert!(error.line == 2 && error.reason.contains(word), "{error}");
    }
}

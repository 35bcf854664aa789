//! Roots and verified chains.

use super::*;

fn root(scopes: &[&str], audience: Option<u8>) -> Capability {
    Capability::mint(&key(1), terms(scopes, audience)).unwrap()
}

/// Signed by 1 for 2, by 2 for 3, and by 3 for whoever holds it.
fn chain() -> Capability {
    let first = root(&["admin:/stage/**"], Some(2));
    let second = first.delegate(&key(2), terms(&["write:/stage/**"], Some(3))).unwrap();
    second.delegate(&key(3), terms(&["write:/stage/lights/*"], None)).unwrap()
}

/// As [`Capability::delegate`], but without its checks.
fn forge(parent: &Capability, signer: u8, terms: Terms) -> Capability {
    let Link { issuer, scopes, terms: own } = parent.grant.clone();
    let mut proofs = parent.proofs.clone();
    proofs.push(Proof { issuer, scopes, signature: parent.signature, terms: Some(own) });
    Capability::sign(&key(signer), terms, proofs)
}

#[test]
fn a_root_token_is_accepted_with_the_subject_of_its_issuer() {
    let grant = desk().present(ROOT).unwrap();
    let expected = bs58::encode(&public(1)[..16]).into_string();
    assert_eq!(grant.subject.as_deref(), Some(&*format!("cap:{expected}")));
    assert_eq!(scopes_of(&grant), ["admin:/**"]);
    assert_eq!(grant.expires_unix_us, Some(4_102_444_800_000_000));
}

#[test]
fn who_may_write_may_listen_there() {
    let grant = desk().present(&root(&["write:/a/**"], None).to_text()).unwrap();
    assert_eq!(scopes_of(&grant), ["write:/a/**", "read:/a/**"]);
}

#[test]
fn a_chain_is_accepted_and_ends_with_its_first_end() {
    let mut first = terms(&["admin:/stage/**"], Some(2));
    first.expires_at = NOW_S + 10;
    let first = Capability::mint(&key(1), first).unwrap();
    let later = Terms { expires_at: NOW_S + 99, ..terms(&["read:/stage/a"], None) };
    let child = forge(&first, 2, later);
    let grant = desk().present(&child.to_text()).unwrap();
    assert_eq!(grant.expires_unix_us, Some((NOW_S + 10) * 1_000_000));
    assert_eq!(desk().present_at(&child.to_text(), NOW_S + 10), Err(Denied::Expired));
    assert!(desk().present(&chain().to_text()).is_ok());
}

#[test]
fn an_issuer_that_is_no_anchor_is_refused_without_a_word_about_it() {
    let stranger = Capability::mint(&key(9), terms(&["read:/a"], None)).unwrap();
    assert_eq!(desk().check(&stranger), Err(Rejection::UntrustedIssuer(crate::hex(&public(9)))));
    let denied = desk().present(&stranger.to_text()).unwrap_err();
    assert_eq!(denied.to_string(), "Invalid token: token not accepted");
}

#[test]
fn naming_an_anchor_in_a_proof_is_not_enough() {
    let own = LinkTerms {
        version: 1,
        audience: Some(public(9)),
        expires_at: 4e9 as u64,
        nonce: "n".into(),
    };
    let scopes = vec!["admin:/**".to_owned()];
    let proof = Proof { issuer: public(1), scopes, signature: [0; 64], terms: Some(own) };
    let forged = Capability::sign(&key(9), terms(&["admin:/**"], None), vec![proof]);
    assert_eq!(desk().check(&forged), Err(Rejection::BadSignature(0)));
}

#[test]
fn each_part_of_a_chain_is_signed() {
    let token = chain();
    assert!(desk().check(&token).is_ok());
    let changes: [fn(&mut Capability); 7] = [
        |token| token.proofs[0].scopes[0] = "admin:/**".to_owned(),
        |token| token.proofs[0].terms.as_mut().unwrap().expires_at += 1,
        |token| token.proofs[1].terms.as_mut().unwrap().nonce.push('x'),
        |token| token.proofs[1].terms.as_mut().unwrap().audience = None,
        |token| token.proofs[1].issuer = public(5),
        |token| token.grant.scopes[0] = "write:/stage/**".to_owned(),
        |token| token.grant.terms.expires_at += 1,
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut changed = token.clone();
        change(&mut changed);
        assert!(matches!(desk().check(&changed), Err(Rejection::BadSignature(_))), "{number}");
    }
    let mut shorter = token;
    shorter.proofs.remove(0);
    assert!(desk().check(&shorter).is_err());
}

#[test]
fn only_the_key_that_a_grant_names_may_delegate_it() {
    let for_two = root(&["admin:/**"], Some(2));
    let stolen = forge(&for_two, 7, terms(&["admin:/**"], None));
    assert_eq!(desk().check(&stolen), Err(Rejection::WrongDelegate(0)));
    let for_anybody = root(&["admin:/**"], None);
    let taken = forge(&for_anybody, 7, terms(&["read:/a"], None));
    assert_eq!(desk().check(&taken), Err(Rejection::WrongDelegate(0)));
    assert_eq!(for_anybody.delegate(&key(7), terms(&[], None)), Err(DelegationError::NoAudience));
    assert_eq!(for_two.delegate(&key(7), terms(&[], None)), Err(DelegationError::OtherAudience));
}

#[test]
fn a_token_for_a_key_is_not_for_whoever_holds_it() {
    let denied = desk().present(&root(&["read:/a"], Some(2)).to_text()).unwrap_err();
    assert!(denied.to_string().contains("names an audience"), "{denied}");
}

#[test]
fn scopes_only_narrow() {
    let parent = root(&["write:/a/*", "read:/b"], Some(2));
    for beyond in ["admin:/a/x", "write:/a/**", "write:/b", "read:/c", "read:/**"] {
        let forged = forge(&parent, 2, terms(&["read:/a/x", beyond], None));
        let expected = Rejection::Beyond { link: 1, scope: beyond.to_owned() };
        assert_eq!(desk().check(&forged), Err(expected));
        let refused = parent.delegate(&key(2), terms(&[beyond], None));
        assert_eq!(refused, Err(DelegationError::Beyond(beyond.to_owned())));
    }
    let within = forge(&parent, 2, terms(&["write:/a/x", "read:/a/*", "read:/b"], None));
    assert!(desk().check(&within).is_ok());
}

#[test]
fn depth_version_and_unreadable_scopes_are_refused() {
    let mut token = root(&["read:/**"], Some(2));
    for seed in 2..6 {
        let audience = (seed < 5).then_some(seed + 1);
        token = token.delegate(&key(seed), terms(&["read:/**"], audience)).unwrap();
    }
    assert_eq!(desk().check(&token), Err(Rejection::TooDeep { links: 4, links_max: 3 }));
    let mut second = root(&["read:/a"], None);
    second.grant.terms.version = 2;
    assert_eq!(desk().check(&second), Err(Rejection::Version(2)));
    let unreadable = Capability::sign(&key(1), terms(&["read:/a", "fly:/b"], None), Vec::new());
    assert!(matches!(desk().check(&unreadable), Err(Rejection::BadScope(_))));
}

#[test]
fn revoking_any_grant_of_a_chain_ends_what_came_of_it() {
    let token = chain();
    let nonces = desk().check(&token).unwrap().nonces;
    assert_eq!(nonces.len(), 3);
    for nonce in nonces {
        let desk = desk();
        let grant = desk.present(&token.to_text()).unwrap();
        let before = desk.verifier.revision();
        assert!(desk.verifier.still_holds(&grant));
        desk.revocations.revoke(&nonce).unwrap();
        assert!(desk.verifier.revision() > before && !desk.verifier.still_holds(&grant));
        assert_eq!(desk.present(&token.to_text()), Err(Denied::Revoked));
        assert!(desk.verifier.still_holds(&Grant::default()), "grants of others hold");
    }
}

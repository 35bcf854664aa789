//! Identities belong to their holders.

use clasp_auth::accounts::{AccountError, Registration, Visit};

use crate::{NOW, alice, desk, later, scopes, visit};

fn is_taken<T>(outcome: &Result<T, AccountError>) -> bool {
    matches!(outcome, Err(AccountError::Taken(_)))
}

#[test]
fn a_guests_identity_cannot_be_had_by_a_second_caller() {
    let desk = desk();
    let first = desk.accounts.visit(&visit("victim-1"), None, NOW).unwrap();
    let refusal = desk.accounts.visit(&visit("victim-1"), None, NOW).unwrap_err();
    assert!(refusal.to_string().contains("identity belongs to a registered user"), "{refusal}");
    let grant = desk.grant(&first);
    let again = desk.accounts.visit(&visit("victim-1"), Some(&grant), NOW).unwrap();
    assert_eq!(again.token.subject, first.token.subject, "its holder comes back with its token");
}

#[test]
fn a_guests_identity_is_free_again_when_its_tokens_have_ended() {
    let desk = desk();
    desk.accounts.visit(&visit("victim-1"), None, NOW).unwrap();
    desk.accounts.visit(&visit("victim-1"), None, later(86_400)).unwrap();
}

#[test]
fn nobody_registers_with_a_guests_identity_but_the_guest() {
    let desk = desk();
    let guest = desk.accounts.visit(&visit("victim-1"), None, NOW).unwrap();
    let registration = Registration { user_id: Some("victim-1".into()), ..alice() };
    assert!(is_taken(&desk.register(&registration)));
    let grant = desk.grant(&guest);
    let user = desk.accounts.register(&registration, Some(&grant), NOW).unwrap();
    assert_eq!(&*user.token.subject, "victim-1");
    assert!(is_taken(&desk.accounts.visit(&visit("victim-1"), Some(&grant), NOW)));
}

#[test]
fn nobody_becomes_who_has_left() {
    let desk = desk();
    let left = desk.register(&alice()).unwrap();
    let id = left.token.subject.to_string();
    desk.accounts.remove(&id).unwrap();
    assert!(is_taken(&desk.accounts.visit(&visit(&id), None, NOW)));
    let before = desk.accounts.passwords_worked();
    assert!(is_taken(&desk.register(&Registration { user_id: Some(id), ..alice() })));
    assert_eq!(desk.accounts.passwords_worked(), before, "refused before the costly hash");
    assert!(desk.register(&alice()).is_ok(), "the name alone is free");
}

#[test]
fn reserved_subjects_cannot_be_chosen() {
    let desk = desk();
    for id in ["admin-bootstrap", "ADMIN-bootstrap", "clasp:abc", "cap:abc", "jwt:abc"] {
        let visited = desk.accounts.visit(&visit(id), None, NOW);
        assert!(matches!(visited, Err(AccountError::Invalid(_))), "{id}");
        let registration = Registration { user_id: Some(id.into()), ..alice() };
        assert!(matches!(desk.register(&registration), Err(AccountError::Invalid(_))), "{id}");
    }
}

#[test]
fn names_that_read_alike_are_one_account() {
    let desk = desk();
    desk.register(&alice()).unwrap();
    for username in ["Alice", "ａｌｉｃｅ", " alice "] {
        let registration = Registration { username: username.into(), ..alice() };
        assert!(is_taken(&desk.register(&registration)), "{username}");
        let guest = Visit { name: Some(username.into()), ..Visit::default() };
        assert!(is_taken(&desk.accounts.visit(&guest, None, NOW)), "{username}");
    }
    assert!(desk.login(1, "ALICE", "secret123").is_ok());
}

#[test]
fn a_short_guest_id_without_a_name_is_fine() {
    let guest = desk().accounts.visit(&visit("ab"), None, NOW).unwrap();
    assert_eq!(&*guest.token.name, "guest-ab");
}

#[test]
fn guests_read_and_users_write_unless_they_ask_for_less() {
    let desk = desk();
    assert_eq!(scopes(&desk.accounts.visit(&visit("g-1"), None, NOW).unwrap()), "read:/**");
    let user = desk.register(&alice()).unwrap();
    assert_eq!(scopes(&user), "read:/**,write:/**");
    let ask = |scopes: &[&str]| {
        let scopes = Some(scopes.iter().map(ToString::to_string).collect());
        desk.accounts.visit(&Visit { scopes, ..Visit::default() }, None, NOW)
    };
    assert_eq!(scopes(&ask(&["read:/lights/**", "write:/**"]).unwrap()), "read:/lights/**");
    let refusal = ask(&["write:/**", "admin:/x"]);
    assert_eq!(scopes(&refusal.unwrap()), "read:/x", "what both allow is left");
    assert!(matches!(ask(&["write:/**"]), Err(AccountError::ScopeNotAllowed(_))));
    assert!(matches!(ask(&["read"]), Err(AccountError::BadScope(_))));
}

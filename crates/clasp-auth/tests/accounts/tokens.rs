//! The life of tokens: renewed, ended, handed on, forgotten.

use clasp_auth::accounts::{AccountError, Issued, NewChild};
use clasp_auth::store::TokenStore as _;
use clasp_auth::tokens::TokenLimits;
use clasp_auth::{Authenticator as _, Chain, Denied, Verifier as _};

use crate::{Desk, NOW, alice, desk, desk_with, later, scopes, visit};

fn is_good(desk: &Desk, issued: &Issued) -> bool {
    let verified = desk.accounts.tokens().verify(issued.secret.reveal(), NOW.unix_us);
    matches!(verified, Some(Ok(_)))
}

fn child(scopes: &[&str]) -> NewChild {
    let scopes = Some(scopes.iter().map(ToString::to_string).collect());
    NewChild { name: "lamp".into(), scopes }
}

#[test]
fn tokens_end_after_their_lifetime_or_never() {
    let user = desk().register(&alice()).unwrap();
    assert_eq!(user.token.expires_unix_s, Some(NOW.unix_s() + 86_400));
    let desk = desk_with(TokenLimits::default(), 0);
    assert_eq!(desk.register(&alice()).unwrap().token.expires_unix_s, None);
}

#[test]
fn only_the_hash_is_kept_and_what_was_kept_is_honoured_again() {
    let desk = desk();
    let user = desk.register(&alice()).unwrap();
    let kept = desk.store.load(NOW.unix_s()).unwrap();
    assert!(!format!("{kept:?}").contains(&user.secret.reveal()[5..]));
    let limits = TokenLimits::default();
    let reopened = clasp_auth::tokens::Tokens::open(desk.store, limits, NOW.unix_s()).unwrap();
    let grant = reopened.verify(user.secret.reveal(), NOW.unix_us).unwrap().unwrap();
    assert_eq!(grant.subject.as_deref(), Some(&*user.token.subject));
}

#[test]
fn a_token_that_was_ended_is_unknown_and_its_sessions_are_noticed() {
    let desk = desk();
    let user = desk.register(&alice()).unwrap();
    let chain = Chain::new(vec![desk.accounts.tokens().clone()], None);
    let grant = chain.authenticate(Some(user.secret.reveal()), NOW.unix_us).unwrap();
    let before = chain.revision();
    assert!(chain.still_holds(&grant));
    desk.accounts.logout(&grant, false).unwrap();
    assert!(chain.revision() > before && !chain.still_holds(&grant));
    let denied = chain.authenticate(Some(user.secret.reveal()), NOW.unix_us).unwrap_err();
    assert!(matches!(denied, Denied::Invalid(_)));
    assert_eq!(desk.store.load(NOW.unix_s()).unwrap(), []);
}

#[test]
fn renewing_keeps_the_subject_and_does_not_widen() {
    let desk = desk();
    desk.register(&alice()).unwrap();
    let attempt = desk.accounts.attempt(crate::client(1), "alice", NOW).unwrap();
    let narrow = ["read:/lights/**".to_owned()];
    let login = desk.accounts.login(&attempt, ("alice", "secret123"), Some(&narrow), NOW).unwrap();
    let renewed = desk.accounts.refresh(&desk.grant(&login), later(100)).unwrap();
    assert_eq!(renewed.token.subject, login.token.subject);
    assert_eq!(scopes(&renewed), "read:/lights/**");
    assert_eq!(renewed.token.expires_unix_s, Some(later(100).unix_s() + 86_400));
    assert!(is_good(&desk, &login), "sessions that are open go on");
}

#[test]
fn a_new_password_ends_all_tokens_and_the_old_password() {
    let desk = desk();
    let user = desk.register(&alice()).unwrap();
    let other = desk.login(1, "alice", "secret123").unwrap();
    let attempt = desk.accounts.attempt(crate::client(1), "alice", NOW).unwrap();
    let grant = desk.grant(&user);
    let words = ("secret123", "another-secret");
    let fresh = desk.accounts.change_password(&attempt, &grant, words, NOW).unwrap();
    assert!(!is_good(&desk, &user) && !is_good(&desk, &other) && is_good(&desk, &fresh));
    assert_eq!(desk.login(2, "alice", "secret123").unwrap_err(), AccountError::WrongPassword);
    desk.login(2, "alice", "another-secret").unwrap();
}

#[test]
fn a_removed_account_leaves_neither_tokens_nor_devices() {
    let desk = desk();
    let user = desk.register(&alice()).unwrap();
    let grant = desk.grant(&user);
    let lamp = desk.accounts.provision(&child(&["write:/lamp"]), &grant, NOW).unwrap();
    assert_eq!(desk.accounts.remove(&user.token.subject), Ok(2));
    assert!(!is_good(&desk, &user) && !is_good(&desk, &lamp));
    assert_eq!(desk.accounts.remove(&user.token.subject), Err(AccountError::NotFound));
}

#[test]
fn a_device_gets_no_more_than_its_parent_and_ends_with_it() {
    let desk = desk();
    let user = desk.register(&alice()).unwrap();
    let grant = desk.grant(&user);
    let lamp = desk.accounts.provision(&child(&["write:/lamp/**"]), &grant, later(100)).unwrap();
    assert_eq!(lamp.token.expires_unix_s, user.token.expires_unix_s);
    assert_ne!(lamp.token.subject, user.token.subject);
    let beyond = desk.accounts.provision(&child(&["read:/a", "admin:/lamp"]), &grant, NOW);
    assert_eq!(beyond.unwrap_err(), AccountError::ScopeNotAllowed("admin:/lamp".into()));
    let nested = desk.accounts.provision(&child(&["write:/lamp/a"]), &desk.grant(&lamp), NOW);
    assert!(matches!(nested, Err(AccountError::Forbidden(_))));
    desk.accounts.logout(&grant, false).unwrap();
    assert!(!is_good(&desk, &lamp));
}

#[test]
fn a_parent_ends_its_own_devices_only() {
    let desk = desk();
    let user = desk.register(&alice()).unwrap();
    let grant = desk.grant(&user);
    let lamp = desk.accounts.provision(&child(&["write:/lamp"]), &grant, NOW).unwrap();
    let guest = desk.accounts.visit(&visit("g-1"), None, NOW).unwrap();
    let other = desk.grant(&guest);
    assert_eq!(desk.accounts.revoke_own(&other, lamp.token.hash), Err(AccountError::NotFound));
    desk.accounts.revoke_own(&grant, lamp.token.hash).unwrap();
    assert!(!is_good(&desk, &lamp) && is_good(&desk, &user));
}

#[test]
fn a_further_login_ends_the_oldest_of_too_many() {
    let desk = desk_with(TokenLimits { per_subject: 2, ..TokenLimits::default() }, 86_400);
    let first = desk.register(&alice()).unwrap();
    let log_in = |seconds| {
        let attempt = desk.accounts.attempt(crate::client(1), "alice", later(seconds)).unwrap();
        let words = ("alice", "secret123");
        desk.accounts.login(&attempt, words, None, later(seconds)).unwrap()
    };
    let (second, third) = (log_in(1), log_in(2));
    assert!(!is_good(&desk, &first) && is_good(&desk, &second) && is_good(&desk, &third));
}

#[test]
fn guests_beyond_the_limit_are_refused_and_users_are_not() {
    let desk = desk_with(TokenLimits { guests: 1, ..TokenLimits::default() }, 86_400);
    desk.accounts.visit(&visit("g-1"), None, NOW).unwrap();
    let refusal = desk.accounts.visit(&visit("g-2"), None, NOW).unwrap_err();
    assert_eq!(refusal, AccountError::Full);
    desk.register(&alice()).unwrap();
}

#[test]
fn what_has_ended_is_forgotten_in_memory_and_in_the_store() {
    let desk = desk();
    for number in 0..100 {
        desk.accounts.visit(&visit(&format!("g-{number}")), None, NOW).unwrap();
    }
    assert_eq!(desk.accounts.sweep(later(86_399)), Ok(0));
    assert_eq!(desk.accounts.sweep(later(86_400)), Ok(100));
    assert!(desk.accounts.tokens().is_empty());
    assert_eq!(desk.store.load(0).unwrap(), []);
}

//! What attempts cost, and whom they lock out.

use clasp_auth::accounts::{AccountError, Registration};
use clasp_auth::store::AccountStore as _;

use crate::{NOW, alice, client, desk, later};

#[test]
fn an_unknown_name_costs_as_many_hashes_as_a_wrong_password() {
    let desk = desk();
    desk.register(&alice()).unwrap();
    let work = |name: &str| {
        let before = desk.accounts.passwords_worked();
        assert_eq!(desk.login(1, name, "wrong-one").unwrap_err(), AccountError::WrongPassword);
        desk.accounts.passwords_worked() - before
    };
    assert_eq!((work("alice"), work("nobody")), (1, 1));
}

#[test]
fn a_registration_that_is_refused_costs_no_hash() {
    let desk = desk();
    desk.register(&alice()).unwrap();
    let before = desk.accounts.passwords_worked();
    let with = |change: fn(&mut Registration)| {
        let mut registration = alice();
        registration.username = "bobby".into();
        change(&mut registration);
        desk.register(&registration).unwrap_err()
    };
    with(|it| it.username = "ALICE".into());
    with(|it| it.user_id = Some("../etc".into()));
    with(|it| it.password = "12345".into());
    with(|it| it.scopes = Some(vec!["rw:/a".into()]));
    assert_eq!(desk.accounts.passwords_worked(), before);
}

#[test]
fn parallel_attempts_cannot_pass_together() {
    let desk = desk();
    desk.register(&alice()).unwrap();
    let tried = std::sync::atomic::AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                if !matches!(desk.login(1, "alice", "wrong"), Err(AccountError::Throttled { .. })) {
                    tried.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(tried.into_inner(), 5);
}

#[test]
fn a_thousand_wrong_passwords_are_mostly_not_compared_and_lock_nobody_else_out() {
    let desk = desk();
    desk.register(&alice()).unwrap();
    let before = desk.accounts.passwords_worked();
    for _ in 0..1_000 {
        desk.login(1, "alice", "wrong").unwrap_err();
    }
    assert_eq!(desk.accounts.passwords_worked() - before, 5);
    desk.login(2, "alice", "secret123").expect("the owner comes from elsewhere");
}

#[test]
fn success_with_one_account_does_not_renew_the_attempts_at_another() {
    let desk = desk();
    desk.register(&alice()).unwrap();
    desk.register(&Registration { username: "mallory".into(), ..alice() }).unwrap();
    let mut guesses = 0;
    for _ in 0..20 {
        match desk.login(1, "alice", "wrong") {
            Err(AccountError::WrongPassword) => guesses += 1,
            refusal => assert!(matches!(refusal, Err(AccountError::Throttled { .. }))),
        }
        let _ = desk.login(1, "mallory", "secret123");
    }
    assert_eq!(guesses, 5);
}

#[test]
fn an_attempt_for_which_there_was_no_room_is_given_back() {
    let desk = desk();
    for _ in 0..20 {
        let attempt = desk.accounts.attempt(client(1), "alice", NOW).unwrap();
        desk.accounts.withdraw(&attempt);
    }
}

#[test]
fn guests_and_registrations_have_quotas_of_their_own() {
    let accounts = desk().accounts;
    for _ in 0..10 {
        accounts.count_visit(client(1), NOW).unwrap();
    }
    let refusal = accounts.count_visit(client(1), NOW).unwrap_err();
    assert!(matches!(refusal, AccountError::Throttled { wait_us: 60_000_000, .. }));
    accounts.count_registration(client(1), NOW).unwrap();
    accounts.count_visit(client(1), later(60)).unwrap();
}

#[test]
fn a_hash_from_a_cheaper_time_is_renewed_at_login() {
    let desk = desk();
    let id = desk.register(&alice()).unwrap().token.subject.to_string();
    let cheap = clasp_auth::password::PasswordCost { memory_kib: 32, passes: 1 };
    let old = clasp_auth::password::Passwords::new(cheap).hash("secret123");
    desk.store.set_password_hash(&id, &old).unwrap();
    desk.login(1, "alice", "secret123").unwrap();
    let renewed = desk.store.by_id(&id).unwrap().unwrap().password_hash;
    assert!(renewed.contains("m=64,"), "{renewed}");
    desk.login(1, "alice", "secret123").unwrap();
}

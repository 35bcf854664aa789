//! Bearer tokens at the API.

use clasp_auth::Quota;
use clasp_auth::accounts::Quotas;

use crate::support::{ADMIN, desk, generous};

#[tokio::test]
async fn refusals_say_what_is_missing_and_how_to_bring_it() {
    let desk = desk(generous(), &[], "");
    let user = desk.user("alice").await;
    let bearer = format!("authorization: Bearer {user}");
    let cases: [(&[&str], u16, &str, &str); 5] = [
        (&[], 401, "missing Authorization header", "Bearer realm=\"clasp\""),
        (&["authorization: Basic abc"], 401, "expected Bearer token", "Bearer realm=\"clasp\""),
        (&["authorization: Bearer cpsk_nope"], 401, "invalid token", "invalid_token"),
        (&["authorization: Bearer"], 401, "expected Bearer token", "Bearer realm"),
        (&[&bearer], 403, "admin scope required", "insufficient_scope"),
    ];
    for (lines, status, error, challenge) in cases {
        let answer = desk.ask("GET /api/users", lines, "").await;
        assert_eq!((answer.status, answer.text("error")), (status, error), "{lines:?}");
        assert!(answer.header("www-authenticate").unwrap().contains(challenge), "{answer:?}");
    }
}

#[tokio::test]
async fn an_admin_scope_has_to_cover_everything() {
    let desk = desk(generous(), &[], "");
    for (scope, status) in [("admin:/*", 403), ("admin:/a/**", 403), ("admin:/**", 200)] {
        let body = format!(r#"{{"name":"tool","scopes":["{scope}"]}}"#);
        let tool = desk.with(ADMIN, "POST /auth/register", &body).await;
        let answer = desk.with(tool.text("token"), "GET /api/relay", "").await;
        assert_eq!(answer.status, status, "{scope}");
    }
}

#[tokio::test]
async fn the_operators_token_works_with_and_without_prefix() {
    let desk = desk(generous(), &[], "");
    for token in [ADMIN.to_owned(), format!("cpsk_{ADMIN}")] {
        let answer = desk.with(&token, "GET /api/relay", "").await;
        assert_eq!((answer.status, &answer.body["sessions"]), (200, &3.into()));
    }
    assert_eq!(desk.with(&ADMIN[1..], "GET /api/relay", "").await.status, 401);
}

#[tokio::test]
async fn who_guesses_is_told_to_wait_and_good_tokens_go_on() {
    let quotas = Quotas { bearer: Quota::per_seconds(3, 60), ..generous() };
    let desk = desk(quotas, &[], "");
    for _ in 0..3 {
        assert_eq!(desk.with("cpsk_guess", "GET /auth/me", "").await.status, 401);
    }
    let refused = desk.with("cpsk_guess", "GET /auth/me", "").await;
    assert_eq!(refused.status, 429);
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait));
    assert_eq!(desk.with(ADMIN, "GET /api/relay", "").await.status, 200);
}

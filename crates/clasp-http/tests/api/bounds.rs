//! What one request may cost.

use clasp_auth::accounts::Quotas;

use crate::support::{desk, generous};

const LOGIN: &str = r#"{"username":"nobody","password":"wrong-one"}"#;

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_in_the_words_clients_know() {
    let desk = desk(generous(), &[], "");
    let long = format!(r#"{{"username":"{}","password":"x"}}"#, "a".repeat(20_000));
    let answer = desk.ask("POST /auth/login", &[], &long).await;
    assert_eq!((answer.status, answer.text("error")), (400, "Invalid request body"));
}

#[tokio::test]
async fn every_refusal_is_json_whoever_words_it() {
    let desk = desk(generous(), &[], "");
    for (line, status) in [("GET /", 404), ("GET /auth/login", 405), ("POST /healthz", 405)] {
        let answer = desk.ask(line, &[], "").await;
        assert_eq!(answer.status, status, "{line}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{line}");
        assert!(!answer.text("error").is_empty(), "{line}");
    }
    assert_eq!(desk.ask("GET /auth/login", &[], "").await.header("allow"), Some("POST"));
}

#[tokio::test]
async fn probes_answer_on_the_auth_port() {
    let desk = desk(generous(), &[], "");
    for path in ["/health", "/healthz", "/readyz"] {
        assert_eq!(desk.ask(&format!("GET {path}"), &[], "").await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn an_unknown_name_is_answered_like_a_wrong_password_and_costs_as_much() {
    let desk = desk(generous(), &[], "");
    desk.user("alice").await;
    let mut answers = Vec::new();
    for name in ["alice", "nobody"] {
        let before = desk.accounts.passwords_worked();
        let body = format!(r#"{{"username":"{name}","password":"wrong-one"}}"#);
        let answer = desk.ask("POST /auth/login", &[], &body).await;
        let work = desk.accounts.passwords_worked() - before;
        answers.push((answer.status, answer.text("error").to_owned(), work));
    }
    assert_eq!(answers[0], (401, "Invalid username or password".to_owned(), 1));
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn a_header_from_anybody_but_a_trusted_proxy_makes_no_new_client() {
    let untrusting = desk(Quotas::default(), &[], "");
    let mut statuses = Vec::new();
    for number in 0..8 {
        let forwarded = format!("x-forwarded-for: 198.51.100.{number}");
        statuses.push(untrusting.ask("POST /auth/login", &[&forwarded], LOGIN).await.status);
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429, 429]);
}

#[tokio::test]
async fn behind_a_trusted_proxy_one_client_does_not_lock_out_the_site() {
    let desk = desk(Quotas::default(), &[], "127.0.0.0/8");
    let attacker = ["x-forwarded-for: 6.6.6.6, 198.51.100.1"];
    for _ in 0..20 {
        desk.ask("POST /auth/login", &attacker, LOGIN).await;
    }
    assert_eq!(desk.ask("POST /auth/login", &attacker, LOGIN).await.status, 429);
    let other = ["x-forwarded-for: 198.51.100.1, 198.51.100.2"];
    assert_eq!(desk.ask("POST /auth/login", &other, LOGIN).await.status, 401);
}

#[tokio::test]
async fn who_tries_too_often_is_told_when_to_come_back() {
    let desk = desk(Quotas::default(), &[], "");
    for _ in 0..10 {
        assert_eq!(desk.ask("POST /auth/guest", &[], "{}").await.status, 200);
    }
    let refused = desk.ask("POST /auth/guest", &[], "{}").await;
    assert_eq!(refused.text("error"), "Too many requests. Please wait and try again.");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait));
    assert_ne!(desk.ask("POST /auth/register", &[], "{}").await.status, 429, "its own quota");
}

//! Pages of web browsers.

use crate::support::{ADMIN, desk, generous};

const APP: &str = "origin: https://app.example.com";
const EVIL: &str = "origin: https://evil.example";
const PREFLIGHT: &str = "access-control-request-method: POST";

#[tokio::test]
async fn a_listed_page_may_use_every_route() {
    let desk = desk(generous(), &["https://app.example.com"], "");
    for path in ["/auth/login", "/api/users", "/auth/tokens/x"] {
        let answer = desk.ask(&format!("OPTIONS {path}"), &[APP, PREFLIGHT], "").await;
        assert_eq!(answer.status, 200, "{path}");
        let origin = answer.header("access-control-allow-origin");
        assert_eq!(origin, Some("https://app.example.com"));
        let headers = answer.header("access-control-allow-headers").unwrap();
        assert!(headers.contains("authorization") && headers.contains("content-type"));
        assert!(answer.header("access-control-allow-methods").unwrap().contains("DELETE"));
    }
    let answer = desk.ask("POST /auth/guest", &[APP], "{}").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example.com"));
    assert!(answer.header("vary").unwrap().contains("origin"));
    let refused = desk.ask("GET /nowhere", &[APP], "").await;
    assert!(refused.header("access-control-allow-origin").is_some(), "errors can be read too");
}

#[tokio::test]
async fn a_listed_page_sees_how_many_entries_of_the_journal_came_at_most() {
    let desk = desk(generous(), &["https://app.example.com"], "");
    let bearer = format!("authorization: Bearer {ADMIN}");
    let answer = desk.ask("GET /api/journal/query?limit=7", &[APP, &bearer], "").await;
    assert_eq!((answer.status, answer.header("clasp-limit")), (200, Some("7")));
    let exposed = answer.header("access-control-expose-headers").unwrap();
    assert!(exposed.contains("clasp-limit") && exposed.contains("retry-after"), "{exposed}");
}

#[tokio::test]
async fn a_foreign_page_gets_no_token_and_no_permission() {
    for origins in [&["https://app.example.com"][..], &[]] {
        let desk = desk(generous(), origins, "");
        let preflight = desk.ask("OPTIONS /auth/login", &[EVIL, PREFLIGHT], "").await;
        assert_eq!(preflight.header("access-control-allow-origin"), None);
        let answer = desk.ask("POST /auth/guest", &[EVIL], "{}").await;
        assert_eq!(answer.status, 403);
        assert!(answer.text("error").contains("--cors-origin"));
        assert!(desk.accounts.tokens().is_empty(), "nothing was minted");
    }
}

#[tokio::test]
async fn pages_of_the_relays_own_host_and_programs_need_no_list() {
    let desk = desk(generous(), &[], "");
    let own = ["origin: https://chat.example", "host: chat.example"];
    assert_eq!(desk.ask("POST /auth/guest", &own, "{}").await.status, 200);
    assert_eq!(desk.ask("POST /auth/guest", &[], "{}").await.status, 200);
    let without_origin = desk.ask("POST /auth/guest", &[], "{}").await;
    assert_eq!(without_origin.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn a_star_opens_the_api_to_every_page() {
    let desk = desk(generous(), &["*"], "");
    let answer = desk.ask("POST /auth/guest", &[EVIL], "{}").await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some("*")));
}

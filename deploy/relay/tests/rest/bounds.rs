//! Rates: a client's requests are counted together, whatever the number of its connections.

use crate::support::Relay;
use crate::web::{Web, ask};

#[tokio::test]
async fn further_connections_do_not_bring_a_further_budget() {
    let relay = Relay::start(&["--max-messages-per-second", "5"]).await;
    let mut statuses = Vec::new();
    // More than a slow machine could refill the budget for meanwhile, if only just.
    for _ in 0..400 {
        let answer = ask(relay.address, "PUT /params/a", &[], "1").await;
        statuses.push(answer.status);
        if answer.status == 429 {
            assert_eq!((answer.code(), answer.header("retry-after")), (429, Some("1")));
            break;
        }
    }
    assert_eq!(statuses.last(), Some(&429), "{} requests passed", statuses.len());
    assert!(statuses.len() > 5, "a second's worth is allowed at once");
}

#[tokio::test]
async fn what_a_bundle_holds_is_counted() {
    let relay = Relay::start(&["--max-messages-per-second", "5"]).await;
    let mut web = Web::connect(relay.address).await;
    let body = r#"{"/a":1,"/b":1,"/c":1,"/d":1,"/e":1}"#;
    assert_eq!(web.ask("PATCH /params", &[], body).await.status, 200);
    let mut refused = false;
    for _ in 0..400 {
        refused |= web.ask("PATCH /params", &[], body).await.status == 429;
    }
    assert!(refused);
}

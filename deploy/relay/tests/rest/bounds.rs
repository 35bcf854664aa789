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

/// Behind a proxy on this machine.
fn client(address: &str) -> [String; 1] {
    [format!("x-forwarded-for: {address}")]
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_has_its_own_budget() {
    let limit = ["--max-messages-per-second-address", "5", "--trusted-proxy", "127.0.0.1"];
    let relay = Relay::start(&limit).await;
    let mut web = Web::connect(relay.address).await;
    let [first] = client("192.0.2.1");
    let mut refused = false;
    for _ in 0..400 {
        refused |= web.ask("PUT /params/a", &[&first], "1").await.status == 429;
    }
    assert!(refused);
    let [second] = client("192.0.2.2");
    assert_eq!(web.ask("PUT /params/a", &[&second], "1").await.status, 200);
    let relay = Relay::start(&limit[..2]).await;
    let mut web = Web::connect(relay.address).await;
    for _ in 0..20 {
        let made_up = web.ask("PUT /params/a", &[&first], "1").await;
        assert_eq!(made_up.status, 200, "this machine is not limited, whatever it says");
    }
}

#[tokio::test]
async fn an_address_has_so_many_streams_and_no_more() {
    let options = ["--max-connections-per-address", "1", "--trusted-proxy", "127.0.0.1"];
    let relay = Relay::start(&options).await;
    let [first] = client("192.0.2.1");
    let path = "/subscribe?pattern=/**";
    let held = Web::connect(relay.address).await.stream(path, &[&first]).await;
    let refused = ask(relay.address, &format!("GET {path}"), &[&first], "").await;
    assert_eq!((refused.status, refused.code()), (429, 429));
    let [second] = client("192.0.2.2");
    drop(Web::connect(relay.address).await.stream(path, &[&second]).await);
    drop(held);
    // The place is free when the relay has noticed; then it is the pattern that is refused.
    while ask(relay.address, "GET /subscribe?pattern=none", &[&first], "").await.status != 400 {}
}

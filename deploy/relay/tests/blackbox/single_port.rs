//! Everything on one port, as platforms with one port want it.

use clasp_protocol::message::{Features, Hello};
use clasp_protocol::{Message, Qos};
use serde_json::{Value, json};

use crate::client::Client;
use crate::http;
use crate::support::{Relay, any_with, run};

#[tokio::test]
async fn one_port_serves_clients_accounts_probes_and_metrics() {
    let folder = tempfile::tempdir().unwrap();
    let admin = folder.path().join("admin.token");
    let data = folder.path().to_str().unwrap();
    let arguments = [
        "--single-port",
        "--auth-port=7350",
        "--metrics-port=9090",
        "--health-port=7360",
        "--data-dir",
        data,
        "--admin-token=admin.token",
    ];
    let relay = Relay::start(&arguments).await;
    for page in ["/", "/healthz", "/readyz"] {
        assert!(http::get(relay.address, page).await.status == 200, "{page}");
    }
    assert!(http::get(relay.address, "/auth/nothing").await.status == 404);
    let guest = http::send(relay.address, ("POST", "/auth/guest"), &[], "{}").await;
    assert_eq!(guest.status, 200, "{guest:?}");
    let guest: Value = serde_json::from_str(&guest.body).unwrap();

    let mut client = Client::connect(relay.address).await;
    let token = guest["token"].as_str().unwrap().to_owned();
    let features = Features::default();
    let hello =
        Hello { version: 1, features, name: "one".into(), token: Some(token.as_str().into()) };
    client.send(&Message::Hello(hello), Qos::Fire).await;
    assert!(matches!(client.next().await.message(), Message::Welcome(_)));

    assert!(http::get(relay.address, "/metrics").await.status == 401);
    let asked = |token: String| async move {
        let bearer = format!("authorization: Bearer {token}");
        http::send(relay.address, ("GET", "/metrics"), &[&bearer], "").await
    };
    assert_eq!(asked(token).await.status, 403);
    let admin = std::fs::read_to_string(admin).unwrap();
    let metrics = asked(admin.trim().to_owned()).await;
    assert!(metrics.body.contains("clasp_sessions_active 1"), "{metrics:?}");
}

#[tokio::test]
async fn without_accounts_their_pages_are_absent() {
    let relay = Relay::start(&["--single-port"]).await;
    for page in ["/auth/login", "/api/relay", "/metrics"] {
        assert!(http::get(relay.address, page).await.status == 404, "{page}");
    }
    assert!(Client::join(relay.address).await.is_served().await);
    assert!(!any_with(&relay.log().lines(), "auth: http"));
}

#[tokio::test]
async fn clients_behind_a_trusted_proxy_have_their_own_quota() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let arguments =
        ["--single-port", "--auth-port=1", "--trusted-proxy=127.0.0.1", "--data-dir", data];
    let relay = Relay::start(&arguments).await;
    let visit = |client: u8| async move {
        let header = format!("x-forwarded-for: 192.0.2.{client}");
        http::send(relay.address, ("POST", "/auth/guest"), &[&header], &json!({}).to_string()).await
    };
    let mut refused = false;
    for _ in 0..200 {
        refused = visit(1).await.status == 429;
        if refused {
            break;
        }
    }
    assert!(refused, "one address may visit without end");
    assert_eq!(visit(2).await.status, 200);
}

#[tokio::test]
async fn the_platforms_port_counts_only_with_one_port_and_yields_to_every_other_source() {
    let port = |printed: &str| {
        printed.lines().find(|line| line.starts_with("ws-port")).unwrap().to_owned()
    };
    let single = ("CLASP_SINGLE_PORT", "true");
    let told = ("PORT", "8080");
    let print = ["--print-config"];
    let printed = run(&print, &[single, told]).await.stdout;
    assert_eq!(port(&printed), "ws-port = 8080  # the environment variable PORT");
    let printed = run(&print, &[told]).await.stdout;
    assert_eq!(port(&printed), "ws-port = 7330  # default");
    let printed = run(&print, &[single, told, ("CLASP_WS_PORT", "9")]).await.stdout;
    assert_eq!(port(&printed), "ws-port = 9  # CLASP_WS_PORT");
    let wrong = run(&[], &[single, ("PORT", "tcp")]).await;
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("environment variable PORT"), "{wrong:?}");
}

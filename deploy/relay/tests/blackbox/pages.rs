//! Health probes, metrics, and plain HTTP on the WebSocket port.

use clasp_protocol::Qos;

use crate::client::Client;
use crate::http::{ask, get};
use crate::support::{Relay, any_with};

#[tokio::test]
async fn health_and_readiness_answer_on_their_port() {
    let relay = Relay::start(&["--health-port", "0"]).await;
    let health = relay.page("health").await;
    let text = Some("text/plain; charset=utf-8");
    for (path, body, length) in [("/healthz", "ok\n", "3"), ("/readyz", "ready\n", "6")] {
        let answer = get(health, path).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, body));
        assert_eq!(answer.header("content-type"), text);
        assert_eq!(answer.header("content-length"), Some(length));
    }
    assert_eq!(ask(health, "HEAD", "/healthz").await.body, "");
    let refused = ask(health, "POST", "/healthz").await;
    assert_eq!((refused.status, refused.header("allow")), (405, Some("GET,HEAD")));
    assert_eq!(get(health, "/metrics").await.status, 404);
}

/// The value of the sample whose name and labels are `name`.
fn sample(page: &str, name: &str) -> Option<f64> {
    let line = page.lines().find(|line| line.split(' ').next() == Some(name))?;
    line.split(' ').nth(1)?.parse().ok()
}

#[tokio::test]
async fn metrics_count_what_happened() {
    let relay = Relay::start(&["--metrics-port", "0"]).await;
    let metrics = relay.page("metrics").await;
    let mut client = Client::join(relay.address).await;
    client.subscribe_all().await;
    for value in 0..3 {
        client.set_with("/a", value, Qos::Fire).await;
        client.next().await;
    }
    let answer = get(metrics, "/metrics").await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    let value = |name| sample(&answer.body, name);
    assert_eq!(value("clasp_messages_total{type=\"hello\"}"), Some(1.0));
    assert_eq!(value("clasp_messages_total{type=\"set\"}"), Some(3.0));
    assert_eq!(value("clasp_sessions_active"), Some(1.0));
    assert_eq!(value("clasp_subscriptions_active"), Some(1.0));
    assert_eq!(value("clasp_state_params_active"), Some(1.0));
    assert_eq!(value("clasp_broadcast_fanout_count"), Some(3.0));
    assert_eq!(value("clasp_broadcast_fanout_bucket{le=\"+Inf\"}"), Some(3.0));
    assert!(value("process_start_time_seconds").unwrap() > 1.7e9);
    let version = format!("clasp_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    assert_eq!(value(&version), Some(1.0));
}

#[tokio::test]
async fn every_metric_is_well_formed_and_explained() {
    let relay = Relay::start(&["--metrics-port", "0"]).await;
    let page = get(relay.page("metrics").await, "/metrics").await.body;
    let mut family = "";
    let mut kind = "";
    for line in page.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, sentence) = help.split_once(' ').unwrap();
            assert!(sentence.ends_with('.'), "{line}");
            family = name;
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, word) = rest.split_once(' ').unwrap();
            assert_eq!(name, family, "TYPE follows HELP");
            kind = word;
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
        } else {
            let name = line.split(['{', ' ']).next().unwrap();
            let plain = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|suffix| name.strip_suffix(suffix).filter(|_| kind == "histogram"));
            assert_eq!(plain.unwrap_or(name), family, "{line}");
            let value = line.rsplit(' ').next().unwrap();
            assert!(value.parse::<f64>().is_ok_and(f64::is_finite), "{line}");
        }
    }
    for name in ["clasp_messages_total", "clasp_errors_total", "clasp_message_latency_seconds"] {
        assert!(page.contains(&format!("# TYPE {name} ")), "{name}");
    }
}

#[tokio::test]
async fn pages_exist_only_when_asked_for() {
    let relay = Relay::start(&[]).await;
    let (code, log) = relay.stop().await;
    assert_eq!(code, Some(0));
    assert!(!any_with(&log, "http://"), "{log:#?}");
}

#[tokio::test]
async fn load_balancers_are_answered_on_the_websocket_port() {
    let relay = Relay::start(&[]).await;
    for path in ["/", "/healthz", "/any/where"] {
        let answer = get(relay.address, path).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "ok\n"));
        assert_eq!(answer.header("connection").map(str::to_lowercase).as_deref(), Some("close"));
    }
    assert_eq!(get(relay.address, "/readyz").await.body, "ready\n");
    assert_eq!(ask(relay.address, "HEAD", "/").await.body, "");
}

//! What each port answers, with TLS and without.

use crate::authority::{Authority, strs};
use crate::client::{Client, curl, s_client};
use crate::http;
use crate::support::{Relay, run};

async fn start(authority: &Authority, more: &[&str]) -> Relay {
    let arguments = authority.arguments("first");
    let pages = ["--health-port", "0", "--metrics-port", "0"];
    Relay::start(&[&strs(&arguments)[..], &pages, more].concat()).await
}

fn text(output: std::process::Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn clients_may_use_wss_and_are_told_of_the_end() {
    let authority = Authority::new();
    let relay = start(&authority, &[]).await;
    let mut client = Client::join(relay.address, &authority).await;
    assert!(client.is_served().await);
    relay.signal("TERM").await;
    assert_eq!(client.close_code().await, 1001);
    drop(client);
    assert_eq!(relay.end().await.0, Some(0));
}

#[tokio::test]
async fn curl_gets_every_page_by_https_and_by_http() {
    let authority = Authority::new();
    let relay = start(&authority, &[]).await;
    let (health, metrics) = (relay.page("health").await, relay.page("metrics").await);
    let client = relay.address;
    for scheme in ["https", "http"] {
        for (url, expected) in [
            (format!("{scheme}://{client}/"), "ok\n"),
            (format!("{scheme}://{health}/healthz"), "ok\n"),
            (format!("{scheme}://{metrics}/metrics"), "clasp_sessions_active 0\n"),
        ] {
            let page = text(curl(&authority, &url, &[]).await);
            assert!(page.contains(expected), "{url}: {page}");
        }
    }
    let page = http::get(metrics, "/metrics").await.body;
    let expiry = value(&page, "clasp_tls_certificate_expiry_timestamp_seconds");
    assert!(expiry > 4_000_000_000.0, "rcgen's certificates last: {expiry}");
    assert_eq!(value(&page, "clasp_tls_last_reload_successful"), 1.0);
}

fn value(page: &str, name: &str) -> f64 {
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {page}")).parse().unwrap()
}

#[tokio::test]
async fn openssl_sees_the_whole_chain_and_both_versions() {
    let authority = Authority::new();
    let relay = start(&authority, &[]).await;
    for (flag, version) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let more = [flag, "-showcerts", "-alpn", "http/1.1"];
        let (good, said) = s_client(&authority, relay.address, &more).await;
        assert!(good, "{said}");
        assert!(said.contains("Verify return code: 0 (ok)"), "{said}");
        assert_eq!(said.matches("-----BEGIN CERTIFICATE-----").count(), 2, "{said}");
        assert!(said.contains("ALPN protocol: http/1.1"), "{said}");
        assert!(said.contains(version), "{said}");
    }
    // Level 0 lets openssl itself offer what is too old.
    let old = ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"];
    let (good, said) = s_client(&authority, relay.address, &old).await;
    assert!(!good && said.contains(" alert ") && said.contains("no peer certificate"), "{said}");
}

#[tokio::test]
async fn tls_only_refuses_plain_requests_except_of_probes() {
    let authority = Authority::new();
    let arguments = authority.arguments("first");
    let more = ["--tls-only", "--health-port", "0", "--metrics-port", "0"];
    let relay = Relay::start(&[&strs(&arguments)[..], &more].concat()).await;
    let log = relay.log();
    let metrics = log.line_with("metrics: https://").await;
    let metrics = metrics.split("https://").nth(1).unwrap().trim_end_matches("/metrics").to_owned();
    for address in [relay.address, metrics.parse().unwrap()] {
        let answer = http::get(address, "/").await;
        assert_eq!(answer.status, 400);
        assert!(answer.body.contains("TLS only"), "{answer:?}");
    }
    let health = relay.page("health").await;
    assert_eq!(http::get(health, "/readyz").await.status, 200);
    let url = format!("https://{metrics}/metrics");
    assert!(text(curl(&authority, &url, &[]).await).contains("# TYPE"));
    assert!(Client::join(relay.address, &authority).await.is_served().await);
}

#[tokio::test]
async fn a_health_check_asks_a_relay_that_speaks_tls_only() {
    let authority = Authority::new();
    let options = [authority.arguments("first"), vec!["--tls-only".to_owned()]].concat();
    let relay = Relay::start(&strs(&options)).await;
    let port = relay.address.port().to_string();
    let asked = ["healthcheck", "--host", "127.0.0.1", "--ws-port", &port];
    let check = [&asked[..], &strs(&options)].concat();
    let well = run(&check, &[]).await;
    assert_eq!((well.code, well.stdout.lines().count()), (Some(0), 1), "{well:?}");
    let plain = run(&asked, &[]).await;
    assert_eq!(plain.code, Some(1), "without TLS it is no answer: {plain:?}");
    assert_eq!(relay.stop().await.0, Some(0));
    assert_eq!(run(&check, &[]).await.code, Some(1));
}

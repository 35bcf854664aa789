//! What is made from the program or names its metrics: the reference, the page on operation, the
//! dashboard, the alert rules.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::http;
use crate::support::Relay;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn text(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names of metrics in a text; a histogram's parts count as the histogram.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let metrics = words.filter(|word| word.starts_with("clasp_") || word.starts_with("process_"));
    let base = |word: &str| {
        let parts = ["_bucket", "_sum", "_count"];
        parts.iter().find_map(|part| word.strip_suffix(part)).unwrap_or(word).to_owned()
    };
    metrics.map(base).collect()
}

/// The metrics of a relay that has everything that metrics tell of.
async fn told() -> BTreeSet<String> {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    fs::write(&cert, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let arguments = [
        "--metrics-port=0".to_owned(),
        format!("--cert={}", cert.display()),
        format!("--key={}", key.display()),
        format!("--data-dir={}", folder.path().display()),
        "--journal=journal.db".to_owned(),
        "--insecure-permissions".to_owned(),
    ];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let relay = Relay::start(&arguments).await;
    let page = http::get(relay.page("metrics").await, "/metrics").await.body;
    let families = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    families.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[tokio::test]
async fn metrics_are_what_the_page_on_operation_says_and_all_that_is_watched_exists() {
    let told = told().await;
    assert!(told.len() > 25, "{told:?}");
    assert_eq!(names(&text("docs/operations.md")), told);
    let dashboard: Value = serde_json::from_str(&text("deploy/grafana/dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let asked: String = targets.map(|target| target["expr"].as_str().unwrap()).collect();
    for watched in [asked, text("deploy/prometheus/alerts.yml")] {
        let watched = names(&watched);
        assert!(watched.len() > 5, "{watched:?}");
        let unknown: Vec<_> = watched.difference(&told).collect();
        assert!(unknown.is_empty(), "no such metric: {unknown:?}");
    }
}

#[test]
fn the_reference_is_up_to_date() {
    let written = text("docs/reference/relay-cli.md");
    assert!(written == clasp_relay::reference::page(), "run: cargo xtask docs");
}

#[test]
fn the_reference_names_every_exit_code_and_command() {
    let page = clasp_relay::reference::page();
    for part in ["  130  ", "  2    ", "### clasp-relay doctor", "### clasp-relay healthcheck"] {
        assert!(page.contains(part), "{part}");
    }
}

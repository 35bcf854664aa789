//! `/api/relay`: which relay this is (spec: relay.md 10.16).

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde_json::json;

use crate::api::Section;
use crate::bearer::Admin;
use crate::json::ok;

/// What the operator may want to know of a running relay.
#[derive(Debug, Clone)]
pub struct About {
    /// The name in WELCOME.
    pub name: String,
    /// The executable's version.
    pub version: &'static str,
    /// What was compiled in.
    pub features: Vec<&'static str>,
    /// When the process began.
    pub started: Instant,
}

/// About the relay, and how many sessions there are now.
type Told = (About, Box<dyn Fn() -> u64 + Send + Sync>);

/// The page; `sessions` counts the open sessions.
pub fn section(about: About, sessions: impl Fn() -> u64 + Send + Sync + 'static) -> Section {
    let pages = Router::new().route("/api/relay", get(relay));
    let told: Told = (about, Box::new(sessions));
    let pages = pages.with_state(Arc::new(told));
    Section { pages, description: include_str!("openapi/about.json") }
}

async fn relay(_: Admin, State(told): State<Arc<Told>>) -> Response {
    let (about, sessions) = &*told;
    ok(&json!({
        "name": about.name,
        "version": about.version,
        "uptime_s": about.started.elapsed().as_secs(),
        "features": about.features,
        "sessions": sessions(),
    }))
}

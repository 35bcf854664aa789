//! The catalogue of announced signals.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::json;

use crate::params::answer;
use crate::problem::Problem;
use crate::query::Query;
use crate::rest::Hall;

/// `GET /signals?pattern=`.
pub(crate) async fn list(
    State(hall): State<Arc<Hall>>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let query = Query::of(&parts.uri, &["pattern"])?;
    let pattern = query.text("pattern").unwrap_or("/**");
    let mut visit = hall.enter(&parts)?;
    let signals = visit.signals(pattern).await.map_err(|problem| problem.at(pattern))?;
    Ok(answer(&json!({ "signals": signals })))
}

//! Events, streams and gestures from a request: PUBLISH.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use clasp_protocol::Message;
use clasp_protocol::message::{Phase, Publish, SignalType};
use serde_json::json;

use crate::params::answer;
use crate::problem::Problem;
use crate::query::Query;
use crate::rest::{Hall, address_behind};

/// `POST /events/{address}`.
pub(crate) async fn post(
    State(hall): State<Arc<Hall>>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let address = address_behind("/events", parts.uri.path())?;
    let at = |problem: Problem| problem.at(&address);
    let query = Query::of(&parts.uri, &["type", "id", "phase", "qos"]).map_err(at)?;
    let durable = query.durable().map_err(at)?;
    let mut publish = empty(&query, &address).map_err(at)?;
    let mut visit = hall.enter(&parts).map_err(at)?;
    publish.value = crate::body::value(&parts.headers, body).await.map_err(at)?;
    visit.ask(&Message::Publish(publish), durable).await.map_err(at)?;
    Ok(answer(&json!({ "address": address })))
}

/// The PUBLISH that the parameters ask for, without its value.
fn empty<'a>(query: &Query, address: &'a str) -> Result<Publish<'a>, Problem> {
    let signal = match query.text("type") {
        None | Some("event") => SignalType::Event,
        Some("stream") => SignalType::Stream,
        Some("gesture") => SignalType::Gesture,
        Some(_) => return Err(Problem::bad("type must be event, stream or gesture")),
    };
    let (id, phase) = (query.number("id")?, query.text("phase"));
    if signal != SignalType::Gesture && (id.is_some() || phase.is_some()) {
        return Err(Problem::bad("id and phase are for type=gesture"));
    }
    let phase = match phase.map(Phase::from_name) {
        Some(None) => return Err(Problem::bad("phase must be start, move, end or cancel")),
        phase => phase.flatten(),
    };
    if signal == SignalType::Gesture && phase.is_none() {
        return Err(Problem::bad("a gesture needs a phase: start, move, end or cancel"));
    }
    Ok(Publish { id, phase, ..Publish::new(address, signal) })
}

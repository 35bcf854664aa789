//! Params as resources: read, write, clear, list.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use clasp_protocol::message::{Get, Set, Ttl};
use clasp_protocol::{ErrorCode, Message, RawValue};
use clasp_router::{ParamRecord, Wanted};
use serde_json::{Value as Json, json};

use crate::condition;
use crate::problem::Problem;
use crate::query::Query;
use crate::rest::{Hall, address_behind};
use crate::visit::Visit;

/// Params of one answer, if the request does not say how many.
const LIMIT_DEFAULT: usize = 1_000;

/// Params of one answer at most.
const LIMIT_MAX: usize = 10_000;

/// Bytes of values in the encoding of the wire from which on an answer takes no further page.
const ANSWER_BYTES: usize = 4 << 20;

/// Longest lifetime, seconds: the word for it has 31 bits.
const TTL_S_MAX: u32 = 0x7FFF_FFFF;

/// An answer of JSON that is true now only.
pub(crate) fn answer(body: &Json) -> Response {
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
    (headers, body.to_string()).into_response()
}

/// `GET /params/{address}`.
pub(crate) async fn get(
    State(hall): State<Arc<Hall>>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    Query::of(&parts.uri, &[])?;
    let address = address_behind("/params", parts.uri.path())?;
    let at = |problem: Problem| problem.at(&address);
    let mut visit = hall.enter(&parts).map_err(at)?;
    let get = Message::Get(Get { address: address.as_str().into() });
    let answered = visit.ask(&get, false).await.map_err(at)?;
    // A relay may be told to answer null, revision 0, for what does not exist.
    let found = answered.param.filter(|(revision, _)| *revision > 0);
    let Some((revision, body)) = found else {
        let text = "there is no param at this address";
        return Err(at(Problem::new(ErrorCode::AddressNotFound, text)));
    };
    // The answer depends on the token, and whoever keeps it has to ask whether it is still true.
    let headers = [
        (ETAG, condition::tag(revision)),
        (CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
    ];
    if condition::is_known(&parts.headers, revision) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    Ok((headers, body.to_string()).into_response())
}

/// `PUT /params/{address}`.
pub(crate) async fn put(
    State(hall): State<Arc<Hall>>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let address = address_behind("/params", parts.uri.path())?;
    let written = write(&hall, (&parts, &address), Some(body)).await;
    written.map_err(|problem| problem.at(&address))
}

/// `DELETE /params/{address}`: SET null, which is what CLASP has for it.
pub(crate) async fn delete(
    State(hall): State<Arc<Hall>>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let address = address_behind("/params", parts.uri.path())?;
    let written = write(&hall, (&parts, &address), None).await;
    written.map_err(|problem| problem.at(&address))
}

/// Writes what a body says, or null without one.
async fn write(
    hall: &Hall,
    (parts, address): (&Parts, &str),
    body: Option<Body>,
) -> Result<Response, Problem> {
    let query = Query::of(&parts.uri, &["ttl", "absolute", "qos"])?;
    let (ttl, durable) = (ttl(&query)?, query.durable()?);
    let revision = condition::expected(&parts.headers)?;
    // Who may not come in is not listened to.
    let mut visit = hall.enter(parts)?;
    let value = match body {
        Some(body) => value(&parts.headers, body).await?,
        None => RawValue::null(),
    };
    let set = Set { ttl, revision, ..Set::new(address, value) };
    set_param(&mut visit, set, durable).await
}

async fn value(headers: &HeaderMap, body: Body) -> Result<RawValue<'static>, Problem> {
    let value = crate::body::value(headers, body).await?;
    value.ok_or_else(|| Problem::bad("the body is empty; null is a value, nothing is none"))
}

async fn set_param(visit: &mut Visit, set: Set<'_>, durable: bool) -> Result<Response, Problem> {
    let address = set.address.clone().into_owned();
    let revision = visit.ask(&Message::Set(set), durable).await?.revision.unwrap_or_default();
    let body = json!({ "address": address, "revision": revision });
    Ok(([(ETAG, condition::tag(revision))], answer(&body)).into_response())
}

/// The lifetime that a request asks for.
fn ttl(query: &Query) -> Result<Option<Ttl>, Problem> {
    ttl_of(query.number("ttl")?, query.flag("absolute")?)
}

/// A lifetime of so many seconds, 0 meaning for ever, from the last access or the last write.
///
/// # Errors
/// 400.
pub(crate) fn ttl_of(seconds: Option<u32>, absolute: bool) -> Result<Option<Ttl>, Problem> {
    match (seconds, absolute) {
        (None, false) => Ok(None),
        (None, true) => Err(Problem::bad("absolute needs a ttl")),
        (Some(0), _) => Ok(Some(Ttl::Never)),
        (Some(seconds), _) if seconds > TTL_S_MAX => {
            Err(Problem::bad(format!("ttl may be at most {TTL_S_MAX} seconds")))
        }
        (Some(seconds), true) => Ok(Some(Ttl::Absolute(seconds))),
        (Some(seconds), false) => Ok(Some(Ttl::Sliding(seconds))),
    }
}

/// `GET /params?pattern=&limit=&after=`.
pub(crate) async fn list(
    State(hall): State<Arc<Hall>>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let query = Query::of(&parts.uri, &["pattern", "limit", "after"])?;
    let limit = query.number("limit")?.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Problem::bad(format!("limit must be from 1 to {LIMIT_MAX}")));
    }
    let pattern = query.text("pattern").unwrap_or("/**");
    let mut visit = hall.enter(&parts)?;
    let mut after = query.text("after").map(str::to_owned);
    let (mut params, mut bytes, mut last) = (Vec::new(), 0, None);
    let complete = loop {
        let params_max = limit - params.len();
        let wanted = Wanted { pattern, after: after.as_deref(), params_max };
        let page = visit.page(&wanted).map_err(|problem| problem.at(pattern))?;
        bytes += page.params.iter().map(|param| param.value.data().len()).sum::<usize>();
        last = page.params.last().map(|param| param.address.to_string()).or(last);
        params.extend(page.params.iter().map(param));
        after = page.next;
        if after.is_none() {
            break true;
        }
        if params.len() >= limit || bytes >= ANSWER_BYTES {
            break false;
        }
        tokio::task::yield_now().await;
    };
    // Of the addresses in between the client is told none that it does not see.
    let next = last.filter(|_| !complete);
    Ok(answer(&json!({ "params": params, "next": next })))
}

fn param(param: &ParamRecord<'_>) -> Json {
    json!({
        "address": param.address,
        "value": clasp_json::to_json(&param.value.to_value()),
        "revision": param.revision,
        "timestamp": param.timestamp_us,
        "writer": param.writer,
    })
}

//! Several params at once, all or none: a bundle.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use clasp_protocol::Message;
use clasp_protocol::message::{Bundle, Part, Set};
use serde_json::{Map, Value as Json, json};

use crate::body::{json as read_json, raw};
use crate::params::{answer, ttl_of};
use crate::problem::Problem;
use crate::query::Query;
use crate::rest::Hall;

/// What an entry of a list may say.
const MEMBERS: [&str; 5] = ["address", "value", "revision", "ttl", "absolute"];

/// `PATCH /params`: an object of addresses and values, or a list of entries that say more.
pub(crate) async fn patch(
    State(hall): State<Arc<Hall>>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let durable = Query::of(&parts.uri, &["qos"])?.durable()?;
    let mut visit = hall.enter(&parts)?;
    let body = read_json(&parts.headers, body).await?;
    let sets = match &body {
        Json::Object(members) => {
            members.iter().map(|(address, value)| set(address, value)).collect()
        }
        Json::Array(entries) => entries.iter().map(entry).collect(),
        _ => Err(Problem::bad("expected an object of addresses and values, or a list of entries")),
    };
    let sets: Vec<Set<'_>> = sets?;
    if sets.is_empty() {
        return Err(Problem::bad("there is nothing to write"));
    }
    let written = sets.len();
    let parts = sets.into_iter().map(|set| Part::from(Message::Set(set))).collect();
    visit.ask(&Message::Bundle(Bundle { timestamp: None, parts }), durable).await?;
    Ok(answer(&json!({ "written": written })))
}

fn set<'a>(address: &'a str, value: &Json) -> Result<Set<'a>, Problem> {
    let value = raw(&clasp_json::from_json(value)).map_err(|problem| problem.at(address))?;
    Ok(Set::new(address, value))
}

fn entry(entry: &Json) -> Result<Set<'_>, Problem> {
    let text = "each entry of the list must be an object with address and value, as in \
                {\"address\": \"/a\", \"value\": 1, \"revision\": 7, \"ttl\": 60}";
    let bad = || Problem::bad(text);
    let members = entry.as_object().ok_or_else(bad)?;
    if members.keys().any(|name| !MEMBERS.contains(&name.as_str())) {
        return Err(bad());
    }
    let address = members.get("address").and_then(Json::as_str).ok_or_else(bad)?;
    let read = || -> Option<Result<Set<'_>, Problem>> {
        let revision = optional(members, "revision", Json::as_u64)?;
        let seconds = optional(members, "ttl", |it| u32::try_from(it.as_u64()?).ok())?;
        let absolute = optional(members, "absolute", Json::as_bool)?.unwrap_or(false);
        let value = members.get("value")?;
        Some(
            ttl_of(seconds, absolute)
                .and_then(|ttl| Ok(Set { revision, ttl, ..set(address, value)? })),
        )
    };
    read().unwrap_or_else(|| Err(bad())).map_err(|problem| problem.at(address))
}

/// A member that need not be there; `None` if it is there and no good.
fn optional<'a, T>(
    members: &'a Map<String, Json>,
    name: &str,
    read: impl Fn(&'a Json) -> Option<T>,
) -> Option<Option<T>> {
    match members.get(name) {
        None => Some(None),
        Some(json) => read(json).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use clasp_protocol::message::Ttl;

    use super::*;

    #[test]
    fn an_entry_says_what_a_set_can() {
        let json = json!({
            "address": "/a", "value": 1, "revision": 7, "ttl": 60, "absolute": true,
        });
        let set = entry(&json).unwrap();
        assert_eq!((&*set.address, set.revision), ("/a", Some(7)));
        assert_eq!(set.ttl, Some(Ttl::Absolute(60)));
    }

    #[test]
    fn an_entry_that_says_something_else_is_refused() {
        for bad in [
            json!(1),
            json!({ "address": "/a" }),
            json!({ "value": 1 }),
            json!({ "address": 1, "value": 1 }),
            json!({ "address": "/a", "value": 1, "revison": 1 }),
            json!({ "address": "/a", "value": 1, "revision": -1 }),
            json!({ "address": "/a", "value": 1, "ttl": 1.5 }),
            json!({ "address": "/a", "value": 1, "absolute": true }),
        ] {
            assert!(entry(&bad).is_err(), "{bad}");
        }
    }
}

//! The journal as JSON for operators: `/api/journal/latest`, `query`, `since` and `snapshot`
//! (relay.md 15.6, 15.7). Answers are read page by page at the client's pace, on threads that may
//! block, so that neither their length nor a slow client costs memory.

mod answer;
mod question;

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use clasp_router::journal::{Journal, JournalError, Query, json};
use clasp_router::{Now, ParamRecord};
use serde_json::{Value as Json, json};
use tokio::sync::Semaphore;

use crate::api::Section;
use answer::{Items, Walk, failed, refused};
use question::{ENTRIES_MAX, Question};

/// Pages that are read at once; further ones wait for their turn.
const READS_MAX: usize = 4;

/// Entries of one page.
const PAGE_ENTRIES: usize = 256;

/// Tells how many entries an answer has at most.
pub(crate) const LIMIT: HeaderName = HeaderName::from_static("clasp-limit");

/// What the pages share.
#[derive(Clone)]
struct Source {
    router: Arc<clasp_router::Router>,
    clock: fn() -> Now,
    reads: Arc<Semaphore>,
}

/// The journal's pages. `clock` is the one that drives the router.
pub fn section(router: Arc<clasp_router::Router>, clock: fn() -> Now) -> Section {
    Section::for_operators(pages(router, clock), include_str!("openapi/journal.json"))
}

fn pages(router: Arc<clasp_router::Router>, clock: fn() -> Now) -> Router {
    let reads = Arc::new(Semaphore::new(READS_MAX));
    Router::new()
        .route("/api/journal/latest", get(latest))
        .route("/api/journal/query", get(query))
        .route("/api/journal/since", get(since))
        .route("/api/journal/snapshot", get(snapshot))
        .with_state(Source { router, clock, reads })
}

async fn latest(State(source): State<Source>) -> Response {
    match source.router.journal() {
        Some(journal) => answer::whole(&json!({ "seq": journal.latest() })),
        None => answer::no_journal(),
    }
}

async fn query(State(source): State<Source>, RawQuery(text): RawQuery) -> Response {
    entries(&source, Question::parse(text.as_deref().unwrap_or_default())).await
}

async fn since(State(source): State<Source>, RawQuery(text): RawQuery) -> Response {
    let question = Question::parse(text.as_deref().unwrap_or_default());
    let has_start = |question: &Question| question.after.is_some();
    if question.as_ref().is_ok_and(|question| !has_start(question)) {
        return refused("seq is missing: the sequence number after which entries are wanted");
    }
    entries(&source, question).await
}

async fn entries(source: &Source, question: Result<Question, String>) -> Response {
    let question = match question {
        Ok(question) => question,
        Err(reason) => return refused(&reason),
    };
    let Some(journal) = source.router.journal() else { return answer::no_journal() };
    let limit = question.limit.unwrap_or(ENTRIES_MAX).min(ENTRIES_MAX);
    let after = question.after.unwrap_or(0);
    let walk = Entries { journal: Arc::clone(journal), question, after, left: limit };
    let mut headers = HeaderMap::new();
    headers.insert(LIMIT, HeaderValue::from(limit));
    match answer::stream(walk, Arc::clone(&source.reads)).await {
        Ok(body) => (headers, body).into_response(),
        Err(error) => failed(&error),
    }
}

/// Params as they are now; each shard at one point of its order.
async fn snapshot(State(source): State<Source>) -> Response {
    if source.router.journal().is_none() {
        return answer::no_journal();
    }
    let Source { router, clock, reads } = source;
    match answer::stream(Params { router, clock, shard: 0 }, reads).await {
        Ok(body) => body,
        Err(error) => failed(&error),
    }
}

/// What is left of a walk through the journal.
struct Entries {
    journal: Arc<dyn Journal>,
    question: Question,
    after: u64,
    left: usize,
}

impl Walk for Entries {
    fn step(&mut self, items: &mut Items) -> Result<bool, JournalError> {
        let query = Query {
            from_us: self.question.from_us,
            to_us: self.question.to_us,
            types: self.question.types,
            deletions: self.question.deletions,
            after: self.after,
            limit: self.left.min(PAGE_ENTRIES),
            ..Query::of(&self.question.pattern)
        };
        let mut seen = 0;
        let scan = self.journal.query(&query, &mut |stored| {
            seen += 1;
            items.push(&with_aliases(json::entry(stored)));
            !items.is_full()
        })?;
        self.after = scan.through;
        self.left -= seen;
        Ok(!scan.complete && self.left > 0)
    }
}

/// The names that the published command line reads.
fn with_aliases(mut entry: Json) -> Json {
    entry["rev"] = entry["revision"].clone();
    entry["by"] = entry["author"].clone();
    entry
}

/// What is left of a walk through the params.
struct Params {
    router: Arc<clasp_router::Router>,
    clock: fn() -> Now,
    shard: usize,
}

impl Walk for Params {
    fn step(&mut self, items: &mut Items) -> Result<bool, JournalError> {
        let mut params: Vec<ParamRecord<'static>> = Vec::new();
        // Only copied under the shard's lock.
        let copy = &mut |param: &ParamRecord<'_>| params.push(param.clone().into_owned());
        self.router.export(self.shard, (self.clock)(), copy);
        for param in &params {
            items.push(&json!({
                "address": param.address,
                "value": clasp_json::to_json(&param.value.to_value()),
                "revision": param.revision,
                "writer": param.writer,
                "timestamp": param.timestamp_us,
            }));
        }
        self.shard += 1;
        Ok(self.shard < clasp_router::Router::SHARDS)
    }
}

#[cfg(test)]
mod tests;

//! Answers in JSON: whole ones, refusals, and arrays that are read while they are sent.

use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use clasp_router::journal::JournalError;
use futures_util::stream;
use serde_json::{Value as Json, json};
use tokio::sync::Semaphore;

use crate::serve::Lengthy;

/// Bytes from which on a page takes no further item.
const PAGE_BYTES: usize = 256 << 10;

/// Items of an array, separated.
#[derive(Debug, Default)]
pub(super) struct Items {
    text: Vec<u8>,
    count: u64,
}

impl Items {
    pub(super) fn push(&mut self, item: &Json) {
        if self.count > 0 {
            self.text.push(b',');
        }
        self.count += 1;
        self.text.extend_from_slice(item.to_string().as_bytes());
    }

    pub(super) fn is_full(&self) -> bool {
        self.text.len() >= PAGE_BYTES
    }
}

/// Something to be told page by page.
pub(super) trait Walk: Send + 'static {
    /// Adds the next page, which may be empty; whether there are more. May block.
    fn step(&mut self, items: &mut Items) -> Result<bool, JournalError>;
}

/// An array under way.
struct Reading<W> {
    walk: W,
    items: Items,
    reads: Arc<Semaphore>,
    goes_on: bool,
}

impl<W: Walk> Reading<W> {
    /// The next piece of text, with the end of the array if it is the last.
    async fn next(mut self) -> Result<(Bytes, Self), JournalError> {
        while self.goes_on && self.items.text.is_empty() {
            self = self.step().await?;
        }
        let mut text = std::mem::take(&mut self.items.text);
        if !self.goes_on {
            text.push(b']');
        }
        Ok((text.into(), self))
    }

    async fn step(mut self) -> Result<Self, JournalError> {
        let reads = Arc::clone(&self.reads);
        let _turn = reads.acquire().await.expect("the semaphore is never closed");
        let work = move || {
            let goes_on = self.walk.step(&mut self.items)?;
            Ok(Reading { goes_on, ..self })
        };
        let crashed = |_| JournalError::new("the thread that reads it has crashed");
        tokio::task::spawn_blocking(work).await.map_err(crashed)?
    }
}

/// An array of everything that a walk tells. The first page is read at once, so that what fails
/// then is an answer; what fails later breaks the connection off.
pub(super) async fn stream(
    walk: impl Walk,
    reads: Arc<Semaphore>,
) -> Result<Response, JournalError> {
    let items = Items { text: vec![b'['], count: 0 };
    let begun = Reading { walk, items, reads, goes_on: true }.step().await?;
    let pieces = stream::try_unfold(Some(begun), |reading| async {
        let Some(reading) = reading else { return Ok(None) };
        let (text, rest) = reading.next().await?;
        let rest = rest.goes_on.then_some(rest);
        Ok::<_, JournalError>(Some((text, rest)))
    });
    let headers = [(CONTENT_TYPE, TYPE), (CACHE_CONTROL, "no-store")];
    Ok((Extension(Lengthy), headers, Body::from_stream(pieces)).into_response())
}

const TYPE: &str = "application/json";

/// A value as a whole answer.
pub(super) fn whole(value: &Json) -> Response {
    ([(CONTENT_TYPE, TYPE), (CACHE_CONTROL, "no-store")], value.to_string()).into_response()
}

fn refusal(status: StatusCode, reason: &str) -> Response {
    (status, whole(&json!({ "error": reason }))).into_response()
}

/// The question cannot be meant so.
pub(super) fn refused(reason: &str) -> Response {
    refusal(StatusCode::BAD_REQUEST, reason)
}

/// The journal cannot be read.
pub(super) fn failed(error: &JournalError) -> Response {
    let reason = format!("journal query failed: {error}");
    refusal(StatusCode::INTERNAL_SERVER_ERROR, &reason)
}

/// There is nothing to ask.
pub(super) fn no_journal() -> Response {
    let reason = "this relay keeps no journal; start it with --journal PATH or --journal-memory";
    refusal(StatusCode::NOT_IMPLEMENTED, reason)
}

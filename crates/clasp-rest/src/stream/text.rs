//! How news read as server-sent events (WHATWG HTML 9.2).

use std::fmt::Write as _;

use axum::body::Bytes;
use clasp_gateway::{Arrival, News};
use clasp_protocol::message::SignalType;
use serde_json::{Map, Value as Json, json};

use crate::problem::Problem;

/// After how many milliseconds a browser comes back that lost the connection.
const RETRY_MS: u32 = 2_000;

/// What is to be sent. The last event is held back until it is known whether it completes
/// everything up to a position in the journal, which it then carries as its id.
#[derive(Debug)]
pub(super) struct Text {
    ready: String,
    held: Option<Json>,
    /// The position that was told last.
    told: Option<u64>,
}

impl Text {
    pub(super) fn begun() -> Text {
        Text { ready: format!("retry: {RETRY_MS}\n\n"), held: None, told: None }
    }

    /// Bytes that wait to be sent.
    pub(super) fn bytes(&self) -> usize {
        self.ready.len()
    }

    /// What can be sent now, if there is something.
    pub(super) fn piece(&mut self) -> Option<Bytes> {
        (!self.ready.is_empty()).then(|| std::mem::take(&mut self.ready).into())
    }

    pub(super) fn take(&mut self, arrival: &Arrival<'_>) {
        match arrival {
            Arrival::News(news) => {
                self.release(None);
                self.held = Some(event(news));
            }
            Arrival::Notice(refused) => {
                self.release(None);
                self.named("notice", &json!({ "code": refused.code, "message": refused.message }));
            }
            Arrival::Answer(..) | Arrival::Other(_) => {}
        }
    }

    /// Everything up to this position has been taken.
    pub(super) fn told_until(&mut self, position: Option<u64>) {
        self.release(position);
    }

    fn release(&mut self, position: Option<u64>) {
        let Some(event) = self.held.take() else { return };
        self.identify(position);
        let _infallible = write!(self.ready, "data: {event}\n\n");
    }

    fn identify(&mut self, position: Option<u64>) {
        if let Some(position) = position {
            self.told = Some(position);
            let _infallible = writeln!(self.ready, "id: {position}");
        }
    }

    fn named(&mut self, name: &str, data: &Json) {
        let _infallible = write!(self.ready, "event: {name}\ndata: {data}\n\n");
    }

    /// What the client missed cannot be told: the present state follows.
    pub(super) fn reset(&mut self) {
        let text = "what was missed cannot be told; the present state follows";
        self.named("reset", &json!({ "message": text }));
    }

    /// All that was there at the beginning has been told.
    pub(super) fn ready(&mut self, session: &str, resumed: bool, position: Option<u64>) {
        self.identify(position);
        self.named("ready", &json!({ "session": session, "resumed": resumed }));
    }

    /// Nothing happened, up to this position.
    pub(super) fn alive(&mut self, position: Option<u64>) {
        self.ready.push_str(":\n");
        if position != self.told {
            self.identify(position);
        }
        self.ready.push('\n');
    }

    /// The stream ends.
    pub(super) fn closed(&mut self, problem: &Problem) {
        self.named("closed", &problem.to_json());
    }
}

/// One piece of news. A value without line breaks is one line, and JSON has none.
fn event(news: &News<'_>) -> Json {
    let mut event = Map::new();
    event.insert("type".into(), news.signal.name().into());
    event.insert("address".into(), news.address.into());
    let value = news.value.as_ref().map(|value| clasp_json::to_json(&value.to_value()));
    event.insert("value".into(), value.unwrap_or_default());
    let mut insert = |name: &str, value: Option<Json>| {
        event.extend(value.map(|value| (name.to_owned(), value)));
    };
    insert("revision", news.revision.map(Json::from));
    insert("timestamp", news.timestamp.map(Json::from));
    insert("writer", news.writer.map(Json::from));
    insert("state", news.state.then_some(Json::Bool(true)));
    if let Some(publish) = news.publish.filter(|_| news.signal == SignalType::Gesture) {
        insert("id", publish.id.map(Json::from));
        insert("phase", publish.phase.map(|phase| phase.name().into()));
    }
    Json::Object(event)
}
